package effect_test

import (
	"context"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Tagged lists what the firewall holds for each action.
func (f *firewall) Tagged(context.Context) (actions []soar.Action, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for target, ids := range f.wants {
		for _, id := range ids {
			if id != "admin" {
				actions = append(actions, soar.Action{ID: id, Kind: soar.BlockAddress, Target: target})
			}
		}
	}
	return actions, nil
}

// A stray is what nobody would ever release: no live holder, and no mark that goes with the last one.
func TestOnlyWhatTheRegisterDoesNotKnowIsStray(t *testing.T) {
	w := newWorld(t)
	live, first, second := w.block("i1-1-0", attacker), w.block("i1-1-1", "203.0.113.10"), w.block("i2-1-0", "203.0.113.10")
	for _, o := range []activities.Order{live, first, second} {
		w.admit(o)
	}
	w.carryOut(live, first, second)
	w.release(first) // its mark stays until the second lets go
	w.firewall.wants["203.0.113.11"] = []string{"admin", "lost-1"}
	strays, err := w.ListStrays(t.Context(), activities.None{})
	if err != nil || len(strays.Containments) != 1 || strays.Containments[0].Action.ID != "lost-1" || strays.Containments[0].Action.System != "pfsense" {
		t.Errorf("strays %+v, %v", strays.Containments, err)
	}
}
