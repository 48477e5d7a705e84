package detect

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules"
)

// Metrics are what a reader and the dispatcher export. All names begin with sallyport_stream, sallyport_dispatch,
// sallyport_correlate or sallyport_rules.
type Metrics struct {
	documents   *prometheus.CounterVec
	detections  *prometheus.CounterVec
	duplicates  *prometheus.CounterVec
	late        *prometheus.CounterVec
	unreadable  *prometheus.CounterVec
	ruleFaults  *prometheus.CounterVec
	mistyped    *prometheus.CounterVec
	slow        *prometheus.CounterVec
	timeless    *prometheus.CounterVec
	before      *prometheus.CounterVec
	ahead       *prometheus.CounterVec
	holes       *prometheus.CounterVec
	refreshes   *prometheus.CounterVec
	rewinds     *prometheus.CounterVec
	lost        *prometheus.CounterVec
	failures    *prometheus.CounterVec
	lateness    *prometheus.HistogramVec
	lag         *prometheus.GaugeVec
	unread      *prometheus.GaugeVec
	stalled     *prometheus.GaugeVec
	shardHoles  *prometheus.GaugeVec
	shardShown  *prometheus.GaugeVec
	shardBack   *prometheus.GaugeVec
	missing     *prometheus.GaugeVec
	closed      *prometheus.GaugeVec
	unseen      *prometheus.GaugeVec
	watermark   *prometheus.GaugeVec
	signals     *prometheus.CounterVec
	waiting     prometheus.Gauge
	overload    prometheus.Gauge
	unsignalled prometheus.Counter
	rules       prometheus.Gauge
	refused     prometheus.Gauge
	matches     *prometheus.CounterVec
	fired       *prometheus.CounterVec
	silent      *prometheus.CounterVec
	evicted     *prometheus.CounterVec
	tooLate     *prometheus.CounterVec
	remembered  prometheus.Gauge
}

// Kinds of signals.
const (
	kindStarted     = "started"
	kindJoined      = "joined"
	kindNothingOpen = "nothing_open"
)

// Whose clock is ahead.
const (
	clockOfEvent  = "event"  // of the reader's
	clockOfReader = "reader" // of the dispatcher's
)

