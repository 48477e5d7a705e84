package effect_test

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

const attacker = "203.0.113.9"

func TestContainmentLivesAndEnds(t *testing.T) {
	w := newWorld(t)
	order := w.block("i1-1-0", attacker)
	if held := w.admit(order); held.State != soar.Planned {
		t.Fatalf("admitted as %+v", held)
	}
	if mine, ok := w.registered(order); !ok || mine.State != soar.Planned {
		t.Fatalf("before its effect the register has %+v", mine)
	}
	w.inForce()
	held := w.carryOut(order)[0]
	if held.State != soar.Contained || held.AppliedAt == nil || held.ConfirmedAt == nil {
		t.Fatalf("carried out as %+v", held)
	}
	w.inForce(attacker)
	if again := w.admit(order); again.State != soar.Contained {
		t.Errorf("asking again says %s", again.State)
	}
	w.clock = w.clock.Add(time.Hour)
	if over := w.release(order)[0]; over.State != soar.Released || over.ReleasedAt == nil || over.ReleasedBy != "expiry" {
		t.Errorf("released as %+v", over)
	}
	w.inForce()
	if want := []string{"admitted", "contained", "released"}; !slices.Equal(w.said(), want) {
		t.Errorf("the audit log says %v, want %v", w.said(), want)
	}
	if list, err := w.ListContainments(t.Context(), activities.None{}); err != nil || len(list.Containments) != 0 {
		t.Errorf("still listed: %v, %v", list, err)
	}
}

func TestRefusalTouchesNothing(t *testing.T) {
	tests := map[string]func(w *world, o *activities.Order){
		"an empty target":             func(w *world, o *activities.Order) { o.Action.Target = " "; *o = w.grant(*o, false) },
		"a network as target":         func(w *world, o *activities.Order) { o.Action.Target = "0.0.0.0/0"; *o = w.grant(*o, false) },
		"no expiry":                   func(w *world, o *activities.Order) { o.Expires = time.Time{} },
		"an expiry in the past":       func(w *world, o *activities.Order) { o.Expires = w.clock.Add(-time.Second) },
		"an expiry beyond the plan's": func(w *world, o *activities.Order) { o.Expires = w.clock.Add(24 * time.Hour) },
		"an action that never ends":   func(w *world, o *activities.Order) { o.Action.For = 0; *o = w.grant(*o, false) },
		"no grant":                    func(w *world, o *activities.Order) { o.Grant = soar.Grant{} },
		"a grant for another target":  func(w *world, o *activities.Order) { o.Action.Target = "203.0.113.10" },
		"a grant for another incident": func(w *world, o *activities.Order) {
			o.Incident = "i2"
		},
		"a grant that somebody changed": func(w *world, o *activities.Order) { o.Grant.Override = true },
		"a grant by another key":        func(w *world, o *activities.Order) { w.GrantKey = newWorld(w.t).GrantKey },
		"a grant that is too old to begin with": func(w *world, o *activities.Order) {
			w.clock = w.clock.Add(61 * time.Minute)
			o.Expires = w.clock.Add(time.Minute)
		},
		"a grant of a time to come": func(w *world, o *activities.Order) { w.clock = w.clock.Add(-2 * time.Minute) },
		"a grant for a shorter time": func(w *world, o *activities.Order) {
			o.Grant.Until = w.clock.Add(30 * time.Minute)
			o.Grant.Signature = ed25519.Sign(w.key, o.Grant.Signed())
		},
		"a grant for another mode": func(w *world, o *activities.Order) {
			o.Grant.Mode = soar.Ask
			o.Grant.Signature = ed25519.Sign(w.key, o.Grant.Signed())
		},
		"one of two approvals": func(w *world, o *activities.Order) {
			o.Action.Mode, o.Action.RequiresPeople = soar.Ask, 2
			*o = w.grant(*o, false)
		},
		"no key to check grants with": func(w *world, o *activities.Order) { w.GrantKey = nil },
		"an unknown system":           func(w *world, o *activities.Order) { o.Action.System = "opnsense"; *o = w.grant(*o, false) },
		"a kind without a limit":      func(w *world, o *activities.Order) { o.Action.Kind = "isolate_host"; *o = w.grant(*o, false) },
		"the kill switch":             func(w *world, o *activities.Order) { w.house.halted = true },
		"a full window":               func(w *world, o *activities.Order) { w.house.room = 0 },
		"limits that don't answer":    func(w *world, o *activities.Order) { w.house.silent = true },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			order := w.block("i1-1-0", attacker)
			spoil(w, &order)
			if held := w.admit(order); held.State != soar.Refused || held.Reason == "" {
				t.Fatalf("got %+v; want refused with a reason", held)
			}
			if !slices.Equal(w.said(), []string{"refused"}) {
				t.Errorf("the audit log says %v", w.said())
			}
			order.Action.System = "pfsense"
			settled, err := w.CarryOut(t.Context(), activities.Batch{System: "pfsense", Orders: []activities.Order{order}})
			if err == nil && settled.Containments[0].State != soar.Refused {
				t.Errorf("carried out without being admitted: %+v", settled.Containments[0])
			}
			w.inForce()
		})
	}
}

