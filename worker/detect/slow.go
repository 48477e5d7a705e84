package detect

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules"
)

// An event takes microseconds. One that takes slow is counted, and named with the rule that costs most on it; to find that
// rule the event is evaluated again, so a stream names one in sayEvery.
const (
	slow     = 50 * time.Millisecond
	sayEvery = 10 * time.Second
)

// tellSlow tells of an event whose rules took long.
func (s *slot) tellSlow(position *opensearch.Position, hit opensearch.Hit, took time.Duration) {
	if took < slow {
		return
	}
	s.d.Metrics.slow.WithLabelValues(s.stream.Name).Inc()
	if now := s.now(); now.Sub(s.toldSlow) >= sayEvery {
		s.toldSlow = now
		dearest, its := s.dearest(hit.Source)
		s.log.Warn("an event took long to evaluate: see which rule it costs", "index", hit.Index, "id", hit.ID, "index_uuid", position.UUID,
			"bytes", len(hit.Source), "took", took.String(), "dearest_rule", dearest, "dearest_rule_took", its.String())
	}
}

// dearest names no rule where one panics: that is told by then, and takes the reader down no more than it did before.
func (s *slot) dearest(source []byte) (rule string, took time.Duration) {
	defer func() {
		if recover() != nil {
			rule, took = "", 0
		}
	}()
	return s.matcher.Dearest(source)
}

// dearestShown bounds the rules that are exported by name.
const dearestShown = 10

// RuleCosts exports the rules that cost most. It is a Prometheus collector.
type RuleCosts struct {
	live    *rules.Live
	seconds *prometheus.Desc
}

// NewRuleCosts returns the collector for the rules in use.
func NewRuleCosts(live *rules.Live) *RuleCosts {
	return &RuleCosts{live, prometheus.NewDesc("sallyport_rules_seconds_total",
		"Time spent on evaluating a rule, estimated from one event of 64: the ten rules that cost most since the start.", []string{"rule"}, nil)}
}

// Describe implements prometheus.Collector.
func (r *RuleCosts) Describe(to chan<- *prometheus.Desc) { to <- r.seconds }

// Collect implements prometheus.Collector.
func (r *RuleCosts) Collect(to chan<- prometheus.Metric) {
	for _, cost := range r.live.Dearest(dearestShown) {
		to <- prometheus.MustNewConstMetric(r.seconds, prometheus.CounterValue, cost.Time.Seconds(), strings.ToValidUTF8(cost.Rule, "?"))
	}
}
