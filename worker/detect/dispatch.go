package detect

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// dispatcherReader is the dispatcher's cursor document: whoever saves it is the one dispatcher.
const dispatcherReader = "dispatcher"

// How the ledger is read: it is ours and small, so a hole is refreshed rather than waited for.
const (
	ledgerPoll = 250 * time.Millisecond // from one look at it to the next, whatever was told in between
	ledgerPage = 1000
	maxWaiting = 200_000        // detections in memory; beyond it the sweep tells incidents that do not run of what comes
	mostInAll  = 2 * maxWaiting // with those of incidents that run; beyond it the ledger is not read
)

// dispatcher is one lease term of the one dispatcher.
type dispatcher struct {
	*tail
	d      *Detect
	held   opensearch.Held
	queues map[string]*queue
	said   time.Time // the hour for which an overload was reported
	term   activities.DispatchTerm
	memory *memory
	total  int  // detections that wait
	full   bool // some were left to the sweep

	tellers *tellers
	out     int  // incidents that the tellers have
	fresh   int  // of them, those that open one and that nothing is known to run for
	purse   int  // tokens taken, and not handed to one of these
	more    bool // are due than there was room for
}

// Dispatch carries out activities.Dispatch. The cursor stays before the oldest detection that was not signalled, so that
// a retry signals again what may not have arrived; incidents claim, and what is claimed counts once.
func (d *Detect) Dispatch(ctx context.Context, in activities.DispatchRequest) (activities.DispatchTerm, error) {
	if in.Term <= 0 {
		return activities.DispatchTerm{}, activities.Permanent(fmt.Errorf("dispatch for a term of %s", in.Term))
	}
	ctx, cancel := lease(ctx, in.Term)
	defer cancel()
	held, err := d.cursors.Load(ctx, dispatcherReader)
	if err != nil {
		if ctx.Err() != nil {
			return activities.DispatchTerm{}, nil
		}
		return activities.DispatchTerm{}, retryable{fmt.Errorf("dispatch: %w", err)}
	}
	p := d.newDispatcher(held)
	p.memory = d.takeMemory(held)
	if err := p.run(ctx); err != nil {
		return p.term, retryable{fmt.Errorf("dispatch: %w", err)}
	}
	d.keepMemory(p.memory, p.held)
	return p.term, nil
}

func (d *Detect) newDispatcher(held opensearch.Held) *dispatcher {
	p := &dispatcher{d: d, held: held, queues: map[string]*queue{}}
	positions := map[shardKey]*opensearch.Position{}
	gather(positions, held.Shards, 1, 0)
	nothing := func(int) {}
	p.tail = &tail{
		client: d.State, pattern: opensearch.CorrelatedPattern, ours: true, page: ledgerPage, lag: 0, now: d.Now, log: d.Log.With("reader", dispatcherReader),
		owns: func(shardKey) bool { return true }, sink: p.take, save: p.saveCursor,
		lost: func(context.Context, *opensearch.Position, int64, string) error { return nil },
		count: counts{
			holes: nothing, refreshes: nothing, rewinds: nothing, missing: nothing, closed: nothing, failures: d.Metrics.unsignalled.Inc,
			unseen: func([]string) {}, // there is no ledger before the first detection
			lag:    func(*opensearch.Position, time.Time) {}, forget: func(*opensearch.Position) {},
		},
		positions: positions, paces: map[shardKey]*pace{}, vanished: map[shardKey]bool{}, settled: map[shardKey]bool{}, saved: d.Now(),
	}
	return p
}

func (p *dispatcher) run(ctx context.Context) error {
	p.tellers = startTellers(ctx, p.d.Signaller)
	err := p.watch(ctx)
	p.rest(ctx)
	if err != nil || !p.dirty {
		return err
	}
	return p.store(ctx)
}

