package workflows_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/workflows"
)

// lost puts an entry into the register, and into the firewall if it is in force there, that no workflow knows: Temporal's
// database was lost.
func (w *world) lost(id, target string, state soar.State, expires time.Duration) {
	w.t.Helper()
	ctx := context.Background()
	now := w.env.Now().UTC()
	held := soar.Containment{
		Action:   soar.Action{ID: id, Kind: soar.BlockAddress, System: "pfsense", Target: target, For: 4 * time.Hour, Mode: soar.Auto},
		Incident: "lost", IncidentKey: "incident/host/lost-01", State: state, Receipt: id, Expires: now.Add(expires),
	}
	if state != soar.Planned {
		held.AppliedAt, held.ConfirmedAt = &now, &now
		if err := w.drivers["pfsense"].Apply(ctx, []soar.Action{held.Action}); err != nil {
			w.t.Fatal(err)
		}
	}
	err := opensearch.NewRegister(w.state).Change(ctx, held.Action.Key(), func(e *soar.RegisterEntry) error { e.Put(held); return nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestReconcileGivesContainmentsTheirWorkflowsBack(t *testing.T) {
	w := newWorld(t)
	w.lost("lost-1", "203.0.113.81", soar.Contained, 2*time.Hour)
	w.lost("lost-2", "203.0.113.82", soar.Contained, -time.Hour)  // expired while nobody lived
	w.lost("lost-3", "203.0.113.83", soar.Planned, 2*time.Hour)   // never carried out
	w.lost("lost-4", "203.0.113.84", soar.Unconfirmed, time.Hour) // carried out, and nobody had read it back
	w.held("pfsense 203.0.113.81", "pfsense 203.0.113.82", "pfsense 203.0.113.84")
	w.startAt(time.Minute, "reconcile", "Reconcile", 2*time.Minute)
	w.at(5*time.Minute, func() {
		w.held("pfsense 203.0.113.81", "pfsense 203.0.113.84")
		if said := w.board.said("WARN"); len(said) != 1 {
			t.Errorf("of what was never carried out people are told %v", said)
		}
	})
	w.startAt(10*time.Minute, "reconcile", "Reconcile", 2*time.Minute) // as the schedule does
	w.at(11*time.Minute, func() {
		var r struct{ Live, Restarted int }
		if err := w.front.result("reconcile", &r); err != nil || r.Live != 3 || r.Restarted != 0 {
			t.Errorf("the second time: %+v, %v", r, err)
		}
	})
	w.at(2*time.Hour-time.Minute, func() { w.held("pfsense 203.0.113.81") })
	w.at(2*time.Hour+2*time.Minute, func() { w.held() })

	w.plays(day)

	live, err := w.envelope.ListContainments(context.Background(), activities.None{})
	if err != nil || len(live.Containments) != 0 {
		t.Errorf("the register still lists %+v, %v", live.Containments, err)
	}
	var restarted []string
	for _, e := range w.chainOf("lost") {
		if e.What == "restarted" && e.Actor == activities.ActorReconcile {
			restarted = append(restarted, e.Subject)
		}
	}
	if len(restarted) != 4 {
		t.Errorf("the audit log says that these were restarted: %v", restarted)
	}
}

// One that can't be started keeps none of the others.
func TestReconcileGoesOnAfterOneThatFails(t *testing.T) {
	w := newWorld(t)
	w.lost("lost-1", "203.0.113.81", soar.Contained, 2*time.Hour)
	w.lost("lost-2", "203.0.113.82", soar.Contained, time.Hour)
	w.start(activities.ContainID("lost-1"), "Device", "pfsense") // something else begins under its id, and runs for five minutes
	w.startAt(time.Second, "reconcile", "Reconcile", 2*time.Minute)
	w.at(500*time.Millisecond, func() { w.front.running[activities.ContainID("lost-1")] = false }) // too late to be seen
	w.at(2*time.Hour, func() { w.held("pfsense 203.0.113.81") })
	w.startAt(3*time.Hour, "reconcile", "Reconcile", 2*time.Minute)

	w.plays(day)

	w.held()
}

// recorded writes the record of an incident that is over.
func (w *world) recorded(incident string) {
	w.t.Helper()
	over := activities.IncidentRecord{ID: incident, Key: "incident/host/db-01", Entity: soar.Entity{Family: "host", Name: "db-01"}, Status: workflows.Closed, Revision: 1}
	if _, err := opensearch.NewRecords(w.state).WriteRecord(context.Background(), over); err != nil {
		w.t.Fatal(err)
	}
}

// An incident that died before its record was written has claimed what nobody else would ever hear of.
func TestReconcileFreesWhatADeadIncidentClaimed(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, time.Hour))))
	w.detected(bare, func(d *soar.Detection) { d.ReadAt, d.IncidentID = d.ReadAt.Add(-10*time.Minute), "dead" })
	w.startAt(time.Minute, "reconcile", "Reconcile", 2*time.Minute)
	w.at(2*time.Minute, func() {
		w.held("pfsense " + attacker)
		var r struct{ Freed, Signalled int }
		if err := w.front.result("reconcile", &r); err != nil || r.Freed != 1 || r.Signalled != 1 {
			t.Errorf("reconcile: %+v, %v", r, err)
		}
	})

	w.plays(2 * day)

	if r := w.record(); r.Key != host || r.Brief.Detections != 1 {
		t.Errorf("the last record is %s with %d detections", r.Key, r.Brief.Detections)
	}
}

