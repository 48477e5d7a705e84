package cli

import (
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules/backtest"
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
