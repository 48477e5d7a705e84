package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/rules/backtest"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// TestBacktestKnowsWhatLiesBefore the window: a correlation whose first events are there fires within the window, one that
// fired there keeps its silence, and nothing that lies there is told.
func TestBacktestKnowsWhatLiesBefore(t *testing.T) {
	onBothPasts(t, func(p *past) {
		p.file("content/guesses.yml", "title: Guesses\nid: guesses\nlevel: high\ncorrelation:\n  {type: event_count, rules: [weak], group-by: [agent_name], timespan: 20m, condition: {gte: 4}, generate: true}\nsuppress: 1h\n")
		p.rule("content/weak.yaml", "weak", `rule_id == "910001"`)
		begin := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
		var docs []opensearch.NewDocument
		alerts := func(host string, minutes ...int) {
			for _, minute := range minutes {
				at := begin.Add(time.Duration(minute) * time.Minute)
				docs = append(docs, p.alert(len(docs), host+at.Format("1504"), at, "910001", host, "203.0.113.70"))
			}
		}
		alerts("astride", -12, -8, -4, 3)
		alerts("before", -30, -25, -20, -15, -14)
		alerts("silent", -18, -16, -14, -12, 1)
		alerts("old", -40, -4, -3, 2)
		p.write(docs)
		told := func(r backtest.Result) (rules map[string]backtest.Rule) {
			rules = map[string]backtest.Rule{}
			for _, rule := range r.Rules {
				rules[rule.ID] = rule
			}
			return rules
		}
		window := []string{"--from", begin.Format(time.RFC3339), "--to", begin.Add(time.Hour).Format(time.RFC3339)}
		code, r := p.result(window...)
		weak, guesses := told(r)["weak"], told(r)["guesses"]
		if code != 0 || r.Documents != 4 || r.Evaluated != 4 || weak.Detections != 3 || guesses.Detections != 1 || guesses.Silent != 1 || len(guesses.Most) != 1 || guesses.Most[0].Name != "host/astride" || r.Incidents.Opened != 1 {
			p.Errorf("exit %d: %+v\n%+v\n%+v", code, r, weak, guesses)
		}
		code, r = p.result(append(window, "--before", "0s")...)
		if cold := told(r)["guesses"]; code != 0 || cold.Detections != 0 {
			p.Errorf("with nothing before: exit %d, %+v", code, cold)
		}
	})
}

// TestBacktestReachesBeforeAChain: what an outer correlation remembers was made of what happened before that.
func TestBacktestReachesBeforeAChain(t *testing.T) {
	p := newPast(t)
	p.file("content/policies/risk.yaml", "weights: {low: 1}\nhalf_life: 24h\nthreshold: 0\nquiet: 24h\n")
	p.file("content/inner.yml", "title: Inner\nid: inner\ncorrelation:\n  {type: event_count, rules: [weak], group-by: [agent_name], timespan: 8h, condition: {gte: 2}}\nsuppress: 0s\n")
	p.file("content/outer.yml", "title: Outer\nid: outer\ncorrelation:\n  {type: event_count, rules: [inner], group-by: [agent_name], timespan: 8h, condition: {gte: 2}}\nsuppress: 0s\n")
	p.rule("content/weak.yaml", "weak", `rule_id == "910001"`)
	begin := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	var docs []opensearch.NewDocument
	for n, minutes := range []int{-920, -460, 1} {
		docs = append(docs, p.alert(n, fmt.Sprint("chain-", n), begin.Add(time.Duration(minutes)*time.Minute), "910001", "chain", "203.0.113.70"))
	}
	p.write(docs)
	code, r := p.result("--from", begin.Format(time.RFC3339), "--to", begin.Add(time.Hour).Format(time.RFC3339))
	if code != 0 || len(r.Rules) == 0 || r.Rules[0].ID != "outer" || r.Rules[0].Detections != 1 {
		t.Errorf("exit %d: %+v", code, r.Rules)
	}
}

// TestBacktestSaysWhatWasForgottenBeforeTheWindow, though no number of the window counts it.
func TestBacktestSaysWhatWasForgottenBeforeTheWindow(t *testing.T) {
	p := newPast(t)
	p.file("content/never.yml", "title: Never\nid: never\ncorrelation:\n  {type: event_count, rules: [weak], group-by: [agent_name], timespan: 20m, condition: {gte: 1000000}}\n")
	p.rule("content/weak.yaml", "weak", `rule_id == "910001"`)
	begin := time.Date(2026, 11, 5, 12, 0, 0, 0, time.UTC)
	var docs []opensearch.NewDocument
	for n := range correlate.Usual.PerGroup + 1 {
		docs = append(docs, p.alert(n, fmt.Sprint("busy-", n), begin.Add(-time.Minute), "910001", "busy", "203.0.113.70"))
	}
	p.write(docs)
	_, r := p.result("--from", begin.Format(time.RFC3339), "--to", begin.Add(time.Hour).Format(time.RFC3339), "--rate", "1000000")
	if last := r.Assumptions[len(r.Assumptions)-1]; !strings.Contains(last, "correlations forgot a part") {
		t.Error(last)
	}
}

// TestBacktestReadsTheWindowWithoutWhatLiesBefore: where the cluster does not give that, the window is read all the same,
// and the result says what it lacks.
func TestBacktestReadsTheWindowWithoutWhatLiesBefore(t *testing.T) {
	p := newPast(t)
	began := fmt.Sprintf(`"gte":%d`, time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC).UnixMilli())
	window := []string{"--from", "2026-11-04", "--to", "2026-11-06", "--page", "3"}
	_, whole := p.result(window...)
	for name, fault := range map[string]opensearchtest.Fault{
		"its second page": {Operation: "search", Carries: began, Skip: 2, Status: http.StatusNotFound, Type: "search_context_missing_exception"},
		"its copy":        {Operation: "search", Path: "/point_in_time", Times: 1, Status: http.StatusForbidden},
	} {
		lift := p.server.Inject(fault)
		code, r := p.result(window...)
		lift()
		if code != 1 || r.Complete || len(r.Partial) != 1 || !strings.HasPrefix(r.Partial[0], "correlations and risk know only a part of the 48h0m0s before --from: ") || r.Evaluated != whole.Documents || whole.Documents == 0 {
			t.Errorf("%s fails: exit %d, %q, %d of %d events", name, code, r.Partial, r.Evaluated, whole.Documents)
		}
	}
}

// TestBacktestInterruptedBeforeTheWindow shows that nothing of it was read.
func TestBacktestInterruptedBeforeTheWindow(t *testing.T) {
	p := newPast(t)
	ctx, stop := context.WithCancel(t.Context())
	searches := 0
	p.server.Observe("search", "/_search", func() {
		if searches++; searches == 4 { // how many have no time, how many the copy has, a page: this is the second; one more gives the copy back
			stop()
		}
	})
	var shown bytes.Buffer
	root := rootCommand(IO{Out: &shown, Err: io.Discard}, Verbs{})
	root.SetArgs([]string{"rules", "backtest", "--config", p.config, "--stream", "wazuh", "--from", "2026-11-04", "--to", "2026-11-06", "--page", "3"})
	err := root.ExecuteContext(ctx)
	const says = "PARTIAL: it was interrupted before the window began\nstream wazuh, 2026-11-04 00:00:00Z to 2026-11-06 00:00:00Z by timestamp\n0 of 0 events"
	if err == nil || !strings.HasPrefix(shown.String(), says) || searches != 5 {
		t.Errorf("%v, %d searches: %s", err, searches, shown.String())
	}
}
