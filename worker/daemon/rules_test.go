package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/worker/detect"
)

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestABrokenRuleFileIsLoud: the rule stays, the metric counts the fault, the log names the file, its line and the mend.
func TestABrokenRuleFileIsLoud(t *testing.T) {
	const good = "title: Mine\nid: mine\nlogsource: {category: test}\ndetection:\n  s: {f: x}\n  condition: s\n"
	file := filepath.Join(t.TempDir(), "mine.yml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(good)
	said, registry := &lines{}, prometheus.NewRegistry()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &daemon{config: Config{Content: []string{filepath.Dir(file)}}, log: slog.New(slog.NewTextHandler(said, nil))}
	live, err := d.rules(ctx, detect.NewMetrics(registry))
	if err != nil {
		t.Fatal(err)
	}
	loaded := live.Library().Len()
	if shown := gauges(t, registry); shown["sallyport_rules_loaded"] != float64(loaded) || shown["sallyport_rules_refused"] != 0 {
		t.Fatalf("%d rules, shown %v", loaded, shown)
	}
	write(strings.Replace(good, "condition: s", "condition: nobody", 1))
	for begin := time.Now(); gauges(t, registry)["sallyport_rules_refused"] != 1; {
		if time.Since(begin) > time.Minute {
			t.Fatalf("the fault is not shown; the log says %s", said)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if shown := gauges(t, registry); shown["sallyport_rules_loaded"] != float64(loaded) || live.Library().Len() != loaded {
		t.Errorf("%v rules are in use, want %d", shown, loaded)
	}
	if text := said.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "mine.yml:6") || !strings.Contains(text, "nobody") || !strings.Contains(text, "stays in use") {
		t.Errorf("the log says %s", text)
	}
}

// gauges are the registry's gauges without labels.
func gauges(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if metric.GetGauge() != nil && len(metric.GetLabel()) == 0 {
				shown[family.GetName()] = metric.GetGauge().GetValue()
			}
		}
	}
	return shown
}