// watch reads the ledger and plans who is told what, and again, while the tellers tell it.
func (p *dispatcher) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		looked := time.Now()
		if p.total < mostInAll && p.ready(ctx) {
			err := p.poll(ctx)
			switch {
			case ctx.Err() != nil:
			case isFatal(err):
				return err
			case err != nil:
				p.log.Warn("ledger is not read to its end; the rest goes on", "error", err)
			}
		}
		if ctx.Err() == nil {
			p.plan(ctx)
		}
		if p.dirty && p.now().Sub(p.saved) >= saveEvery && ctx.Err() == nil {
			if err := p.store(ctx); err != nil {
				return err
			}
		}
		p.d.Metrics.waiting.Set(float64(p.total))
		p.hear(ctx, looked.Add(ledgerPoll))
	}
	return nil
}

// take feeds a page of the ledger or the matches to the correlations, and when what fires is written, sorts the ledger's
// into queues. Documents that an incident claimed come again, since a claim writes them; they are passed over.
func (p *dispatcher) take(ctx context.Context, position *opensearch.Position, hits []opensearch.Hit) error {
	read := make([]soar.Detection, len(hits))
	for i, hit := range hits {
		if err := json.Unmarshal(hit.Source, &read[i]); err != nil || read[i].Entity.Name == "" {
			p.log.Error("ledger document is not one that Sallyport wrote", "index", hit.Index, "id", hit.ID)
			read[i] = soar.Detection{}
			continue
		}
		p.correlate(hit, read[i])
	}
	if err := p.writeFired(ctx); err != nil {
		return err
	}
	for i, detection := range read {
		if detection.Entity.Name == "" || opensearch.IsMatch(hits[i].Index) {
			continue
		}
		p.term.Detections++
		if detection.IncidentID != "" || detection.SuppressedBy != "" {
			continue
		}
		p.enqueue(detection, waitingRef{
			ref: soar.DetectionRef{Index: hits[i].Index, ID: hits[i].ID}, key: shardKey{position.UUID, position.Shard}, seq: hits[i].SeqNo,
		})
	}
	return nil
}

// enqueue lets a detection wait for its incident's turn. When too many wait, most of them for tokens, those of incidents
// that do not run are left to the sweep, so that those that do, and correlations, go on.
func (p *dispatcher) enqueue(detection soar.Detection, ref waitingRef) {
	key := detection.Entity.IncidentKey()
	q := p.queues[key]
	if p.total >= maxWaiting && (q == nil || !q.open) && detection.Entity.Family != soar.OwnFamily {
		p.leave()
		return
	}
	if q == nil {
		q = &queue{entity: detection.Entity.Normalised()}
		p.queues[key] = q
	}
	if detection.OpensIncident() {
		q.opens = append(q.opens, ref)
	} else {
		q.joins = append(q.joins, ref)
	}
	p.total++
}

// leave says, once a term, that the sweep has to find what comes.
func (p *dispatcher) leave() {
	if !p.full {
		p.log.Warn("too many detections wait: what comes for incidents that do not run is left to the sweep", "waiting", p.total)
	}
	p.full = true
}

// saveCursor saves each position, but before the oldest detection of its shard that still waits.
func (p *dispatcher) saveCursor(ctx context.Context) error {
	p.held.Updated, p.held.Newest = p.now().UTC(), p.memory.newest(p.held.Newest)
	p.held.Shards = sortedPositions(p.positions)
	oldest := map[shardKey]int64{}
	for _, q := range p.queues {
		for _, list := range [][]waitingRef{q.opens, q.joins} {
			for _, one := range list {
				if seq, there := oldest[one.key]; !there || one.seq < seq {
					oldest[one.key] = one.seq
				}
			}
		}
	}
	for i, position := range p.held.Shards {
		if seq, waits := oldest[shardKey{position.UUID, position.Shard}]; waits {
			p.held.Shards[i].Seq = min(position.Seq, seq-1)
		}
	}
	return p.d.cursors.Save(ctx, &p.held)
}
