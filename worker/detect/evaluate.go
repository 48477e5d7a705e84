package detect

import (
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
)

// Evaluator says what the reader of a stream makes of an event: the same rules, the same bounds, the same detections. It
// writes nothing and counts nothing. It serves one goroutine.
type Evaluator struct {
	slot *slot
	now  time.Time
}

// NewEvaluator returns the evaluator of a stream. faulted is told of each rule whose condition fails on an event.
func NewEvaluator(live *rules.Live, stream Stream, faulted func(rule string, err error)) (*Evaluator, error) {
	matcher, err := live.For(stream.Mapping)
	if err != nil {
		return nil, err
	}
	matcher.Faulted = faulted
	e := &Evaluator{}
	quiet := slog.New(slog.DiscardHandler)
	e.slot = &slot{
		tail: &tail{now: func() time.Time { return e.now }, log: quiet}, stream: stream.withDefaults(), matcher: ruleMatcher{matcher},
		d: &Detect{Parts: Parts{Metrics: NewMetrics(prometheus.NewRegistry()), Log: quiet}},
	}
	return e, nil
}

// Evaluate tries the rules on an event of the past. Nobody knows when it was read; not before its index was made, so what
// was written there much later is late, as it was for the reader. Matches of rules that only feed correlations are no detections. An error says that no rule could be tried on it.
func (e *Evaluator) Evaluate(past opensearch.Past) ([]soar.Detection, error) {
	if e.now = past.At; past.Index.Created.After(e.now) {
		e.now = past.Index.Created
	}
	found, err := guarded(e.slot.matcher.Match, past.Source)
	if errors.Is(err, errPanic) { // as the reader: the other rules of the event are not lost
		found, err = guarded(e.slot.matcher.MatchAlone, past.Source)
	}
	found = slices.DeleteFunc(found, func(d soar.Detection) bool { return d.OnlyFeeds })
	for i := range found {
		found[i].Stream = e.slot.stream.Name
		found[i].Event = soar.EventRef{IndexUUID: past.Index.UUID, Index: past.Document.Index, ID: past.ID}
		found[i].ReadAt = e.now.UTC()
		e.slot.complete(&found[i])
	}
	return found, err
}
