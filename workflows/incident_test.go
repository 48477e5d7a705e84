package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func TestAnIncidentFromItsDetectionToItsClose(t *testing.T) {
	w := newWorld(t)
	w.attacked(time.Second)
	w.decides(10*time.Minute, "ana", "wazuh")
	w.decides(20*time.Minute, "ben", "ansible")
	w.at(15*time.Minute, func() { w.held("pfsense "+attacker, "agent shop-01 "+attacker) })
	w.at(2*time.Hour, func() { w.held("agent shop-01 " + attacker) })
	w.at(5*time.Hour, func() { w.held() })

	w.plays(3 * day)

	r := w.record()
	if r.Status != "closed" || r.Closed == nil || r.Verdict.Score < 60 || r.Verdict.Confidence != 1 || r.Case.System != "thehive" {
		t.Errorf("the record ends as %s, verdict %+v, case %+v", r.Status, r.Verdict, r.Case)
	}
	for _, system := range []string{"pfsense", "wazuh"} {
		if a := w.action(r, system, attacker); a.State != string(soar.Released) || a.AppliedAt == nil || a.ConfirmedAt == nil || a.ReleasedAt == nil {
			t.Errorf("on %s: %+v", system, a)
		}
	}
	if len(r.Remediation) != 1 || !r.Remediation[0].Proved || r.Remediation[0].Status != "done" {
		t.Errorf("remediation %+v", r.Remediation)
	}
	if cases := w.office.Hive.Cases(); len(cases) != 1 || cases[0].Status != "TruePositive" {
		t.Errorf("cases %+v", cases)
	}
	w.told(r, "1 detection of level high", "misp answered: 203.0.113.66 is malicious", "The inventory knows 1 open vulnerability", "The scan of shop-01 found 1 vulnerability",
		"check mode would change 1 thing on shop-01", "decided by ben (cli)", "Closed after 24h0m0s of quiet")
	if !slices.IsSortedFunc(r.Timeline, func(a, b activities.TimelineEntry) int { return a.At.Compare(b.At) }) {
		t.Error("the timeline is out of order")
	}
}

func TestARunThatClaimsNothingOpensNoCase(t *testing.T) {
	w := newWorld(t)
	others := w.detected(func(d *soar.Detection) { d.IncidentID = "another" })
	w.at(time.Second, func() { w.news(others) })
	w.at(time.Minute, func() {
		if w.front.running[host] {
			t.Error("it runs on, and has nothing")
		}
	})

	w.plays(day)

	if records, cases := w.records(), w.office.Hive.Cases(); len(records)+len(cases) != 0 {
		t.Errorf("records %+v, cases %+v", records, cases)
	}
	w.held()
}

// Each line of the chain says who acted: a person, or which part of the house.
func TestTheAuditLogTellsWhoActed(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Ask, time.Hour))))
	w.attacked(time.Second, bare)
	w.decides(10*time.Minute, "ana", "wazuh")

	w.plays(2 * day)

	who := map[string]string{}
	for _, e := range w.chain() {
		who[e.What] = e.Actor
	}
	for what, want := range map[string]string{
		"judged": activities.ActorIncident, "planned": activities.ActorIncident, "asked": activities.ActorIncident, "decided": "ana", "granted": activities.ActorIncident,
		"admitted": activities.ActorEnvelope, "contained": activities.ActorEnvelope, "released": activities.ActorEnvelope, "closed": activities.ActorIncident,
	} {
		if who[what] != want {
			t.Errorf("%s: the audit log says that %q did it, want %q", what, who[what], want)
		}
	}
}
