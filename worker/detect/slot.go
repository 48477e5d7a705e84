package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// slot is one lease term of one slot of a stream.
type slot struct {
	*tail
	d       *Detect
	stream  Stream
	number  int
	matcher Matcher
	held    opensearch.Held
	term    activities.SlotTerm
	unseen  error // parts of the pattern match nothing

	sampled time.Time // since when events that can't be read are named
	named   int       // how many were, since
	unnamed int       // how many were not, since the last one that was

	toldSlow time.Time // when an event was last named that took long

	lateness opensearch.Lateness
	timeless []string // events of this page without a usable time
}

// ReadSlot carries out activities.ReadSlot. A retry goes on from the cursor; what it reads twice meets its own documents
// in the ledger. Two attempts at once do no harm: the cursor lets only one go on. A stream that this worker's config has
// not, or divides otherwise than the request, is not read: the answer says so.
func (d *Detect) ReadSlot(ctx context.Context, in activities.SlotRequest) (activities.SlotTerm, error) {
	if in.Slot < 0 || in.Slot >= in.Slots || in.Term <= 0 {
		return activities.SlotTerm{}, activities.Permanent(fmt.Errorf("stream %q: slot %d of %d for a term of %s", in.Stream, in.Slot, in.Slots, in.Term))
	}
	stream := d.streams[in.Stream] // the zero stream has no slots
	if stream.Slots != in.Slots {
		return activities.SlotTerm{Slots: stream.Slots}, nil
	}
	ctx, cancel := lease(ctx, in.Term)
	defer cancel()
	s, err := d.openSlot(ctx, stream, in.Slot)
	if err != nil {
		if ctx.Err() != nil {
			return activities.SlotTerm{Slots: stream.Slots}, nil
		}
		d.pulse.note(slotName(stream.Name, in.Slot), err)
		return activities.SlotTerm{}, retryable{fmt.Errorf("stream %s slot %d: %w", stream.Name, in.Slot, err)}
	}
	err = s.run(ctx)
	s.term.Watermark = s.watermark
	if err != nil {
		return s.term, retryable{fmt.Errorf("stream %s slot %d: %w", stream.Name, in.Slot, err)}
	}
	return s.term, nil
}

func (d *Detect) openSlot(ctx context.Context, stream Stream, number int) (*slot, error) {
	client, err := d.cluster(stream)
	if err != nil {
		return nil, err
	}
	matcher, err := d.Matcher(stream)
	if err != nil {
		return nil, err
	}
	head, err := d.head(ctx, client, stream, matcher.TimePaths())
	if err != nil {
		return nil, err
	}
	s := &slot{d: d, stream: stream, number: number, matcher: matcher, term: activities.SlotTerm{Slots: stream.Slots}}
	var positions map[shardKey]*opensearch.Position
	if s.held, positions, err = d.seed(ctx, head, stream, number); err != nil {
		return nil, err
	}
	s.held.Started = head.Started
	if s.held.Lateness != nil {
		s.lateness = *s.held.Lateness
	}
	s.tail = &tail{
		client: client, pattern: stream.Index, page: stream.Page, lag: *stream.Lag, now: d.Now, log: d.Log.With("stream", stream.Name, "slot", number),
		owns: func(key shardKey) bool { return key.slotOf(stream.Slots) == number },
		sink: s.take, lost: s.lose, save: s.saveCursor, count: s.counts(),
		positions: positions, paces: map[shardKey]*pace{}, vanished: map[shardKey]bool{}, settled: map[shardKey]bool{}, watermark: s.held.Watermark, saved: d.Now(), tally: s.held.Gone,
	}
	s.stalls.resume(s.held.Stalls)
	return s, nil
}

// run polls until the lease ends. Only a cursor that can't be saved ends it earlier.
func (s *slot) run(ctx context.Context) error {
	defer s.forget()
	for ctx.Err() == nil {
		began := s.now()
		err := s.poll(ctx)
		if ctx.Err() == nil {
			s.beats(err)
		}
		switch {
		case ctx.Err() != nil:
		case isFatal(err):
			return err
		case err != nil:
			s.log.Warn("stream is not read to its end; the rest goes on", "error", err)
		}
		s.d.Metrics.watermark.WithLabelValues(s.stream.Name, strconv.Itoa(s.number)).Set(float64(s.watermark.UnixMilli()) / 1000)
		if !s.behind {
			pause(ctx, s.stream.Poll-s.now().Sub(began))
		}
	}
	if !s.dirty {
		return nil
	}
	return s.store(ctx) // so that the next term begins here
}

