package effect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func TestCutConnectionIsRepeatedOnce(t *testing.T) {
	tests := map[string]func(*firewall){
		"before the effect": func(f *firewall) { f.cutBefore = 1 },
		"after the effect":  func(f *firewall) { f.cutAfter = 1 },
	}
	for name, cut := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			order := w.block("i1-1-0", attacker)
			batch := activities.Batch{System: "pfsense", Orders: []activities.Order{order}}
			w.admit(order)
			cut(w.firewall)
			if _, err := w.CarryOut(t.Context(), batch); err == nil {
				t.Fatal("an unknown outcome is no error")
			}
			if held := w.carryOut(order)[0]; held.State != soar.Contained {
				t.Errorf("the retry says %+v", held)
			}
			w.inForce(attacker)
			cut(w.firewall)
			if _, err := w.Release(t.Context(), batch); err == nil {
				t.Fatal("an unknown outcome is no error")
			}
			if held := w.release(order)[0]; held.State != soar.Released {
				t.Errorf("the retry says %+v", held)
			}
			w.inForce()
		})
	}
}

func TestWhatNobodyCouldReadBackIsRegisteredAsUnconfirmed(t *testing.T) {
	w := newWorld(t)
	order := w.block("i1-1-0", attacker)
	batch := activities.Batch{System: "pfsense", Orders: []activities.Order{order}}
	w.admit(order)
	w.firewall.dark = true
	if _, err := w.CarryOut(t.Context(), batch); err == nil {
		t.Fatal("what nobody could read back is no error")
	}
	if mine, _ := w.registered(order); mine.State != soar.Unconfirmed || mine.AppliedAt == nil || mine.Reason == "" {
		t.Errorf("the register says %+v", mine)
	}
	if _, err := w.Release(t.Context(), batch); err == nil {
		t.Error("released, and nobody could look")
	}
	w.firewall.dark = false
	if held := w.carryOut(order)[0]; held.State != soar.Contained || held.Reason != "" {
		t.Errorf("seen later, it is %+v", held)
	}
	w.release(order)
	w.inForce()
}

func TestReleaseLeavesWhatOthersHold(t *testing.T) {
	w := newWorld(t)
	w.firewall.wants["198.51.100.9"] = []string{"admin"}
	one, two, shared := w.block("i1-1-0", attacker), w.block("i2-1-0", attacker), w.block("i1-1-1", "198.51.100.9")
	for _, o := range []activities.Order{one, two, shared} {
		w.admit(o)
	}
	w.carryOut(one, two, shared)
	w.inForce("198.51.100.9", attacker)
	if over := w.release(one)[0]; over.State != soar.Released || over.Reason == "" {
		t.Errorf("the first holder ended as %+v", over)
	}
	w.inForce("198.51.100.9", attacker)
	w.release(two, shared)
	w.inForce("198.51.100.9")
	if ids := w.firewall.wants["198.51.100.9"]; len(ids) != 1 || ids[0] != "admin" {
		t.Errorf("the administrator's entry is now %v", ids)
	}
	if ids := w.firewall.wants[attacker]; len(ids) != 0 {
		t.Errorf("marks that stay: %v", ids)
	}
}

func TestKillSwitchStopsNewEffectsOnly(t *testing.T) {
	w := newWorld(t)
	done, waiting, cut := w.block("i1-1-0", attacker), w.block("i1-1-1", "203.0.113.10"), w.block("i1-1-2", "203.0.113.11")
	for _, o := range []activities.Order{done, waiting, cut} {
		w.admit(o)
	}
	w.carryOut(done)
	w.firewall.cutAfter = 1
	if _, err := w.CarryOut(t.Context(), activities.Batch{System: "pfsense", Orders: []activities.Order{cut}}); err == nil {
		t.Fatal("an unknown outcome is no error")
	}
	w.house.halted = true
	settled := w.carryOut(done, waiting, cut)
	for i, want := range []soar.State{soar.Contained, soar.Refused, soar.Refused} {
		if settled[i].State != want {
			t.Errorf("order %d is %s, want %s", i, settled[i].State, want)
		}
	}
	w.inForce(attacker) // what the cut attempt had left is gone: refused means that nothing is there
	if over := w.release(done)[0]; over.State != soar.Released {
		t.Errorf("halted, and a release is %+v", over)
	}
	w.inForce()
}

