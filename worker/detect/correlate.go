package detect

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// memory is what the dispatcher knows of what it has read. It goes from one lease term to the next in this process, as
// long as nobody else wrote the cursor; else it is rebuilt from the ledger and the matches.
type memory struct {
	state   *correlate.State
	library *rules.Library
	fired   []opensearch.Entry // not written yet
	cursor  opensearch.Held    // when the term ended
	told    map[string]correlate.Counts
	failed  time.Time // when it could not be rebuilt
}

// recallAgain is how long after it failed a memory is rebuilt again: that asks the cluster for all that it was made of.
const recallAgain = 5 * time.Second

// takeMemory hands the memory over, if it is that of the cursor.
func (d *Detect) takeMemory(cursor opensearch.Held) *memory {
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := d.memory
	if d.memory = nil; kept == nil || !kept.cursor.Same(cursor) {
		return &memory{}
	}
	return kept
}

func (d *Detect) keepMemory(m *memory, cursor opensearch.Held) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m.cursor = cursor
	d.memory = m
}

// ready reports whether the memory is that of the rules in use, and makes it so if it can.
func (p *dispatcher) ready(ctx context.Context) bool {
	if p.d.Rules == nil {
		return true
	}
	m, library := p.memory, p.d.Rules.Library()
	if m.library == library || m.state != nil && m.state.Set().Same(library.Correlate) {
		m.library = library
		return true
	}
	if apart := p.now().Sub(m.failed); apart >= 0 && apart < recallAgain {
		return false
	}
	state, err := p.recall(ctx, library.Correlate)
	if err != nil {
		m.failed = p.now()
		p.d.Metrics.unsignalled.Inc()
		p.log.Warn("what was read before can't be recalled; it will be tried again", "error", err)
		return false
	}
	m.state, m.library, m.told = state, library, map[string]correlate.Counts{}
	return true
}

// recall makes a memory of what stands before the cursor.
func (p *dispatcher) recall(ctx context.Context, set *correlate.Set) (*correlate.State, error) {
	state := correlate.New(set, correlate.Usual)
	if set.Len() == 0 {
		return state, nil
	}
	now := p.now()
	newest := p.held.Newest
	if newest.IsZero() || newest.After(now) {
		newest = now
	}
	count := 0
	err := p.d.ledger.Recall(ctx, sortedPositions(p.positions), newest.Add(-set.Memory()), set.IDs(), func(hit opensearch.Hit, known bool) error {
		event, counts := eventOf(hit, now)
		switch {
		case event == nil:
		case known && counts:
			state.Recall(event)
			count++
		default:
			state.Remember(event)
		}
		return nil
	})
	p.log.Info("correlations recall what was read before", "events", count, "entries", state.Entries())
	return state, err
}

// eventOf reads a document as correlations see it; nil if it is none. What is late or suppressed does not count.
func eventOf(hit opensearch.Hit, now time.Time) (event *correlate.Event, counts bool) {
	var d soar.Detection
	if json.Unmarshal(hit.Source, &d) != nil || d.Entity.Name == "" {
		return nil, false
	}
	return seen(soar.DetectionRef{Index: hit.Index, ID: hit.ID}, d, now)
}

// seen is eventOf for a document that is decoded already.
func seen(ref soar.DetectionRef, d soar.Detection, now time.Time) (event *correlate.Event, counts bool) {
	if d.ReadAt.Unix() <= 0 {
		return nil, false
	}
	event = &correlate.Event{
		Ref: ref, Rule: d.Rule.ID, Level: d.Rule.Level, Time: d.EventTime, ReadAt: d.ReadAt, FedAt: now, Stream: d.Stream,
		Entity: d.Entity, Asset: d.Asset, Event: d.Event, Observables: d.Observables, Match: opensearch.IsMatch(ref.Index),
	}
	for name, text := range d.Correlate {
		event.Values = append(event.Values, correlate.Value{Name: name, Text: text})
	}
	slices.SortFunc(event.Values, func(a, b correlate.Value) int { return strings.Compare(a.Name, b.Name) })
	return event, !d.Late && d.SuppressedBy == ""
}

// correlate feeds one document; what fires is kept until it is written.
func (p *dispatcher) correlate(hit opensearch.Hit, d soar.Detection) {
	now := p.now()
	if d.ReadAt.Sub(now) > correlate.Ahead {
		p.d.Metrics.ahead.WithLabelValues(d.Stream, clockOfReader).Inc()
	}
	if m := p.memory; m.state != nil {
		m.fired = append(m.fired, m.feed(soar.DetectionRef{Index: hit.Index, ID: hit.ID}, d, now)...)
	}
}

// feed remembers a document and returns what fires on it now.
func (m *memory) feed(ref soar.DetectionRef, d soar.Detection, now time.Time) (fired []opensearch.Entry) {
	event, counts := seen(ref, d, now)
	switch {
	case event == nil:
	case !counts:
		m.state.Remember(event)
	default:
		for _, firing := range m.state.Feed(event) {
			fired = append(fired, m.entryOf(firing, now))
		}
	}
	return fired
}

// writeFired writes what fired. An entry that is there already was written before a restart.
func (p *dispatcher) writeFired(ctx context.Context) error {
	m := p.memory
	if len(m.fired) > 0 {
		if _, err := p.d.ledger.Write(ctx, m.fired); err != nil {
			return err
		}
		for _, entry := range m.fired {
			p.d.Metrics.fired.WithLabelValues(entry.Detection.Rule.ID).Inc()
		}
		m.fired = nil
	}
	if m.state != nil {
		p.sayCounts()
	}
	return nil
}

// sayCounts brings the metrics up to what the memory counted.
func (p *dispatcher) sayCounts() {
	m := p.d.Metrics
	for rule, now := range p.memory.state.Counts() {
		before := p.memory.told[rule]
		m.silent.WithLabelValues(rule).Add(float64(now.Silent - before.Silent))
		m.evicted.WithLabelValues(rule).Add(float64(now.Evicted - before.Evicted))
		m.tooLate.WithLabelValues(rule).Add(float64(now.Late - before.Late))
		p.memory.told[rule] = now
	}
	m.remembered.Set(float64(p.memory.state.Entries()))
}

// newest is what the cursor says of the memory.
func (m *memory) newest(before time.Time) time.Time {
	if m.state == nil {
		return before
	}
	return later(before, m.state.Newest())
}
