package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

var many = from("203.0.113.71", "203.0.113.72", "203.0.113.73", "203.0.113.74", "203.0.113.75", "203.0.113.76")

// known makes the stand-in of threat intelligence know these attackers.
func (w *world) known() {
	for _, o := range w.detection(many).Observables {
		w.office.Cortex.SetAbuse(o.Value, 100, false)
	}
}

func capOf(n string) []string { return []string{"cap: 20, window: 1h", "cap: " + n + ", window: 1h"} }

// count counts the actions in each state.
func states(r activities.IncidentRecord) map[string]int {
	n := map[string]int{}
	for _, a := range r.Actions {
		n[a.State]++
	}
	return n
}

func TestLimitHoldsUnderConcurrency(t *testing.T) {
	w := newWorld(t, policyWith(capOf("3")...), planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.known()
	w.attacked(time.Second, bare, many)
	w.at(30*time.Minute, func() {
		if got := states(w.record()); got["contained"] != 3 || got["refused"] != 3 {
			t.Errorf("of six, with room for three: %v", got)
		}
		if n := len(w.office.Firewall.InForce()); n != 4 { // with the placeholder
			t.Errorf("the firewall holds %v", w.office.Firewall.InForce())
		}
	})
	w.attacked(2*time.Hour, bare, from(attacker)) // the window has passed
	w.at(2*time.Hour+time.Minute, func() {
		if a := w.action(w.record(), "pfsense", attacker); a.State != "contained" {
			t.Errorf("in the next window: %+v", a)
		}
	})

	w.plays(3 * day)

	for _, a := range w.record().Actions {
		if a.State == "refused" && !strings.Contains(a.Reason, "3 of 3 block_address within 1h0m0s are used") {
			t.Errorf("refused because %q", a.Reason)
		}
	}
}

func TestHaltStopsWhatIsNewAndReleasesGoOn(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, time.Hour))))
	w.attacked(time.Second, bare)
	w.throws(30*time.Minute, activities.HaltUpdate, "ana", "maintenance")
	w.attacked(40*time.Minute, bare, from(attacker, second))
	w.at(45*time.Minute, func() { w.held("pfsense " + attacker) })
	w.at(time.Hour+time.Minute, func() { w.held() })
	w.throws(2*time.Hour, activities.ResumeUpdate, "ben", "done")
	w.attacked(3*time.Hour, bare, from(attacker, second, "203.0.113.68"))
	w.at(3*time.Hour+time.Minute, func() { w.held("pfsense "+attacker, "pfsense 203.0.113.68") }) // the first block had expired

	w.plays(3 * day)

	r := w.record()
	if a := w.action(r, "pfsense", second); a.State != "refused" || !strings.Contains(a.Reason, "halted by ana: maintenance") {
		t.Errorf("while halted: %+v", a)
	}
}

// throws throws or lifts the kill switch.
func (w *world) throws(after time.Duration, update, by, reason string) {
	w.at(after, func() {
		if err := w.front.update(activities.LimitsID, update, &answer{}, activities.Switch{By: by, Reason: reason}); err != nil {
			w.t.Error(err)
		}
	})
}

func TestLimitsThatDoNotAnswerMeanNo(t *testing.T) {
	w := newWorld(t, planOf(only(block("wazuh", soar.Auto, time.Hour))))
	w.front.down = true
	w.attacked(time.Second, bare)
	w.at(30*time.Minute, func() { w.held() })

	w.plays(3 * day)

	if a := w.action(w.record(), "wazuh", attacker); a.State != "refused" || !strings.Contains(a.Reason, "limits can't be asked") {
		t.Errorf("it ends as %+v", a)
	}
}

// What is taken and who halted go on in a new run.
func TestLimitsKeepTheirStateInANewRun(t *testing.T) {
	w := newWorld(t)
	room := 2
	reserve := func(action string) *answer {
		got := &answer{}
		r := activities.Reservation{ActionID: action, Kind: soar.BlockAddress, Cap: activities.Cap{Actions: room}, Window: time.Hour}
		if err := w.front.update(activities.LimitsID, activities.ReserveUpdate, got, r); err != nil {
			t.Error(err)
		}
		return got
	}
	var granted, same, full, given, halted, held *answer
	w.at(time.Second, func() { granted, same = reserve("a"), reserve("a"); reserve("b") })
	w.at(2*time.Second, func() { w.grows(activities.LimitsID); full = reserve("c") })
	w.at(3*time.Second, func() {
		full = reserve("c") // in the new run
		if err := w.front.update(activities.LimitsID, activities.ReturnUpdate, &answer{}, activities.Reservation{ActionID: "b"}); err != nil {
			t.Error(err)
		}
	})
	w.at(4*time.Second, func() { given = reserve("c") })
	w.throws(5*time.Second, activities.HaltUpdate, "ana", "maintenance")
	w.at(6*time.Second, func() { room = 10; w.grows(activities.LimitsID); reserve("d") })
	w.at(7*time.Second, func() { halted = reserve("d"); held = reserve("a") })
	w.throws(8*time.Second, activities.ResumeUpdate, "ben", "done")
	var later *answer
	w.at(2*time.Hour, func() { later = reserve("d") })

	w.plays(day)

	for name, tt := range map[string]struct {
		got  *answer
		want bool
	}{
		"room": {granted, true}, "the same action again": {same, true}, "no room": {full, false}, "room that was given back": {given, true},
		"halted": {halted, false}, "what has its room": {held, true}, "the next window": {later, true},
	} {
		var r activities.Reserved
		if err := tt.got.Get(t.Context(), &r); err != nil || r.Granted != tt.want || r.Granted != (r.Reason == "") {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}
