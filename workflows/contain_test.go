package workflows_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/audit"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// What virtual time can't show, a terminated parent above all, is pinned on the real server in deploy/allinone/embedded.
func TestContainmentOutlivesItsIncident(t *testing.T) {
	ends := map[string]struct {
		end    func(w *world, content fstest.MapFS)
		status string
	}{
		"closed": {func(w *world, _ fstest.MapFS) { w.policy.Settings.Quiet = 20 * time.Minute }, "closed"},
		"failed": {fails, "contained"},
		"cancelled": {func(w *world, _ fstest.MapFS) {
			w.mayFail = true
			w.at(30*time.Minute, func() { w.env.CancelWorkflowByID(host, "") })
		}, "closed"},
		"continued as new": {func(w *world, _ fstest.MapFS) {
			w.at(10*time.Minute, func() { w.grows(host) })
			w.attacked(11*time.Minute, bare)
			w.policy.Settings.Quiet = 20 * time.Minute
		}, "closed"},
	}
	for name, tt := range ends {
		t.Run(name, func(t *testing.T) {
			plan := planOf(only(block("wazuh", soar.Auto, 4*time.Hour), block("pfsense", soar.Auto, 4*time.Hour)))
			w := newWorld(t, plan)
			w.attacked(time.Second, bare)
			tt.end(w, plan)
			w.at(2*time.Hour, func() {
				if w.front.running[host] {
					t.Error("the incident should be over")
				}
				w.held("agent shop-01 "+attacker, "pfsense "+attacker)
			})
			w.at(4*time.Hour-time.Minute, func() { w.held("agent shop-01 "+attacker, "pfsense "+attacker) })
			w.at(4*time.Hour+2*time.Minute, func() { w.held() })

			w.plays(day)

			if r := w.record(); r.Status != tt.status {
				t.Errorf("the record says %s, want %s", r.Status, tt.status)
			}
			if len(w.records()) != 1 {
				t.Errorf("%d episodes", len(w.records()))
			}
		})
	}
}

// fails lets the policy become unreadable before news that matters: the incident can't judge.
func fails(w *world, content fstest.MapFS) {
	w.mayFail = true
	w.at(30*time.Minute, func() {
		content["policies/policy.yaml"] = &fstest.MapFile{Data: []byte("no policy")}
		w.news(w.detected(bare, from(second)))
	})
	w.at(time.Hour+50*time.Minute, func() {
		if said := w.board.said("ERROR"); len(said) != 1 || !strings.Contains(said[0], "can't go on by itself") {
			w.t.Errorf("people were told %v", said)
		}
	})
}

// The stage's end terminates the incident, as an administrator may.
func TestContainmentOutlivesATerminatedIncident(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Auto, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.at(4*time.Hour-time.Minute, func() {
		if w.front.running[host] {
			t.Error("the incident still runs")
		}
		w.held("agent shop-01 " + attacker)
	})

	w.plays(time.Hour)

	w.held()
}

func TestAPersonReleasesEarly(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.at(time.Hour, func() {
		w.held("pfsense " + attacker)
		w.releases("ana")
	})
	w.at(time.Hour+time.Minute, func() { w.held() })

	w.plays(2 * day)

	w.told(w.record(), "Released (ana), and read back as gone")
	var actors []string
	for _, e := range w.chain() {
		if e.What == "released" {
			actors = append(actors, e.Actor)
		}
	}
	if !slices.Equal(actors, []string{"ana"}) {
		t.Errorf("the audit log says that %v released it", actors)
	}
}

// releases lets a person end what is held on the firewall.
func (w *world) releases(person string) {
	w.t.Helper()
	held := w.action(w.record(), "pfsense", attacker)
	if err := w.env.SignalWorkflowByID(activities.ContainID(held.ID), activities.ReleaseSignal, person); err != nil {
		w.t.Error(err)
	}
}

// chain is the audit log of the host's newest incident, in order.
func (w *world) chain() []audit.Entry { w.t.Helper(); return w.chainOf(w.record().ID) }

func (w *world) chainOf(chain string) (entries []audit.Entry) {
	w.t.Helper()
	for _, text := range w.office.Search.Documents("sallyport-audit-*") {
		var e audit.Entry
		if err := json.Unmarshal(text, &e); err != nil {
			w.t.Fatal(err)
		}
		if e.Chain == chain {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b audit.Entry) int { return int(a.Seq - b.Seq) })
	return entries
}

