// Package drivertest is the one suite that every driver passes, against the stand-in of its system.
package drivertest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// World is a driver together with the system that it drives.
type World struct {
	Driver     activities.Driver
	System     string              // the name that actions give the system
	On         string              // the spot on it, if it has many
	InForce    func() []string     // what the system really enforces
	AddForeign func(target string) // an entry that an administrator made
	CutBefore  func()              // the next change loses its connection before it takes effect
	CutAfter   func()              // the next change takes effect, then loses its connection
	Busy       func()              // changes are refused with 503 until Free
	Free       func()
	Away       func() // nobody answers anything until Free
}

// Addresses that the suite contains.
const (
	first  = "203.0.113.9"
	second = "203.0.113.10"
	six    = "2001:db8::bad"
)

func (w World) action(id, target string) soar.Action {
	return soar.Action{ID: id, Kind: soar.BlockAddress, System: w.System, On: w.On, Target: target, For: time.Hour, Mode: soar.Ask, Reason: "drivertest"}
}

func (w World) one() soar.Action   { return w.action("i1-0", first) }
func (w World) two() soar.Action   { return w.action("i1-1", second) }
func (w World) three() soar.Action { return w.action("i1-2", six) }
func (w World) again() soar.Action { return w.action("i2-0", first) } // another incident, the same address

