package detect

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
)

// NewRuleMatcher returns the rules for a stream's mapping as a Matcher, which follows them when they change. A rule whose
// condition fails on an event is counted, and named in the log at most once in ten minutes; a value that is not of its
// field's type is counted.
func NewRuleMatcher(live *rules.Live, stream Stream, metrics *Metrics, log *slog.Logger) (Matcher, error) {
	matcher, err := live.For(stream.Mapping)
	if err != nil {
		return nil, fmt.Errorf("rules for mapping %s: %w", stream.Mapping, err)
	}
	matcher.Absent = func(field string) { metrics.mistyped.WithLabelValues(stream.Name, field).Inc() }
	faults := &ruleFaults{metrics: metrics, log: log, told: map[string]time.Time{}}
	matcher.Faulted = faults.add
	return ruleMatcher{matcher, time.Now}, nil
}

// tellEvery is how often one rule's faults are named in the log: every event may meet them.
const tellEvery = 10 * time.Minute

// ruleFaults tells of rules whose condition fails at run time: nobody must take that for "no match".
type ruleFaults struct {
	metrics *Metrics
	log     *slog.Logger

	mu   sync.Mutex
	told map[string]time.Time // by rule
}

func (f *ruleFaults) add(rule string, err error) {
	f.metrics.ruleFaults.WithLabelValues(rule).Inc()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.told[rule]) > tellEvery {
		f.told[rule] = now
		f.log.Error("a rule fails on an event, so it matches nothing there: mend it, and give it the event that it fails on", "rule", rule, "error", cut(oneLine(err.Error()), maxSummary))
	}
}

// ruleMatcher matches at a time: suppressions end.
type ruleMatcher struct {
	rules *rules.LiveMatcher
	now   func() time.Time
}

// Match implements Matcher.
func (r ruleMatcher) Match(source []byte) ([]soar.Detection, error) {
	return r.detections(r.rules.Match(source))
}

// MatchAlone implements Matcher.
func (r ruleMatcher) MatchAlone(source []byte) ([]soar.Detection, error) {
	return r.detections(r.rules.MatchAlone(source))
}

// Dearest implements Matcher.
func (r ruleMatcher) Dearest(source []byte) (rule string, took time.Duration) {
	dearest := r.rules.Dearest(source)
	return dearest.Rule, dearest.Time
}

// EventTime implements Matcher.
func (r ruleMatcher) EventTime(source []byte) time.Time { return r.rules.EventTime(source) }

// TimePaths implements Matcher.
func (r ruleMatcher) TimePaths() []string { return r.rules.TimePaths() }

func (r ruleMatcher) detections(matches []rules.Match, err error) ([]soar.Detection, error) {
	if err != nil {
		return nil, err
	}
	found := make([]soar.Detection, len(matches))
	for i, m := range matches {
		found[i] = soar.Detection{
			Rule: m.Rule, EventTime: m.EventTime, Entity: m.Entity, Asset: m.Asset, Observables: m.Observables,
			Tactics: m.Tactics, Techniques: m.Techniques, CVEs: m.CVEs, Summary: m.Summary, Opens: m.Opens,
			Correlate: m.Correlate, OnlyFeeds: m.OnlyFeeds,
		}
		if m.Quiet.Holds(r.now()) {
			found[i].SuppressedBy = m.Quiet.ID
		}
	}
	return found, nil
}
