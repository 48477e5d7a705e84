package detect

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// Evaluator says what reader and dispatcher make of a stream's events, one after the other: the same rules, suppressions
// and correlations, the same bounds, the same detections. It writes nothing and counts nothing. It serves one goroutine.
type Evaluator struct {
	slot   *slot
	memory *memory
	now    time.Time // when the event happened
}

// NewEvaluator returns the evaluator of a stream, which has seen no event yet. faulted is told of each rule whose condition
// fails on an event.
func NewEvaluator(live *rules.Live, stream Stream, faulted func(rule string, err error)) (*Evaluator, error) {
	matcher, err := live.For(stream.Mapping)
	if err != nil {
		return nil, err
	}
	matcher.Faulted = faulted
	library := live.Library()
	e := &Evaluator{memory: &memory{library: library, state: correlate.New(library.Correlate, correlate.Usual)}}
	quiet, clock := slog.New(slog.DiscardHandler), func() time.Time { return e.now }
	e.slot = &slot{
		tail: &tail{now: clock, log: quiet}, stream: stream.withDefaults(), matcher: ruleMatcher{matcher, clock},
		d: &Detect{Parts: Parts{Metrics: NewMetrics(prometheus.NewRegistry()), Log: quiet}},
	}
	return e, nil
}

// Evaluate tries the rules on an event of the past, and feeds correlations with what they find. Events come in the order of
// time. An event counts as read when it happened, since nobody knows better; whether it came late is judged by when its
// index was made: what was written there much later was late for the reader, too. Among the answer are matches that only
// feed correlations, and what is suppressed: both say so. An error says that no rule could be tried on it.
func (e *Evaluator) Evaluate(past opensearch.Past) (found []soar.Detection, err error) {
	e.now = past.At.UTC()
	matched, err := e.slot.match(opensearch.Hit{Document: past.Document})
	if err != nil {
		return nil, err
	}
	event := soar.EventRef{IndexUUID: past.Index.UUID, Index: past.Document.Index, ID: past.ID}
	entries := e.slot.entries(matched, event, past.Index.Created, later(e.now, past.Index.Created))
	for i := range entries {
		entries[i].Detection.ReadAt = e.now
	}
	for ; len(entries) > 0; entries = entries[1:] { // what fires feeds, too, as it does from the ledger
		d := entries[0].Detection
		found = append(found, d)
		entries = append(entries, e.memory.feed(opensearch.DetectionRefFor(d, entries[0].IndexCreated), d, e.now)...)
	}
	return found, nil
}

// Reach is how long before a moment events must be evaluated for all that may matter at it to be known.
func (e *Evaluator) Reach() time.Duration { return e.memory.library.Correlate.Reach() }

// Counts say what became of each correlation's events beside firing, by its id.
func (e *Evaluator) Counts() map[string]correlate.Counts { return e.memory.state.Counts() }