// Run puts a driver through the suite; open gives each test a fresh world.
func Run(t *testing.T, open func(t *testing.T) World) {
	tests := map[string]func(t *testing.T, w World){
		"twice is once":                          twiceIsOnce,
		"cut before the effect: retry does it":   cutBefore,
		"cut after the effect: retry adopts it":  cutAfter,
		"cut while undoing: retry ends it":       cutUndo,
		"undo leaves foreign entries":            foreign,
		"a foreign entry is not ours":            foreignSeen,
		"a shared target stays for the other":    shared,
		"undo of what was never done is nothing": undoNothing,
		"empty batch and target are refused":     empty,
		"a target that is no address is refused": noAddress,
		"another kind of action is refused":      otherKind,
		"read-back tells the truth":              readBack,
		"busy is an error, and then it works":    busy,
		"away: the error says nothing was asked": away,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func twiceIsOnce(t *testing.T, w World) {
	before := w.InForce()
	apply(t, w, w.one(), w.two(), w.three())
	apply(t, w, w.one(), w.two(), w.three())
	expect(t, w, append(before, first, second, six))
	undo(t, w, w.one(), w.two(), w.three())
	undo(t, w, w.one(), w.two(), w.three())
	expect(t, w, before)
}

func cutBefore(t *testing.T, w World) {
	before := w.InForce()
	w.CutBefore()
	if err := w.Driver.Apply(t.Context(), []soar.Action{w.one()}); err == nil || permanent(err) {
		t.Fatalf("a cut connection must be an error that a retry can mend, got %v", err)
	}
	expect(t, w, before)
	apply(t, w, w.one())
	expect(t, w, append(before, first))
}

func cutAfter(t *testing.T, w World) {
	before := w.InForce()
	w.CutAfter()
	if err := w.Driver.Apply(t.Context(), []soar.Action{w.one()}); err == nil || permanent(err) || activities.IsNotAsked(err) {
		t.Fatalf("a cut connection must be an error that a retry can mend, of an outcome that is not known, got %v", err)
	}
	apply(t, w, w.one())
	expect(t, w, append(before, first))
	observe(t, w, []activities.Observation{{InForce: true, Ours: true}}, w.one())
	undo(t, w, w.one())
	expect(t, w, before)
}

func cutUndo(t *testing.T, w World) {
	before := w.InForce()
	for _, cut := range []func(){w.CutBefore, w.CutAfter} {
		apply(t, w, w.one())
		cut()
		if err := w.Driver.Undo(t.Context(), []soar.Action{w.one()}); err == nil || permanent(err) {
			t.Fatalf("a cut connection must be an error that a retry can mend, got %v", err)
		}
		undo(t, w, w.one())
		expect(t, w, before)
		observe(t, w, []activities.Observation{{}}, w.one())
	}
}

func foreign(t *testing.T, w World) {
	w.AddForeign(first)
	before := w.InForce()
	apply(t, w, w.one(), w.two())
	expect(t, w, append(before, second))
	undo(t, w, w.one(), w.two())
	expect(t, w, before)
}

func foreignSeen(t *testing.T, w World) {
	w.AddForeign(first)
	observe(t, w, []activities.Observation{{InForce: true, Shared: true}, {}}, w.one(), w.two())
}

func shared(t *testing.T, w World) {
	before := w.InForce()
	apply(t, w, w.one())
	apply(t, w, w.again())
	observe(t, w, []activities.Observation{{InForce: true, Ours: true, Shared: true}}, w.again())
	undo(t, w, w.one())
	expect(t, w, append(before, first))
	observe(t, w, []activities.Observation{{InForce: true, Shared: true}}, w.one())
	observe(t, w, []activities.Observation{{InForce: true, Ours: true}}, w.again())
	undo(t, w, w.again())
	expect(t, w, before)
}

func undoNothing(t *testing.T, w World) {
	apply(t, w, w.one())
	before := w.InForce()
	undo(t, w, w.again(), w.two())
	expect(t, w, before)
}

func empty(t *testing.T, w World) {
	refused(t, w, nil)
	refused(t, w, []soar.Action{})
	refused(t, w, []soar.Action{w.action("i1-2", "")})
	refused(t, w, []soar.Action{w.action("", first)})
	refused(t, w, []soar.Action{w.one(), w.action("i1-2", " ")})
}

func noAddress(t *testing.T, w World) {
	for _, target := range []string{"*", "any", "all", "0.0.0.0", "::", "0.0.0.0/0", "203.0.113.0/24", "127.0.0.1", "224.0.0.1", "fe80::1%eth0", "host.example", "203.0.113.9 203.0.113.10"} {
		refused(t, w, []soar.Action{w.one(), w.action("i1-2", target)})
	}
}

func otherKind(t *testing.T, w World) {
	other := w.one()
	other.Kind = soar.Patch
	refused(t, w, []soar.Action{other})
}

func readBack(t *testing.T, w World) {
	apply(t, w, w.one(), w.three())
	observe(t, w, []activities.Observation{{InForce: true, Ours: true}, {}, {InForce: true, Ours: true}}, w.one(), w.two(), w.three())
	undo(t, w, w.one())
	observe(t, w, []activities.Observation{{}, {InForce: true, Ours: true}}, w.one(), w.three())
}

func busy(t *testing.T, w World) {
	before := w.InForce()
	w.Busy()
	if err := w.Driver.Apply(t.Context(), []soar.Action{w.one()}); err == nil || permanent(err) {
		t.Fatalf("a busy system must be an error that a retry can mend, got %v", err)
	}
	expect(t, w, before)
	w.Free()
	apply(t, w, w.one())
	expect(t, w, append(before, first))
}

func away(t *testing.T, w World) {
	before := w.InForce()
	w.Away()
	if err := w.Driver.Apply(t.Context(), []soar.Action{w.one(), w.two()}); err == nil || !activities.IsNotAsked(err) {
		t.Fatalf("a system that is away was not asked, and the error must say so, got %v", err)
	}
	expect(t, w, before)
	w.Free()
	apply(t, w, w.one(), w.two())
	expect(t, w, append(before, first, second))
}

// refused expects that a batch changes nothing at all, and that no retry is asked for.
func refused(t *testing.T, w World, batch []soar.Action) {
	t.Helper()
	before := w.InForce()
	_, observed := w.Driver.Observe(t.Context(), batch)
	for name, err := range map[string]error{"apply": w.Driver.Apply(t.Context(), batch), "undo": w.Driver.Undo(t.Context(), batch), "observe": observed} {
		if err == nil || !permanent(err) {
			t.Errorf("%s of %v: %v, want a permanent error", name, batch, err)
		}
	}
	expect(t, w, before)
}

func apply(t *testing.T, w World, batch ...soar.Action) {
	t.Helper()
	if err := w.Driver.Apply(t.Context(), batch); err != nil {
		t.Fatal("apply:", err)
	}
}

func undo(t *testing.T, w World, batch ...soar.Action) {
	t.Helper()
	if err := w.Driver.Undo(t.Context(), batch); err != nil {
		t.Fatal("undo:", err)
	}
}

func observe(t *testing.T, w World, want []activities.Observation, batch ...soar.Action) {
	t.Helper()
	seen, err := w.Driver.Observe(t.Context(), batch)
	if err != nil {
		t.Fatal("observe:", err)
	}
	for i := range seen {
		if seen[i].Left > w.one().For { // an entry that ends by itself does so when it was asked to, and no later
			t.Fatalf("observed %+v, and the action ends after %s", seen[i], w.one().For)
		}
		seen[i].Left = 0
	}
	if !slices.Equal(seen, want) {
		t.Fatalf("observed %+v, want %+v", seen, want)
	}
}

func expect(t *testing.T, w World, want []string) {
	t.Helper()
	if got := w.InForce(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Fatalf("in force: %v, want %v", got, want)
	}
}

func permanent(err error) bool {
	var mark interface{ Permanent() bool }
	return errors.As(err, &mark) && mark.Permanent()
}