// forget takes this slot's gauges away: another worker may read it from now on, and says how it stands.
func (s *slot) forget() {
	for _, position := range s.positions {
		s.count.forget(position)
	}
	s.count.stalled(nil, s.stalls.list())
	s.d.Metrics.watermark.DeleteLabelValues(s.stream.Name, strconv.Itoa(s.number))
	s.d.Metrics.missing.DeleteLabelValues(s.stream.Name, strconv.Itoa(s.number))
	s.d.Metrics.closed.DeleteLabelValues(s.stream.Name, strconv.Itoa(s.number))
	s.d.Metrics.unseen.DeleteLabelValues(s.stream.Name, strconv.Itoa(s.number))
}

// take makes detections of a page's documents and returns when they are in the ledger.
func (s *slot) take(ctx context.Context, position *opensearch.Position, hits []opensearch.Hit) error {
	if len(hits) == 0 {
		return nil
	}
	if position.Created.IsZero() { // it decides the ledger's month
		return errors.New("index was deleted while it was read")
	}
	var entries, matches []opensearch.Entry
	for _, hit := range hits {
		for _, entry := range s.evaluate(position, hit) {
			if entry.Detection.OnlyFeeds {
				matches = append(matches, entry)
			} else {
				entries = append(entries, entry)
			}
		}
	}
	fed, err := s.d.ledger.Write(ctx, matches)
	if err != nil {
		return err
	}
	s.sayTimeless()
	written, err := s.d.ledger.Write(ctx, entries)
	if err != nil {
		return err
	}
	m, name := s.d.Metrics, s.stream.Name
	m.matches.WithLabelValues(name).Add(float64(fed))
	m.documents.WithLabelValues(name).Add(float64(len(hits)))
	m.detections.WithLabelValues(name).Add(float64(written))
	m.duplicates.WithLabelValues(name).Add(float64(len(entries) - written))
	s.term.Documents += int64(len(hits))
	s.term.Detections += int64(written)
	return nil
}

func (s *slot) saveCursor(ctx context.Context) error {
	s.held.Updated, s.held.Watermark = s.now().UTC(), s.watermark
	s.held.Shards, s.held.Gone = sortedPositions(s.positions), s.tally
	all := s.stalls.list()
	s.held.Stalls, s.held.Stalled = all[:min(len(all), mostStalls)], len(all)
	if !s.watermark.IsZero() {
		s.held.Past = remember(s.held.Past, opensearch.Mark{At: s.held.Updated, Watermark: s.watermark})
	}
	if len(s.lateness.Now) > 0 {
		s.held.Lateness = &s.lateness
	}
	return s.d.cursors.Save(ctx, &s.held)
}

func sortedPositions(positions map[shardKey]*opensearch.Position) []opensearch.Position {
	sorted := make([]opensearch.Position, 0, len(positions))
	for _, position := range positions {
		sorted = append(sorted, *position)
	}
	slices.SortFunc(sorted, func(a, b opensearch.Position) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.UUID, b.UUID), cmp.Compare(a.Shard, b.Shard))
	})
	return sorted
}

// counts feeds the tail's numbers into the metrics.
func (s *slot) counts() counts {
	m, name := s.d.Metrics, s.stream.Name
	shard := func(p *opensearch.Position) []string { return []string{name, p.Index, strconv.Itoa(p.Shard)} }
	return counts{
		holes:     func(n int) { m.holes.WithLabelValues(name).Add(float64(n)) },
		refreshes: func(n int) { m.refreshes.WithLabelValues(name).Add(float64(n)) },
		rewinds:   func(n int) { m.rewinds.WithLabelValues(name).Add(float64(n)) },
		failures:  func() { m.failures.WithLabelValues(name).Inc() },
		missing:   func(n int) { m.missing.WithLabelValues(name, strconv.Itoa(s.number)).Set(float64(n)) },
		closed:    func(n int) { m.closed.WithLabelValues(name, strconv.Itoa(s.number)).Set(float64(n)) },
		unseen: func(parts []string) {
			m.unseen.WithLabelValues(name, strconv.Itoa(s.number)).Set(float64(len(parts)))
			s.unseen = s.client.Unmatched(parts)
			s.d.sayUnmatched(s.stream, s.unseen)
		},
		stalled: func(now, over []opensearch.Stall) {
			for _, one := range over {
				m.stalled.DeleteLabelValues(name, one.Index, strconv.Itoa(one.Shard))
			}
			for _, one := range now {
				m.stalled.WithLabelValues(name, one.Index, strconv.Itoa(one.Shard)).Set(s.now().Sub(one.Since).Seconds())
			}
		},
		lag: func(p *opensearch.Position, since time.Time) { m.tellShard(p, since, s.now(), shard(p)) },
		forget: func(p *opensearch.Position) {
			for _, gauge := range m.ofShard() {
				gauge.DeleteLabelValues(shard(p)...)
			}
		},
	}
}