// NewMetrics makes the collectors and registers them.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		registry.MustRegister(v)
		return v
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		registry.MustRegister(v)
		return v
	}
	m := &Metrics{
		documents:  counter("sallyport_stream_documents_total", "Documents evaluated.", "stream"),
		detections: counter("sallyport_stream_detections_total", "Detections that are new in the ledger.", "stream"),
		duplicates: counter("sallyport_stream_duplicates_total", "Detections that the ledger had already.", "stream"),
		late:       counter("sallyport_stream_late_total", "Detections whose event was older than late_after.", "stream"),
		unreadable: counter("sallyport_stream_unreadable_total", "Events that no rule could be tried on, by reason (unreadable, unparsable, too_large, no_source, panic); each is named in the log.", "stream", "reason"),
		ruleFaults: counter("sallyport_stream_rule_faults_total", "Events on which a rule's condition failed, so that the rule matched nothing; each rule is named in the log.", "rule"),
		mistyped:   counter("sallyport_stream_mistyped_total", "Values that are not of the type that the stream's mapping declares, so that native rules saw no such field; counted on events that one of them might match.", "stream", "field"),
		slow:       counter("sallyport_stream_slow_events_total", "Events whose rules took 50 ms or longer; at most one in ten seconds is named in the log, with its dearest rule.", "stream"),
		timeless:   counter("sallyport_stream_timeless_total", "Events without the mapped time, or with one that can't be, named in the log; the time of reading stands in for a detection's.", "stream"),
		before:     counter("sallyport_stream_before_total", "Events that happened before the time that the stream begins at (from), and that are not evaluated.", "stream"),
		ahead:      counter("sallyport_stream_ahead_total", "Events whose own time (of: event), or detections whose time of reading (of: reader), is over five minutes ahead of the worker's clock.", "stream", "of"),
		holes:      counter("sallyport_stream_holes_total", "Sequence numbers without a document, proved by a refresh.", "stream"),
		refreshes:  counter("sallyport_stream_refreshes_total", "Refreshes forced at holes.", "stream"),
		rewinds:    counter("sallyport_stream_rewinds_total", "Shards read again because their history changed.", "stream"),
		lost:       counter("sallyport_stream_lost_total", "Operations of indices that were deleted before they were read.", "stream"),
		failures:   counter("sallyport_stream_failures_total", "Polls or shards that could not be read.", "stream"),
		lag:        gauge("sallyport_stream_lag_documents", "Operations up to the global checkpoint that are not read yet.", "stream", "index", "shard"),
		unread:     gauge("sallyport_stream_unread_seconds", "Age of a shard's oldest unread operation, since a look at the checkpoints first showed it.", "stream", "index", "shard"),
		stalled:    gauge("sallyport_stream_stalled_seconds", "For how long a shard can't be read to its end: no started primary, refused, closed. Shard -1: a whole pattern.", "stream", "index", "shard"),
		shardHoles: gauge("sallyport_stream_shard_holes", "Sequence numbers of a shard without a document, proved by a refresh, since the stream's first start.", "stream", "index", "shard"),
		shardShown: gauge("sallyport_stream_shard_refreshes", "Refreshes forced at holes of a shard since the stream's first start.", "stream", "index", "shard"),
		shardBack:  gauge("sallyport_stream_shard_rewinds", "How often a shard was read again because its history changed, since the stream's first start.", "stream", "index", "shard"),
		missing:    gauge("sallyport_stream_missing_shards", "Shards without a started primary.", "stream", "slot"),
		closed:     gauge("sallyport_stream_closed_shards", "Shards of closed indices that were not read to their end; the watermark stands until they are opened or deleted.", "stream", "slot"),
		unseen:     gauge("sallyport_stream_unseen_patterns", "Parts of the stream's index pattern that match no open index, alias or data stream and are refused; the watermark stands meanwhile.", "stream", "slot"),
		watermark:  gauge("sallyport_stream_watermark_timestamp_seconds", "All that was acknowledged before this time has been evaluated.", "stream", "slot"),
		matches:    counter("sallyport_stream_matches_total", "Matches of rules that only feed correlations, new among the matches.", "stream"),
		fired:      counter("sallyport_correlate_fired_total", "Firings of a correlation that were written, those that only feed others included.", "rule"),
		silent:     counter("sallyport_correlate_silent_total", "Firings of a correlation within its silence.", "rule"),
		evicted:    counter("sallyport_correlate_evicted_total", "Events that a correlation forgot before their time, because its memory is bounded.", "rule"),
		tooLate:    counter("sallyport_correlate_late_total", "Events that came to a correlation after their time.", "rule"),
		signals:    counter("sallyport_dispatch_signals_total", "Signals to incidents.", "kind"),
		lateness: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sallyport_stream_lateness_seconds", Help: "From an event's time to its reading.", Buckets: lateSeconds(),
		}, []string{"stream"}),
		waiting:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_dispatch_waiting_detections", Help: "Detections read from the ledger and not signalled yet."}),
		overload:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_dispatch_overload", Help: "1 while new incidents wait for a token."}),
		unsignalled: prometheus.NewCounter(prometheus.CounterOpts{Name: "sallyport_dispatch_failures_total", Help: "Signals or polls of the ledger that failed and will be tried again."}),
	}
	m.rules = prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_rules_loaded", Help: "Rules in use."})
	m.refused = prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_rules_refused", Help: "Faults of rule files when they were last read; such a file's rules stay as they were before."})
	m.remembered = prometheus.NewGauge(prometheus.GaugeOpts{Name: "sallyport_correlate_entries", Help: "Events in the memory of correlations, each once for every correlation that it feeds."})
	registry.MustRegister(m.remembered, m.lateness, m.waiting, m.overload, m.unsignalled, m.rules, m.refused)
	for _, kind := range []string{kindStarted, kindJoined, kindNothingOpen} {
		m.signals.WithLabelValues(kind)
	}
	return m
}

// Rules tells which rules are in use, and how many were refused when they were last read. The faults of those that have an
// expression, which alone fails on what an event holds, are shown from 0 on: see begin.
func (m *Metrics) Rules(used *rules.Library, refused int) {
	m.rules.Set(float64(used.Len()))
	m.refused.Set(float64(refused))
	for _, rule := range used.Native() {
		m.ruleFaults.WithLabelValues(rule.ID)
	}
}

// begin shows a stream's counters from 0 on: Prometheus sees no increase in a counter that appears with its first event,
// so the alert for a loss would sleep through the first one.
func (m *Metrics) begin(stream string) {
	for _, c := range []*prometheus.CounterVec{m.documents, m.detections, m.duplicates, m.late, m.slow, m.timeless, m.before, m.holes, m.refreshes, m.rewinds, m.lost, m.failures} {
		c.WithLabelValues(stream)
	}
	for _, of := range []string{clockOfEvent, clockOfReader} {
		m.ahead.WithLabelValues(stream, of)
	}
}

// ofShard are the gauges of one shard.
func (m *Metrics) ofShard() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{m.lag, m.unread, m.shardHoles, m.shardShown, m.shardBack}
}

// tellShard says how a shard stands.
func (m *Metrics) tellShard(p *opensearch.Position, since, now time.Time, labels []string) {
	waiting := 0.0
	if !since.IsZero() {
		waiting = now.Sub(since).Seconds()
	}
	for i, value := range []float64{float64(max(0, p.Known-p.Seq)), waiting, float64(p.Holes), float64(p.Refreshes), float64(p.Rewinds)} {
		m.ofShard()[i].WithLabelValues(labels...).Set(value)
	}
}
