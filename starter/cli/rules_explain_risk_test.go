package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// weighed fills a ledger with what adds to the risk of host/shop-01, and with what does not.
func (p *past) weighed() {
	p.Helper()
	if _, err := p.client.EnsureTemplates(p.Context()); err != nil {
		p.Fatal(err)
	}
	at, n := time.Date(2026, 11, 4, 12, 0, 0, 0, time.UTC), 0
	var entries []opensearch.Entry
	detected := func(rule string, level soar.Level, before time.Duration, change ...func(*soar.Detection)) {
		n++
		d := soar.Detection{
			Rule: soar.Rule{ID: rule, Title: rule, Level: level}, Stream: "wazuh", Event: soar.EventRef{IndexUUID: "u", Index: "alerts", ID: fmt.Sprint(n)},
			EventTime: at.Add(-before), ReadAt: at.Add(-before + time.Second), Entity: soar.Entity{Family: "host", Name: "shop-01"}, Summary: "seen \x1b[31m",
		}
		for _, c := range change {
			c(&d)
		}
		entries = append(entries, opensearch.Entry{Detection: d, IndexCreated: at})
	}
	for i := range 5 {
		detected("noisy", soar.Medium, time.Duration(i)*24*time.Hour)
	}
	detected("attack", soar.High, 24*time.Hour)
	for _, rule := range []string{"grave", "escape", "spread"} {
		detected(rule, soar.Critical, 0)
	}
	detected("sallyport-risk", soar.High, 0, func(d *soar.Detection) { d.Opens = true })
	detected("grave", soar.Critical, -time.Hour)                                                      // after it
	detected("grave", soar.Critical, 8*24*time.Hour)                                                  // forgotten
	detected("grave", soar.Critical, time.Hour, func(d *soar.Detection) { d.Late = true })            // does not count
	detected("grave", soar.Critical, time.Hour, func(d *soar.Detection) { d.SuppressedBy = "known" }) // nor does this
	detected("grave", soar.Critical, time.Hour, func(d *soar.Detection) { d.Entity.Name = "db" })
	detected("talk", soar.Informational, time.Hour) // weighs nothing
	if written, err := opensearch.NewLedger(p.client).Write(p.Context(), entries); err != nil || written != n {
		p.Fatalf("%d of %d written: %v", written, n, err)
	}
}

// TestExplainRisk says, from the ledger of either server, of what a risk is made at a time.
func TestExplainRisk(t *testing.T) {
	onBothPasts(t, func(p *past) {
		p.weighed()
		explain := func(args ...string) (code int, out, errs string) {
			return runRules(p.T, "", append([]string{"explain", "risk", "--config", p.config}, args...)...)
		}
		code, out, errs := explain("Host/SHOP-01", "--at", "2026-11-04T12:00:00Z", "--most", "6")
		if code != 0 || errs != "" {
			p.Errorf("exit %d: %s", code, errs)
		}
		p.golden("explain-risk.txt", out)
		code, out, _ = explain("host/shop-01", "--at", "2026-11-04T12:00:00Z", "--most", "2", "-o", "json")
		if code != 0 {
			p.Errorf("exit %d", code)
		}
		p.golden("explain-risk.json", out)
		if code, out, _ = explain("host/shop-01", "--at", "2026-11-05T12:00:00Z"); code != 0 || !strings.Contains(out, "risk 95.9 of 100, below the threshold") {
			p.Errorf("a day later: exit %d, %s", code, out)
		}
		if code, _, errs = explain("host/nobody"); code != 3 || !strings.Contains(errs, "no detection of host/nobody counts then") {
			p.Errorf("nobody's: exit %d, %s", code, errs)
		}
		for _, wrong := range [][]string{{"shop-01"}, {"/x"}, {"host/x", "--at", "yesterday"}, {}} {
			if code, _, _ = explain(wrong...); code != 2 {
				p.Errorf("%q: exit %d", wrong, code)
			}
		}
	})
}
