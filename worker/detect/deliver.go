package detect

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How incidents are told in one pass. A signal is a round trip to the frontend, so incidents are told side by side, and the
// news of one of them one after the other.
const (
	sideBySide   = 16
	signalAtMost = 10 * time.Second
	mostNew      = 256 // new incidents of one pass, and so what a kill may cost of the bucket's tokens

	maxRefusals = 50               // new incidents asked for in vain in one pass
	holdRefused = time.Minute      // before one of them is asked for again
	joinAgain   = 10 * time.Second // before an entity without an incident is asked about again for what only joins
)

// telling is what one incident is to be told in one pass, and what became of it. It is planned and settled by the
// dispatcher, and sent by a goroutine that touches nothing else.
type telling struct {
	queue   *queue
	entity  soar.Entity
	signals []signal
	fresh   bool // opens, needs a token for it, and nothing says that an incident runs
	start   bool // may start an incident: it has a token, or needs none

	told    int  // signals that an incident took
	started bool // by the first of them
	nobody  bool // took the next one: no incident runs
	err     error
}

// refused reports that no incident runs, and that no token was left for one.
func (t *telling) refused() bool { return t.fresh && !t.start && t.nobody }

// deliver tells the incidents that are due: plan, send side by side, settle. It reports whether more are due that the pass
// had no time for.
func (p *dispatcher) deliver(ctx context.Context) (more bool) {
	due, fresh, more := p.due()
	tokens, err := p.hand(ctx, due, fresh)
	if err != nil {
		p.untold(ctx, err)
		return false
	}
	sent, inTime := p.send(ctx, due)
	var failed error
	told := 0
	for _, t := range sent {
		if p.settle(t); t.err != nil && failed == nil {
			failed = t.err
		}
		if told += t.told; t.fresh && t.started {
			tokens--
		}
	}
	p.giveBack(ctx, tokens)
	if failed != nil {
		p.untold(ctx, failed)
		return false
	}
	p.sayOverload(ctx)
	return (more || !inTime) && told > 0
}

// due plans what each incident is told that may be told now. Fresh are those that need a token; more says that so many of
// these are due that some are left for the next pass. What was told long ago is forgotten.
func (p *dispatcher) due() (due []*telling, fresh int, more bool) {
	now := p.now()
	for key, q := range p.queues {
		if q.waiting() == 0 && now.Sub(q.last) > calmAfter {
			delete(p.queues, key)
		}
		if !q.due(now) {
			continue
		}
		t := q.telling()
		if t.fresh && fresh == mostNew {
			more = true
			continue
		}
		if t.fresh {
			fresh++
		}
		due = append(due, t)
	}
	return due, fresh, more
}

// hand takes tokens for those that need one, and hands them out as far as they go.
func (p *dispatcher) hand(ctx context.Context, due []*telling, fresh int) (taken int, err error) {
	if fresh == 0 {
		return 0, nil
	}
	if taken, err = p.d.tokens.Take(ctx, fresh); err != nil {
		return 0, err
	}
	left := taken
	for _, t := range due {
		if t.fresh && left > 0 {
			t.start = true
			left--
		}
	}
	return taken, nil
}

// giveBack returns tokens that started nothing, also when the lease has just ended.
func (p *dispatcher) giveBack(ctx context.Context, tokens int) {
	if tokens == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveAtMost)
	defer cancel()
	if err := p.d.tokens.GiveBack(ctx, tokens); err != nil {
		p.log.Warn("tokens of new incidents can't be given back; time will", "tokens", tokens, "error", err)
	}
}

// untold says that a pass ended early: the frontend is busy or down, and every other would fail too.
func (p *dispatcher) untold(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	p.d.Metrics.unsignalled.Inc()
	p.log.Warn("an incident can't be told; it will be told again", "error", err)
}

// send tells incidents side by side until all are told, one fails, or it is time to read the ledger again. It returns those
// that were tried.
func (p *dispatcher) send(ctx context.Context, due []*telling) (sent []*telling, inTime bool) {
	going, stop := context.WithTimeout(ctx, ledgerPoll)
	defer stop()
	var running sync.WaitGroup
	defer running.Wait()
	var refusals atomic.Int32
	free := make(chan struct{}, sideBySide)
	for _, t := range due {
		free <- struct{}{}
		if going.Err() != nil {
			return sent, false
		}
		if t.fresh && !t.start && refusals.Load() >= maxRefusals {
			<-free
			continue
		}
		sent = append(sent, t)
		running.Go(func() {
			defer func() { <-free }()
			if t.send(ctx, p.d.Signaller); t.err != nil {
				stop()
			}
			if t.refused() {
				refusals.Add(1)
			}
		})
	}
	return sent, true
}

// send tells one incident, signal by signal, as long as it takes them.
func (t *telling) send(ctx context.Context, to Signaller) {
	for i, s := range t.signals {
		taken := true
		if i == 0 && t.start {
			t.started, t.err = startIncident(ctx, to, newsOf(t.entity, s.refs))
		} else {
			taken, t.err = joinIncident(ctx, to, newsOf(t.entity, s.refs))
		}
		if t.nobody = !taken && t.err == nil; t.nobody || t.err != nil {
			return
		}
		t.told++
	}
}

func startIncident(ctx context.Context, to Signaller, news activities.News) (started bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, signalAtMost)
	defer cancel()
	answer, err := to.SignalIncident(ctx, news)
	return answer.Started && err == nil, err
}

func joinIncident(ctx context.Context, to Signaller, news activities.News) (open bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, signalAtMost)
	defer cancel()
	return to.SignalOpenIncident(ctx, news)
}

// settle forgets what was told. What only joins, and finds no open incident, is done: it stays in the ledger as context,
// and does not count as news that the incident had. What opens one waits: for a token of the next pass, or a while if none
// was left in this one.
func (p *dispatcher) settle(t *telling) {
	q, kind := t.queue, kindJoined
	if t.started {
		kind = kindStarted
	}
	for _, s := range t.signals[:t.told] {
		p.drop(q, s, kind)
		q.told, q.last, q.open = q.told+len(s.refs), p.now(), true
		p.term.Signals++
		kind = kindJoined
	}
	if !t.nobody {
		return
	}
	q.open = false
	if next := t.signals[t.told]; !next.opens {
		p.drop(q, next, kindNothingOpen)
		q.quiet = p.now().Add(joinAgain)
	} else if t.refused() {
		q.held = p.now().Add(holdRefused)
	}
}

func (p *dispatcher) drop(q *queue, s signal, kind string) {
	q.drop(s.refs)
	p.total -= len(s.refs)
	p.dirty = true
	p.d.Metrics.signals.WithLabelValues(kind).Inc()
}