func TestProtectedAtPlanAndAtExecution(t *testing.T) {
	w := newWorld(t)
	if err := w.Protected.Check(w.block("i1-1-0", gateway).Action); err == nil {
		t.Error("a plan may name the gateway")
	}
	if held := w.admit(w.block("i1-1-0", gateway)); held.State != soar.Refused || !strings.Contains(held.Reason, "protected") {
		t.Errorf("the gateway was admitted: %+v", held)
	}
	order := w.block("i1-1-1", attacker)
	w.admit(order)
	if err := w.Protected.Discover(t.Context(), surroundings(t, attacker)); err != nil { // it became the gateway meanwhile
		t.Fatal(err)
	}
	if held := w.carryOut(order)[0]; held.State != soar.Refused || !strings.Contains(held.Reason, "protected") {
		t.Errorf("carried out against a protected asset: %+v", held)
	}
	w.inForce()
	if len(w.house.reserved) != 0 {
		t.Error("the refused order keeps its room")
	}
	override := w.grant(w.block("i1-1-2", attacker), true)
	w.admit(override)
	if held := w.carryOut(override)[0]; held.State != soar.Contained {
		t.Errorf("two people's override was refused: %+v", held)
	}
}

func TestSpoofedSourceCannotBlockProtected(t *testing.T) {
	w := newWorld(t)
	for _, target := range []string{
		gateway, "::ffff:" + gateway, " " + gateway, gateway + "/32", "192.0.2.001", "64:ff9b::c000:201", "2002:c000:201::1", "::c000:201",
		"192.0.2.53", "192.0.2.77", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0", "ff02::1", "localhost", "0x7f000001", "",
	} {
		if held := w.admit(w.block("i1-1-0", target)); held.State != soar.Refused {
			t.Errorf("%q was admitted", target)
		}
	}
	for _, action := range []soar.Action{
		{ID: "1", Kind: soar.Patch, Target: "dc01"}, {ID: "1", Kind: soar.Patch, Target: "dc01.example.org"}, {ID: "1", Kind: soar.BlockAddress, Target: attacker, On: "000"},
	} {
		if w.Protected.Check(action) == nil {
			t.Errorf("%v may be touched", action)
		}
	}
	w.inForce()
}

