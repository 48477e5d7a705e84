package telemetry_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sallyport-soar/sallyport/internal/telemetry"
)

func TestSDKMetricsAreScraped(t *testing.T) {
	metrics := telemetry.NewSDKMetrics()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics)
	root := metrics.Handler().WithTags(map[string]string{"namespace": "default"})

	root.Counter("temporal_request").Inc(2)
	root.WithTags(map[string]string{"operation": "Poll"}).Counter("temporal_request").Inc(3) // other labels, same name
	root.Gauge("temporal_num_pollers").Update(7)
	root.Timer("temporal_activity_latency").Record(300 * time.Millisecond)

	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, want := range []string{
		`temporal_request_total{namespace="default"} 2`,
		`temporal_request_total{namespace="default",operation="Poll"} 3`,
		`temporal_num_pollers{namespace="default"} 7`,
		`temporal_activity_latency_seconds_bucket{namespace="default",le="0.5"} 1`,
		`temporal_activity_latency_seconds_bucket{namespace="default",le="0.1"} 0`,
	} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("want %s in\n%s", want, answer.Body)
		}
	}
}
