package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// An administrator empties the alias, an agent's kernel restarts: what should be held is found gone and put back.
func TestWhatVanishedIsPutBack(t *testing.T) {
	for _, system := range []string{"pfsense", "wazuh"} {
		t.Run(system, func(t *testing.T) {
			w := newWorld(t, planOf(only(block(system, soar.Auto, 4*time.Hour))))
			w.attacked(time.Second, bare)
			w.at(time.Hour+time.Minute, func() { w.vanishes(system); w.held() })
			w.at(time.Hour+15*time.Minute, func() {
				if a := w.action(w.record(), system, attacker); len(w.blocked()) != 1 || a.State != string(soar.Contained) {
					t.Errorf("a quarter of an hour later %v, %+v", w.blocked(), a)
				}
			})
			w.at(4*time.Hour+time.Minute, func() { w.held() })

			w.plays(2 * day)

			w.told(w.record(), "it was in force, and has vanished before its expiry")
			var said []string
			for _, e := range w.chain() {
				if e.Actor == activities.ActorEnvelope {
					said = append(said, e.What)
				}
			}
			if want := []string{"admitted", "contained", "unconfirmed", "contained", "released"}; !slices.Equal(said, want) {
				t.Errorf("the audit log says %v, want %v", said, want)
			}
		})
	}
}

// vanishes takes away what we put on a system, as somebody else does.
func (w *world) vanishes(system string) {
	if system == "pfsense" {
		w.office.Firewall.RemoveEntry(attacker)
		return
	}
	w.office.Wazuh.Agent("004").Reboot()
}

// The kill switch is thrown: nothing is put back, and what is lost is over.
func TestWhatVanishedIsNotPutBackWhileHalted(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.throws(time.Hour, activities.HaltUpdate, "ana", "maintenance")
	w.at(time.Hour+30*time.Minute, func() { w.held("pfsense " + attacker) }) // what is in force stays
	w.at(time.Hour+31*time.Minute, func() { w.vanishes("pfsense") })
	w.at(time.Hour+45*time.Minute, func() {
		w.held()
		if a := w.action(w.record(), "pfsense", attacker); a.State != string(soar.Refused) || !strings.Contains(a.Reason, "halted by ana") {
			t.Errorf("lost while halted: %+v", a)
		}
	})

	w.plays(2 * day)
}

// Looking goes on from run to run, and one that nobody can make changes nothing.
func TestALookThatFailsChangesNothing(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.at(time.Hour, func() { w.grows(activities.ContainID(w.action(w.record(), "pfsense", attacker).ID)) })
	w.at(2*time.Hour-time.Minute, func() { w.away("pfsense", 15*time.Minute) })
	w.at(2*time.Hour+20*time.Minute, func() {
		w.held("pfsense " + attacker)
		if a := w.action(w.record(), "pfsense", attacker); a.State != string(soar.Contained) {
			t.Errorf("nobody could look for a while: %+v", a)
		}
		w.vanishes("pfsense")
	})
	w.at(2*time.Hour+35*time.Minute, func() { w.held("pfsense " + attacker) })

	w.plays(2 * day)

	w.held()
}