func TestAnApprovedHoldEndsLater(t *testing.T) {
	w := newWorld(t)
	order := w.block("i1-1-0", attacker)
	order.Expires = w.clock.Add(30 * time.Minute)
	w.admit(order)
	w.carryOut(order)
	order.Expires = w.clock.Add(time.Hour)
	if held := w.admit(order); !held.Expires.Equal(order.Expires) || held.State != soar.Contained {
		t.Errorf("renewed as %+v", held)
	}
	if mine, _ := w.registered(order); !mine.Expires.Equal(order.Expires) {
		t.Errorf("the register ends at %s", mine.Expires)
	}
	other := order
	other.Action.Mode = soar.Ask
	if held := w.admit(w.grant(other, false)); held.State != soar.Refused {
		t.Errorf("another action under the same id is %+v", held)
	}
}

// A system that ends its entries by itself is told when, anew when a hold is renewed, and read back.
func TestASystemThatEndsByItselfIsToldTheExpiry(t *testing.T) {
	w := newWorld(t)
	w.firewall.ends, w.firewall.now = map[string]time.Time{}, w.now
	order := w.block("i1-1-0", attacker)
	order.Expires = w.clock.Add(30 * time.Minute) // of an hour that was planned
	w.admit(order)
	if held := w.carryOut(order)[0]; held.State != soar.Contained || !w.firewall.ends[attacker].Equal(order.Expires) {
		t.Errorf("contained as %+v, the firewall ends it at %s", held, w.firewall.ends[attacker])
	}
	w.clock = w.clock.Add(20 * time.Minute)
	order.Expires = w.clock.Add(time.Hour)
	w.admit(order)
	if held := w.carryOut(order)[0]; held.State != soar.Contained || !w.firewall.ends[attacker].Equal(order.Expires) {
		t.Errorf("renewed as %+v, the firewall ends it at %s", held, w.firewall.ends[attacker])
	}
}

func TestAnEndBeforeTheExpiryIsUnconfirmed(t *testing.T) {
	w := newWorld(t)
	w.firewall.ends, w.firewall.now, w.firewall.stubborn = map[string]time.Time{}, w.now, true
	order := w.block("i1-1-0", attacker)
	order.Expires = w.clock.Add(30 * time.Minute)
	w.admit(order)
	w.carryOut(order)
	order.Expires = w.clock.Add(time.Hour)
	w.admit(order)
	if held := w.carryOut(order)[0]; held.State != soar.Unconfirmed || !strings.Contains(held.Reason, "before its expiry") {
		t.Errorf("a renewal that the firewall did not take is %+v", held)
	}
}

func TestReleaseWithoutRegisterRemovesOurMarks(t *testing.T) {
	w := newWorld(t)
	w.firewall.wants[attacker] = []string{"admin", "i1-1-0"} // the register was lost, the firewall was not
	order := w.block("i1-1-0", attacker)
	order.ReleasedBy = "ana"
	if over := w.release(order)[0]; over.State != soar.Released || over.ReleasedBy != "ana" {
		t.Errorf("released as %+v", over)
	}
	if ids := w.firewall.wants[attacker]; len(ids) != 1 || ids[0] != "admin" {
		t.Errorf("left are %v", ids)
	}
}

func TestNoTargetIsAdmittedWhileItIsReleased(t *testing.T) {
	w := newWorld(t)
	one, two := w.block("i1-1-0", attacker), w.block("i2-1-0", attacker)
	w.admit(one)
	w.carryOut(one)
	w.firewall.cutBefore = 1
	if _, err := w.Release(t.Context(), activities.Batch{System: "pfsense", Orders: []activities.Order{one}}); err == nil {
		t.Fatal("an unknown outcome is no error")
	}
	if _, err := w.Admit(t.Context(), two); err == nil {
		t.Error("admitted while the release runs")
	}
	w.release(one)
	w.admit(two)
	w.carryOut(two)
	w.inForce(attacker)
}
