package detect_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestABrokenSourceFloodsNoLog: each event that can't be read is counted, some of them are named with their place, and the
// stream goes on to the good one behind them.
func TestABrokenSourceFloodsNoLog(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	const broken = 300
	var docs []opensearch.NewDocument
	for i := range broken {
		docs = append(docs, opensearch.NewDocument{Index: "ev-1", ID: fmt.Sprint("broken-", i), Doc: map[string]any{"host": 17}})
	}
	if _, err := b.client.CreateAll(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	b.put("ev-1", "good", 1)
	var log bytes.Buffer
	d, err := detect.New(detect.Parts{
		Config: detect.Config{Streams: []detect.Stream{b.stream()}}, State: b.client, Signaller: b.signaller, Metrics: b.metrics,
		Log: slog.New(slog.NewTextHandler(&log, nil)), Matcher: func(detect.Stream) (detect.Matcher, error) { return b.matcher, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := d.ReadSlot(ctx, activities.SlotRequest{Stream: "events", Slots: 1, Term: time.Minute})
		done <- err
	}()
	b.untilRead("ev-1", "good", 1)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if counted := b.counter("sallyport_stream_unreadable_total"); counted != broken {
		t.Errorf("%v are counted, want %d", counted, broken)
	}
	var named []string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "can't be read") {
			named = append(named, line)
		}
	}
	if len(named) == 0 || len(named) > 40 {
		t.Fatalf("the log names %d of %d:\n%s", len(named), broken, log.String())
	}
	for _, part := range []string{"index=ev-1", "id=broken-0", "shard=0", "seq=0", "decode event"} {
		if !strings.Contains(named[0], part) {
			t.Errorf("%q does not say %q", named[0], part)
		}
	}
}

// TestMistypedValuesAreCounted: what the mapping's type refuses is absent, and is counted by field where a rule looked.
func TestMistypedValuesAreCounted(t *testing.T) {
	const rule = "id: loud\ntitle: Loud\nlevel: low\nmapping: wazuh4\ncondition: agent_name == \"shop-01\" and rule_level > 5\nevents:\n" +
		"  - {name: loud, match: true, event: {rule: {level: 9}, agent: {name: shop-01}}}\n  - {name: low, match: false, event: {rule: {level: 3}, agent: {name: shop-01}}}\n"
	live, report := rules.NewLive(fstest.MapFS{"loud.yaml": {Data: []byte(rule)}})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	registry := prometheus.NewRegistry()
	matcher, err := detect.NewRuleMatcher(live, detect.Stream{Name: "wazuh", Mapping: "wazuh4"}, detect.NewMetrics(registry), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]int{
		`{"rule":{"level":"10"},"agent":{"name":"shop-01"}}`:          1, // a number in quotes is one
		`{"rule":{"level":"high"},"agent":{"name":"shop-01"}}`:        0, // counted
		`{"rule":{"level":[7]},"agent":{"name":"shop-01"}}`:           0, // counted
		`{"rule":{"level":null},"agent":{"name":"shop-01"}}`:          0, // absent, and nobody's fault
		`{"rule":{"level":"high"},"agent":{"name":"no-rule-asks"}}`:   0, // no candidate: nobody looked
		`{"rule":{"level":"7"},"agent":{"name":"shop-01","id":"11"}}`: 1,
	} {
		if found, err := matcher.Match([]byte(event)); err != nil || len(found) != want {
			t.Errorf("%s: %d detections, %v; want %d", event, len(found), err, want)
		}
	}
	metrics, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range metrics {
		if family.GetName() != "sallyport_stream_mistyped_total" {
			continue
		}
		if all := family.GetMetric(); len(all) != 1 || all[0].GetCounter().GetValue() != 2 || all[0].GetLabel()[0].GetValue() != "rule_level" || all[0].GetLabel()[1].GetValue() != "wazuh" {
			t.Errorf("%v", all)
		}
		return
	}
	t.Error("nothing is counted")
}
