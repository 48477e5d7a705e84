// Package telemetry brings the Temporal SDK's metrics into the one registry of the process, and makes its logger.
//
// The SDK knows only an interface of four methods (client.MetricsHandler). Its tags differ from call to call under one
// name, which prometheus' vectors refuse, so the series are kept here and shown by an unchecked collector.
package telemetry

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
)

// buckets are the upper bounds of timers, in seconds: from one poll to one long activity.
var buckets = []float64{0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 600}

// SDKMetrics collects what the SDK measures: counters, gauges and timers named temporal_*, timers in seconds.
// It is a prometheus.Collector, and Handler gives the SDK its end.
type SDKMetrics struct {
	mu     sync.Mutex
	series map[string]*series
}

var _ prometheus.Collector = (*SDKMetrics)(nil)

// NewSDKMetrics returns an empty collector; register it where the process shows its metrics.
func NewSDKMetrics() *SDKMetrics { return &SDKMetrics{series: map[string]*series{}} }

// Handler is the SDK's end.
func (m *SDKMetrics) Handler() client.MetricsHandler { return handler{metrics: m} }

// Describe implements prometheus.Collector: nothing, since names and labels are the SDK's.
func (*SDKMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *SDKMetrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	all := slices.Collect(maps.Values(m.series))
	m.mu.Unlock()
	for _, s := range all {
		out <- s.metric()
	}
}

func (m *SDKMetrics) get(kind seriesKind, name string, tags map[string]string) *series {
	names := slices.Sorted(maps.Keys(tags))
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = tags[n]
	}
	key := name + "\x00" + strings.Join(names, "\x00") + "\x00" + strings.Join(values, "\x00")
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.series[key]; ok {
		return s
	}
	s := &series{kind: kind, values: values, desc: prometheus.NewDesc(name, "Measured by the Temporal SDK.", names, nil)}
	m.series[key] = s
	return s
}

type seriesKind int

const (
	counterSeries seriesKind = iota
	gaugeSeries
	timerSeries
)

// series is one name with one set of tags. It is the SDK's counter, gauge and timer alike.
type series struct {
	kind   seriesKind
	desc   *prometheus.Desc
	values []string

	count atomic.Int64
	gauge atomic.Uint64 // a float64's bits

	mu     sync.Mutex
	sum    float64
	total  uint64
	bucket [12]uint64
}

// Inc implements metrics.Counter.
func (s *series) Inc(by int64) { s.count.Add(by) }

// Update implements metrics.Gauge.
func (s *series) Update(to float64) { s.gauge.Store(math.Float64bits(to)) }

// Record implements metrics.Timer.
func (s *series) Record(took time.Duration) {
	seconds := took.Seconds()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum += seconds
	s.total++
	for i, bound := range buckets {
		if seconds <= bound {
			s.bucket[i]++
		}
	}
}

func (s *series) metric() prometheus.Metric {
	if s.kind == counterSeries {
		return prometheus.MustNewConstMetric(s.desc, prometheus.CounterValue, float64(s.count.Load()), s.values...)
	}
	if s.kind == gaugeSeries {
		return prometheus.MustNewConstMetric(s.desc, prometheus.GaugeValue, math.Float64frombits(s.gauge.Load()), s.values...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[float64]uint64, len(buckets))
	for i, bound := range buckets {
		counts[bound] = s.bucket[i]
	}
	return prometheus.MustNewConstHistogram(s.desc, s.total, s.sum, counts, s.values...)
}

// handler is the collector with a set of tags.
type handler struct {
	metrics *SDKMetrics
	tags    map[string]string
}

// WithTags implements client.MetricsHandler.
func (h handler) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(h.tags)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, tags)
	return handler{metrics: h.metrics, tags: all}
}

// Counter implements client.MetricsHandler.
func (h handler) Counter(name string) client.MetricsCounter {
	return h.metrics.get(counterSeries, name+"_total", h.tags)
}

// Gauge implements client.MetricsHandler.
func (h handler) Gauge(name string) client.MetricsGauge {
	return h.metrics.get(gaugeSeries, name, h.tags)
}

// Timer implements client.MetricsHandler.
func (h handler) Timer(name string) client.MetricsTimer {
	return h.metrics.get(timerSeries, name+"_seconds", h.tags)
}
