package workflows_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// An order that can't be carried out keeps none of those that wait with it.
func TestOneBadOrderSpoilsNoBatch(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, time.Hour))))
	w.known()
	full := "203.0.113.73" // its entry in the alias has no room for another action
	var others []soar.Action
	for n := range 8 {
		id := fmt.Sprintf("%d%s", n, strings.Repeat("x", 124))
		others = append(others, soar.Action{ID: id, Kind: soar.BlockAddress, System: "pfsense", Target: full, For: time.Hour})
	}
	if err := w.drivers["pfsense"].Apply(context.Background(), others); err != nil {
		t.Fatal(err)
	}
	w.busyUntil(6)
	w.attacked(time.Second, bare, many)
	w.at(10*time.Minute, func() {
		if got := states(w.record()); got["contained"] != 5 {
			t.Errorf("of six, one of which can't be done: %v", got)
		}
		a := w.action(w.record(), "pfsense", full)
		if a.State == "contained" || !strings.Contains(a.Reason, "too many actions") {
			t.Errorf("the one is %+v", a)
		}
		wished := map[string]int{}
		for _, wish := range w.front.wishes {
			wished[wish.Order.Action.Target]++
		}
		if delete(wished, full); len(wished) != 5 || slices.Max(slices.Collect(maps.Values(wished))) != 1 {
			t.Errorf("the others had to be wished for again: %v", wished)
		}
	})

	w.plays(2 * day)

	w.held("pfsense " + full)
}

// The firewall is away for longer than any step tries: what may still begin begins when it is back.
func TestAnOutageWithinTheExpiryLosesNoBlock(t *testing.T) {
	for _, system := range []string{"pfsense", "wazuh"} {
		t.Run(system, func(t *testing.T) {
			w := newWorld(t, planOf(only(block(system, soar.Auto, 4*time.Hour))))
			w.away(system, 2*time.Hour)
			w.attacked(time.Second, bare)
			w.at(30*time.Minute, func() {
				w.held()
				if a := w.action(w.record(), system, attacker); a.State != "planned" || a.AppliedAt != nil || !strings.Contains(a.Reason, "not carried out yet: ") {
					t.Errorf("while nobody can ask for it: %+v", a)
				}
				if said := w.board.said("WARN"); len(said) != 1 || !strings.HasPrefix(said[0], "Not in force: ") {
					t.Errorf("people were told %q", said)
				}
			})
			w.at(2*time.Hour+5*time.Minute, func() {
				if n := len(w.blocked()); n != 1 {
					t.Errorf("it is back, and %d are blocked", n)
				}
				if a := w.action(w.record(), system, attacker); a.State != "contained" {
					t.Errorf("it is back: %+v", a)
				}
			})
			w.at(4*time.Hour+5*time.Minute, func() { w.held() })

			w.plays(2 * day)
		})
	}
}

// away lets nobody reach a system for that long.
func (w *world) away(system string, lasts time.Duration) {
	if system == "pfsense" {
		w.office.Firewall.Faults.FailFor(http.StatusServiceUnavailable, lasts, "")
		return
	}
	w.office.Wazuh.Faults.FailFor(http.StatusServiceUnavailable, lasts, "")
}

func (w *world) blocked() []string { return w.office.Blocked(context.Background()) }

// The envelope is asked again each time: what may not begin any more does not.
func TestAnOutageDoesNotOutwaitTheKillSwitch(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.away("pfsense", time.Hour)
	w.attacked(time.Second, bare)
	w.throws(30*time.Minute, "Halt", "ana", "maintenance")
	w.at(time.Hour+5*time.Minute, func() {
		w.held()
		if a := w.action(w.record(), "pfsense", attacker); a.State != "refused" || !strings.Contains(a.Reason, "halted by ana") {
			t.Errorf("halted meanwhile: %+v", a)
		}
	})

	w.plays(2 * day)
}

func TestAnOutageThatOutlastsTheExpiryBlocksNothing(t *testing.T) {
	for name, release := range map[string]bool{"expired": false, "a person ends it": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, planOf(only(block("pfsense", soar.Auto, time.Hour))))
			w.away("pfsense", 2*time.Hour)
			w.attacked(time.Second, bare)
			if release {
				w.at(30*time.Minute, func() { w.releases("ben") })
			}
			w.at(2*time.Hour+5*time.Minute, func() { w.held() })

			w.plays(2 * day)

			w.held()
			w.told(w.record(), "Over before it could be carried out")
			if a := w.action(w.record(), "pfsense", attacker); a.State != "released" || a.AppliedAt != nil {
				t.Errorf("it ends as %+v", a)
			}
		})
	}
}
