package detect_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// faulty holds for an event whose log ends in a number, and fails on every other one that has a log.
const faulty = `id: ends-in-a-number
title: A log that ends in a number
level: high
mapping: wazuh4
condition: full_log != nil and int(split(full_log, " ")[1]) > 7
events:
  - {name: a number, match: true, event: {full_log: "port 22"}}
  - {name: none, match: false, event: {full_log: "port 2"}}
`

// TestRuleFaultIsTold: a condition that fails on an event is no silent "no match", and one bad rule floods no log.
func TestRuleFaultIsTold(t *testing.T) {
	live, report := rules.NewLive(content.Files, fstest.MapFS{"detections/faulty.yaml": {Data: []byte(faulty)}})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	var log bytes.Buffer
	registry := prometheus.NewRegistry()
	matcher, err := detect.NewRuleMatcher(live, detect.Stream{Name: "events", Mapping: "wazuh4"}, detect.NewMetrics(registry), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]int{`{"full_log":"port 22"}`: 1, `{"full_log":"port"}`: 0, `{"full_log":"port ssh"}`: 0, `{}`: 0} {
		if found, err := matcher.Match([]byte(event)); err != nil || len(found) != want {
			t.Errorf("%s: %d detections, %v; want %d", event, len(found), err, want)
		}
	}
	b := &bench{T: t, registry: registry}
	if counted := b.counter("sallyport_stream_rule_faults_total"); counted != 2 {
		t.Errorf("%v faults are counted, want 2", counted)
	}
	if lines := strings.Count(log.String(), "ends-in-a-number"); lines != 1 {
		t.Errorf("the log names the rule %d times, want once:\n%s", lines, log.String())
	}
}

// TestRuleFaultOnItsOwnEvent: a rule that fails on an event that it carries is a fault of the rule.
func TestRuleFaultOnItsOwnEvent(t *testing.T) {
	own := strings.Replace(faulty, `"port 2"`, `"port"`, 1)
	trial := rules.Test(fstest.MapFS{"detections/faulty.yaml": {Data: []byte(own)}})
	if len(trial.Tested) != 2 || trial.Tested[0].Wrong() || !trial.Tested[1].Wrong() || trial.Tested[1].Err == nil || trial.Tested[1].Event != "none" {
		t.Errorf("test says %+v; want a fault on the second event", trial.Tested)
	}
}