func TestReconcileSignalsWhatNobodyClaimed(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, time.Hour))))
	w.detected(bare, func(d *soar.Detection) { d.ReadAt = d.ReadAt.Add(-10 * time.Minute) })
	w.detected(bare, func(d *soar.Detection) {
		d.ReadAt, d.Entity.Name, d.IncidentID = d.ReadAt.Add(-10*time.Minute), "db-01", "another" // claimed
	})
	w.recorded("another")
	w.startAt(time.Minute, "reconcile", "Reconcile", 2*time.Minute)
	w.startAt(2*time.Minute, "reconcile", "Reconcile", 2*time.Minute) // claimed by then
	w.at(3*time.Minute, func() {
		w.held("pfsense " + attacker)
		var r struct{ Signalled int }
		if err := w.front.result("reconcile", &r); err != nil || r.Signalled != 0 {
			t.Errorf("the second time: %+v, %v", r, err)
		}
	})

	w.plays(2 * day)

	r := w.record()
	if len(w.records()) != 2 || r.Key != host || r.Brief.Detections != 1 || !slices.Equal(r.Brief.Tactics, []string{"credential-access"}) {
		t.Errorf("%d records, the last is %s with %d detections", len(w.records()), r.Key, r.Brief.Detections)
	}
}

// A month of the ledger that nobody needs goes, and the audit log says so.
func TestReconcileDropsWhatIsOld(t *testing.T) {
	w := newWorld(t)
	then := time.Date(2020, 3, 1, 0, 0, 0, 0, time.UTC)
	old := soar.Detection{Rule: soar.Rule{ID: "r", Level: soar.Low}, Entity: soar.Entity{Family: "host", Name: "h"}, EventTime: then, ReadAt: then}
	if _, err := w.ledger.Write(context.Background(), []opensearch.Entry{{Detection: old, IndexCreated: then}}); err != nil {
		t.Fatal(err)
	}
	w.start("reconcile", "Reconcile", 2*time.Minute)

	w.plays(time.Hour)

	if left, err := w.state.Indices(context.Background(), opensearch.LedgerPattern); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	entries, err := opensearch.NewAudits(w.state).Entries(context.Background(), "house-"+w.began.UTC().Format("2006.01"))
	if err != nil || len(entries) != 1 || entries[0].What != "dropped" || entries[0].Subject != "sallyport-detections-2020.03" {
		t.Errorf("audit: %+v, %v", entries, err)
	}
}
