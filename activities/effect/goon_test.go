package effect_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
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

// What was read back stays, whatever happens; it is not put back on what is protected by now.
func TestWhatIsContainedIsNotPutBackOnProtected(t *testing.T) {
	w := newWorld(t)
	order := w.block("i1-1-0", attacker)
	w.admit(order)
	w.carryOut(order)
	w.house.halted = true
	w.firewall.wants[attacker] = nil
	if held := w.carryOut(order)[0]; held.State != soar.Contained {
		t.Errorf("halted, and what stands is %+v", held)
	}
	w.inForce(attacker)
	discover(t, w.Protected, surroundings(t, attacker))
	w.firewall.wants[attacker] = nil
	if held := w.carryOut(order)[0]; held.State != soar.Contained {
		t.Errorf("what stands is %+v", held)
	}
	w.inForce()
}

func discover(t *testing.T, p *effect.Protected, s effect.Surroundings) {
	t.Helper()
	if err := p.Discover(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// What an error of a driver means: sure that nothing was asked, the order waits; else it is unconfirmed from then on.
func TestAnErrorTellsWhetherSomethingWasAsked(t *testing.T) {
	w := newWorld(t)
	order := w.block("i1-1-0", attacker)
	batch := activities.Batch{System: "pfsense", Orders: []activities.Order{order}}
	w.admit(order)
	for _, step := range []struct {
		cut   func()
		state soar.State
		asked bool
	}{
		{func() { w.firewall.down = 1 }, soar.Planned, false},
		{func() { w.firewall.cutAfter = 1 }, soar.Unconfirmed, true},
		{func() { w.firewall.down = 1 }, soar.Unconfirmed, true}, // by the attempt before
	} {
		step.cut()
		_, err := w.CarryOut(t.Context(), batch)
		if err == nil || activities.IsNotAsked(err) == step.asked {
			t.Errorf("%v, want asked %v", err, step.asked)
		}
		if mine, _ := w.registered(order); mine.State != step.state || mine.AppliedAt != nil {
			t.Errorf("the register says %+v, want %s", mine, step.state)
		}
	}
	if held := w.carryOut(order)[0]; held.State != soar.Contained {
		t.Errorf("then it is %+v", held)
	}
}

// The step's own time is over, or its worker stops: what was done is written down all the same.
func TestWhatWasDoneIsWrittenThoughTheStepIsOver(t *testing.T) {
	w := newWorld(t)
	order := w.block("i1-1-0", attacker)
	batch := activities.Batch{System: "pfsense", Orders: []activities.Order{order}}
	w.admit(order)
	ctx, cancel := context.WithCancel(t.Context())
	w.firewall.applied, w.firewall.dark = cancel, true
	if _, err := w.CarryOut(ctx, batch); err == nil {
		t.Error("nobody could look, and that is no error")
	}
	if mine, _ := w.registered(order); mine.State != soar.Unconfirmed || mine.AppliedAt == nil {
		t.Errorf("asked for, the register says %+v", mine)
	}
	w.firewall.dark = false
	ctx, w.firewall.applied = context.WithCancel(t.Context())
	if settled, err := w.CarryOut(ctx, batch); err != nil || settled.Containments[0].State != soar.Contained {
		t.Errorf("seen in the last moment: %+v, %v", settled, err)
	}
	if mine, _ := w.registered(order); mine.State != soar.Contained {
		t.Errorf("seen, the register says %+v", mine)
	}
	ctx, w.firewall.applied = context.WithCancel(t.Context())
	if settled, err := w.Release(ctx, batch); err != nil || settled.Containments[0].State != soar.Released {
		t.Errorf("gone in the last moment: %+v, %v", settled, err)
	}
	if mine, _ := w.registered(order); mine.State != soar.Released {
		t.Errorf("gone, the register says %+v", mine)
	}
}
