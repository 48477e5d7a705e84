package effect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// What was asked for and not seen is not in force: before it is asked for again, everything is asked that may have changed.
func TestUnconfirmedAsksAgain(t *testing.T) {
	tests := map[string]struct {
		change func(t *testing.T, w *world)
		want   string
	}{
		"the kill switch":    {func(_ *testing.T, w *world) { w.house.halted = true }, "halted"},
		"silent limits":      {func(_ *testing.T, w *world) { w.house.silent = true }, "kill switch"},
		"a protected target": {func(t *testing.T, w *world) { discover(t, w.Protected, surroundings(t, attacker)) }, "protected"},
		"its expiry":         {func(_ *testing.T, w *world) { w.clock = w.clock.Add(time.Hour) }, "expired"},
		"another grant key":  {func(t *testing.T, w *world) { w.GrantKey = newWorld(t).GrantKey }, "signature"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.firewall.blind = true
			order := w.block("i1-1-0", attacker)
			w.admit(order)
			if held := w.carryOut(order)[0]; held.State != soar.Unconfirmed {
				t.Fatalf("what nobody saw is %+v", held)
			}
			w.firewall.blind = false
			test.change(t, w)
			if held := w.carryOut(order)[0]; held.State != soar.Refused || !strings.Contains(held.Reason, test.want) {
				t.Errorf("carried out again as %+v, want refused by %q", held, test.want)
			}
			w.inForce()
			if mine, _ := w.registered(order); mine.State != soar.Refused {
				t.Errorf("the register says %s", mine.State)
			}
			if len(w.house.reserved) != 0 && !w.house.silent {
				t.Error("the refused order keeps its room")
			}
		})
	}
}

// The kill switch stops what is new: what turns out to be in force since before stays, and is registered.
func TestKillSwitchLeavesWhatIsInForce(t *testing.T) {
	w := newWorld(t)
	order := w.block("i1-1-0", attacker)
	w.admit(order)
	w.firewall.blind = true
	w.carryOut(order)
	w.firewall.wants[attacker] = []string{"i1-1-0"} // it was slow
	w.house.halted = true
	if held := w.carryOut(order)[0]; held.State != soar.Contained {
		t.Errorf("in force since before the switch, it is %+v", held)
	}
	w.inForce(attacker)
	discover(t, w.Protected, surroundings(t, attacker))
	w.firewall.blind, w.firewall.wants[attacker] = false, nil
	if held := w.carryOut(order)[0]; held.State != soar.Contained {
		t.Errorf("what stands is %+v", held)
	}
	w.inForce() // it is not put back on what is protected now
	if want := []string{"admitted", "unconfirmed", "contained"}; !slices.Equal(w.said(), want) {
		t.Errorf("the audit log says %v, want %v", w.said(), want)
	}
}

func discover(t *testing.T, p *effect.Protected, s effect.Surroundings) {
	t.Helper()
	if err := p.Discover(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}