// A release that does not succeed raises one alarm, whatever runs it takes, and keeps who asked for it.
func TestAReleaseThatFailsIsToldOnceAndGoesOn(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.at(time.Hour, func() {
		w.office.Firewall.Faults.FailFor(http.StatusServiceUnavailable, 2*time.Hour, http.MethodPatch)
		w.releases("ana")
	})
	w.at(time.Hour+9*time.Minute, func() {
		if said := w.board.said("ERROR"); len(said) != 0 {
			t.Errorf("too early: %v", said)
		}
		w.grows(activities.ContainID(w.action(w.record(), "pfsense", attacker).ID))
	})
	w.at(2*time.Hour+30*time.Minute, func() {
		w.held("pfsense " + attacker)
		w.grows(activities.ContainID(w.action(w.record(), "pfsense", attacker).ID))
	})
	w.at(3*time.Hour+5*time.Minute, func() { w.held() })

	w.plays(2 * day)

	if said := w.board.said("ERROR"); len(said) != 1 || !strings.Contains(said[0], "Can't release block_address "+attacker) {
		t.Errorf("people were told %v", said)
	}
	w.told(w.record(), "Released (ana), and read back as gone")
}

func TestWhatNobodyCouldReadBackIsToldAndStillReleased(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Auto, 4*time.Hour))))
	lift := w.office.Search.Inject(opensearchtest.Fault{Operation: "search", Carries: "data.sallyport.nonce", Status: http.StatusServiceUnavailable})
	w.attacked(time.Second, bare)
	w.at(time.Hour, func() {
		w.held("agent shop-01 " + attacker) // it is in force, and nobody can see it
		if a := w.action(w.record(), "wazuh", attacker); a.State != string(soar.Unconfirmed) || a.ConfirmedAt != nil || a.Reason == "" {
			t.Errorf("what nobody saw is %+v", a)
		}
		if said := w.board.said("WARN"); len(said) != 1 || !strings.Contains(said[0], "Unconfirmed: block_address "+attacker) {
			t.Errorf("people were told %v", said)
		}
		lift()
	})
	w.at(4*time.Hour+5*time.Minute, func() { w.held() })

	w.plays(2 * day)

	if a := w.action(w.record(), "wazuh", attacker); a.State != string(soar.Released) {
		t.Errorf("it ends as %+v", a)
	}
}

// The firewall is down for a minute: its block comes later, and what happens on the agent does not wait for it.
func TestAnOutageOfAMinuteIsOutlasted(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Auto, 4*time.Hour), block("pfsense", soar.Auto, 4*time.Hour))))
	w.office.Firewall.Faults.FailFor(http.StatusServiceUnavailable, 100*time.Second, "")
	w.attacked(time.Second, bare)
	w.at(30*time.Second, func() { w.held("agent shop-01 " + attacker) })
	w.at(5*time.Minute, func() { w.held("agent shop-01 "+attacker, "pfsense "+attacker) })

	w.plays(2 * day)

	w.held()
}

func TestAFailedActionLiftsNoOther(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Auto, 4*time.Hour), block("pfsense", soar.Auto, 4*time.Hour))))
	w.office.Firewall.Deny("PATCH /api/v2/firewall/alias")
	w.attacked(time.Second, bare, from(attacker, second))
	w.at(time.Hour, func() { w.held("agent shop-01 "+attacker, "agent shop-01 "+second) })

	w.plays(2 * day)

	r := w.record()
	for _, target := range []string{attacker, second} {
		if a := w.action(r, "wazuh", target); a.State != string(soar.Released) || a.ConfirmedAt == nil {
			t.Errorf("on the agent: %+v", a)
		}
		if a := w.action(r, "pfsense", target); a.ConfirmedAt != nil {
			t.Errorf("on the firewall: %+v", a)
		}
	}
	live, err := w.envelope.ListContainments(context.Background(), activities.None{})
	if err != nil || len(live.Containments) != 0 {
		t.Errorf("the register still lists %+v (%v)", live.Containments, err)
	}
}
