package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// ends terminates a workflow, as somebody may in the web interface.
func (w *world) ends(after time.Duration, id string) {
	w.at(after, func() { w.env.CancelWorkflowByID(id, "") })
}

// limits are what is kept of limits and kill switch.
func (w *world) limits() activities.LimitsState {
	w.t.Helper()
	state, err := opensearch.NewRegister(w.state).Limits(context.Background())
	if err != nil {
		w.t.Error(err)
	}
	return state
}

// loses deletes a document, as nobody should.
func (w *world) loses(index, id string) {
	w.t.Helper()
	d, found, err := w.state.Get(context.Background(), index, id)
	if err == nil && found {
		err = w.state.Delete(context.Background(), d)
	}
	if err != nil || !found {
		w.t.Errorf("%s/%s: there %v, %v", index, id, found, err)
	}
}

func TestALostLimitsWorkflowLiftsNoHalt(t *testing.T) {
	w := newWorld(t)
	w.mayFail = true
	w.throws(time.Second, activities.HaltUpdate, "ana", "maintenance")
	w.at(10*time.Second, func() {
		if kept := w.limits(); !kept.Switch.Halted || kept.Switch.By != "ana" {
			t.Errorf("kept %+v", kept)
		}
	})
	w.ends(20*time.Second, activities.LimitsID)
	w.attacked(30 * time.Second)
	w.at(5*time.Minute, func() {
		w.held()
		if a := w.action(w.now(), "pfsense", attacker); a.State != string(soar.Refused) || !strings.Contains(a.Reason, "does not run") && !strings.Contains(a.Reason, "limits") {
			t.Errorf("without limits: %+v", a)
		}
	})
	w.startAt(6*time.Minute, "reconcile", "Reconcile", 2*time.Minute)
	w.at(7*time.Minute, func() {
		answer, err := w.env.QueryWorkflowByID(activities.LimitsID, activities.LimitsQuery)
		var state activities.SwitchState
		if err == nil {
			err = answer.Get(&state)
		}
		if err != nil || !state.Halted || state.By != "ana" {
			t.Errorf("started again it says %+v, %v", state, err)
		}
		if said := w.board.said("ERROR"); len(said) != 1 || !strings.Contains(said[0], "kill switch") {
			t.Errorf("people were told %q", said)
		}
	})

	w.plays(10 * time.Minute)
}

func TestALostLimitsWorkflowForgetsNoCount(t *testing.T) {
	w := newWorld(t, policyWith("cap: 20", "cap: 1"))
	w.mayFail = true
	w.attacked(time.Second)
	w.at(time.Minute, func() {
		w.held("pfsense " + attacker)
		if kept := w.limits(); len(kept.Taken) != 1 || kept.Taken[0].Kind != soar.BlockAddress {
			t.Errorf("kept %+v", kept)
		}
		w.loses("sallyport-containments", "limits")
	})
	w.ends(2*time.Minute, activities.LimitsID)
	w.startAt(3*time.Minute, "reconcile", "Reconcile", 2*time.Minute)
	w.attacked(4*time.Minute, from(second), tactic("lateral-movement"))
	w.at(10*time.Minute, func() {
		w.held("pfsense " + attacker)
		if kept := w.limits(); len(kept.Taken) != 1 {
			t.Errorf("by the register %+v", kept)
		}
	})

	w.plays(3 * day) // the block ends within the play
}