func TestStaleDiscoveryDenies(t *testing.T) {
	w := newWorld(t)
	never, err := effect.NewProtected(effect.ProtectedConfig{}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if never.Check(w.block("i1-1-0", attacker).Action) == nil {
		t.Error("nothing was ever discovered, and nothing is denied")
	}
	broken := surroundings(t, gateway)
	broken.Systems["cortex"] = "https://cortex.example"
	w.clock = w.clock.Add(23 * time.Hour)
	if w.Protected.Discover(t.Context(), broken) == nil {
		t.Error("a system that can't be looked up went unseen")
	}
	if held := w.admit(w.block("i1-1-0", attacker)); held.State != soar.Planned {
		t.Errorf("an hour too early: %+v", held)
	}
	w.clock = w.clock.Add(2 * time.Hour)
	held := w.admit(w.block("i1-1-1", attacker))
	if held.State != soar.Refused {
		t.Errorf("a discovery of 25 hours ago admits: %+v", held)
	}
	for _, want := range []string{"over 24 hours ago", "cortex: look up cortex.example: lookup cortex.example: no such host", "mend the name server"} {
		if !strings.Contains(held.Reason, want) {
			t.Errorf("the refusal says %q; want %q in it", held.Reason, want)
		}
	}
	if err := w.Protected.Discover(t.Context(), surroundings(t, gateway)); err != nil {
		t.Fatal(err)
	}
	if held := w.admit(w.block("i1-1-2", attacker)); held.State != soar.Planned {
		t.Errorf("a fresh discovery does not admit: %+v", held)
	}
}

// A name that never resolved can't be protected: everything is denied, and the refusal names it.
func TestUnknownHostDeniesByName(t *testing.T) {
	w := newWorld(t)
	p, err := effect.NewProtected(effect.ProtectedConfig{}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	broken := surroundings(t, gateway)
	broken.Systems["cortex"] = "https://cortex.example"
	err = p.Discover(t.Context(), broken)
	if err == nil || !strings.Contains(err.Error(), "cortex.example") {
		t.Errorf("discovery says %v", err)
	}
	err = p.Check(w.block("i1-1-0", attacker).Action)
	if err == nil || !strings.Contains(err.Error(), "was never discovered") || !strings.Contains(err.Error(), "cortex: look up cortex.example") {
		t.Errorf("denied with %v; want the system and its host named", err)
	}
}

func TestAcceptedIsNotDone(t *testing.T) {
	w := newWorld(t)
	w.firewall.blind = true
	order := w.block("i1-1-0", attacker)
	w.admit(order)
	if held := w.carryOut(order)[0]; held.State != soar.Unconfirmed || held.ConfirmedAt != nil || held.Reason == "" {
		t.Fatalf("what nobody saw is %+v", held)
	}
	w.firewall.wants[attacker] = []string{"admin"}
	if held, err := w.Confirm(t.Context(), order); err != nil || held.State != soar.Unconfirmed {
		t.Errorf("an administrator's entry confirms ours: %+v, %v", held, err)
	}
	w.firewall.wants[attacker] = []string{"i1-1-0"}
	if held, err := w.Confirm(t.Context(), order); err != nil || held.State != soar.Contained || held.ConfirmedAt == nil {
		t.Errorf("seen later, it is %+v, %v", held, err)
	}
	if mine, _ := w.registered(order); mine.State != soar.Contained {
		t.Errorf("the register says %s", mine.State)
	}
	if want := []string{"admitted", "unconfirmed", "contained"}; !slices.Equal(w.said(), want) {
		t.Errorf("the audit log says %v, want %v", w.said(), want)
	}
	w.firewall.deaf = true
	if _, err := w.Release(t.Context(), activities.Batch{System: "pfsense", Orders: []activities.Order{order}}); err == nil {
		t.Error("what is still in force counts as released")
	}
}

// What was granted once is not extended by the same grant: the next time needs a person, or the policy, again.
func TestARenewalNeedsAGrantThatPermitsIt(t *testing.T) {
	w := newWorld(t)
	order := w.block("i1-1-0", attacker)
	order.Expires = w.clock.Add(30 * time.Minute)
	w.admit(order)
	w.carryOut(order)
	w.clock = w.clock.Add(50 * time.Minute)
	longer := order
	longer.Expires = w.clock.Add(time.Hour)
	longer.Grant.Until = order.Expires
	longer.Grant.Signature = ed25519.Sign(w.key, longer.Grant.Signed())
	if held := w.admit(longer); !held.Expires.Equal(order.Expires) {
		t.Errorf("renewed until %s by a grant that ends %s", held.Expires, longer.Grant.Until)
	}
	longer.Grant = w.grant(longer, false).Grant
	if held := w.admit(longer); !held.Expires.Equal(longer.Expires) {
		t.Errorf("a new grant moves the expiry to %s, want %s", held.Expires, longer.Expires)
	}
}
