package detect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// lingering takes long for some events, by a clock of its own.
type lingering struct {
	everyEvent
	clock *atomic.Int64
}

func (l lingering) Match(source []byte) ([]soar.Detection, error) {
	var e event
	if json.Unmarshal(source, &e) == nil && e.N%5 == 4 {
		l.clock.Add(int64(60 * time.Millisecond))
	}
	return l.everyEvent.Match(source)
}

// TestAnEventThatTakesLongIsNamed: each is counted, one in ten seconds is named with its place and its dearest rule.
func TestAnEventThatTakesLongIsNamed(t *testing.T) {
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.put("ev-0", "one", 20)
	var clock atomic.Int64
	var log bytes.Buffer
	b.log, b.matcher = &log, lingering{clock: &clock}
	begin := time.Now()
	b.now = func() time.Time { return begin.Add(time.Duration(clock.Load())) } // only what lingers takes time
	stop := b.read(b.stream())
	b.untilRead("ev-0", "one", 20)
	stop()
	if counted := b.counter("sallyport_stream_slow_events_total"); counted != 4 {
		t.Errorf("%v slow events, want 4", counted)
	}
	if said := log.String(); strings.Count(said, "took long") != 1 || !strings.Contains(said, "id=one-4") || !strings.Contains(said, "took=60") || !strings.Contains(said, "dearest_rule=every") {
		t.Errorf("the log says %s", said)
	}
}

// buggy has a rule that panics on what takes long, whenever all rules are evaluated together.
type buggy struct{ lingering }

func (buggy) Dearest([]byte) (string, time.Duration) { panic("a rule has a bug") }

// TestARuleThatPanicsOnASlowEvent: to look for the dearest rule evaluates the event once more, and the slot outlives that too.
func TestARuleThatPanicsOnASlowEvent(t *testing.T) {
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	if _, err := b.client.Create(t.Context(), "ev-0", "bad", event{Host: "panic", Time: time.Now(), N: 4}); err != nil {
		t.Fatal(err)
	}
	var clock atomic.Int64
	b.matcher = buggy{lingering{clock: &clock}}
	b.now = func() time.Time { return time.Now().Add(time.Duration(clock.Load())) }
	b.put("ev-0", "good", 4)
	b.read(b.stream())
	b.untilRead("ev-0", "good", 4)
	if _, there := b.ledger()["ev-0/bad"]; !there || b.counter("sallyport_stream_slow_events_total") < 1 {
		t.Errorf("the event in the ledger: %v; %v slow ones", there, b.counter("sallyport_stream_slow_events_total"))
	}
}

// TestTheDearestRulesAreExported: a rule that eats time is named by a metric, and many rules do not make many series.
func TestTheDearestRulesAreExported(t *testing.T) {
	files := fstest.MapFS{}
	rule := func(id, detection string) {
		text := "title: T\nid: " + id + "\nlogsource: {category: test}\ndetection:\n  s: {" + detection + "}\n  condition: s\n"
		files[id+".yml"] = &fstest.MapFile{Data: []byte(text)}
	}
	for i := range 20 {
		rule(fmt.Sprintf("cheap-%d", i), "kind: x")
	}
	rule("dear", "kind: x, text|re: 'c.{3,200}e$'")
	live, report := rules.NewLive(files)
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	matcher, err := live.For(rules.Auto)
	if err != nil {
		t.Fatal(err)
	}
	event := []byte(`{"kind":"x","text":"e` + strings.Repeat("abba c", 1000) + `"}`)
	for range 1000 {
		if _, err := matcher.Match(event); err != nil {
			t.Fatal(err)
		}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(detect.NewRuleCosts(live))
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "sallyport_rules_seconds_total" {
		t.Fatal(families, err)
	}
	spent := map[string]float64{}
	for _, metric := range families[0].GetMetric() {
		spent[metric.GetLabel()[0].GetValue()] = metric.GetCounter().GetValue()
	}
	if len(spent) != 10 {
		t.Errorf("%d rules are exported, want 10", len(spent))
	}
	for id, seconds := range spent {
		if seconds <= 0 || seconds > spent["dear"] {
			t.Errorf("%s costs %v s, the dear rule %v s", id, seconds, spent["dear"])
		}
	}
	if dearest := matcher.Dearest(event); dearest.Rule != "dear" || dearest.Time <= 0 {
		t.Errorf("on the event the dearest is %v", dearest)
	}
}
