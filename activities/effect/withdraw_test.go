package effect_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// slowToUndo is a firewall whose undo is cut in half once: the mark is gone, and the rule is in force still, as with an
// appliance where changes wait to be applied.
type slowToUndo struct {
	*firewall

	cut       bool
	lingering []string
}

func (s *slowToUndo) Undo(ctx context.Context, batch []soar.Action) error {
	if err := s.firewall.Undo(ctx, batch); err != nil {
		return err
	}
	s.lingering = nil
	if s.cut {
		s.cut, s.lingering = false, []string{batch[0].Target}
		return errCut
	}
	return nil
}

func (s *slowToUndo) Observe(ctx context.Context, batch []soar.Action) ([]activities.Observation, error) {
	seen, err := s.firewall.Observe(ctx, batch)
	for i, action := range batch {
		if err == nil && slices.Contains(s.lingering, action.Target) {
			seen[i].InForce = true
		}
	}
	return seen, err
}

// TestWithdrawnOrderLeavesNothing: an order that was applied without an answer expires before it is carried out again. It is
// undone to the end, also when the undo is cut in half.
func TestWithdrawnOrderLeavesNothing(t *testing.T) {
	w := newWorld(t)
	wall := &slowToUndo{firewall: w.firewall, cut: true}
	w.Drivers["pfsense"] = wall
	order := w.block("i1-1-0", attacker)
	w.admit(order)
	w.firewall.cutAfter = 1
	batch := activities.Batch{System: "pfsense", Orders: []activities.Order{order}}
	if _, err := w.CarryOut(t.Context(), batch); err == nil {
		t.Fatal("the connection was not cut")
	}
	w.inForce(attacker)
	w.clock = w.clock.Add(2 * time.Hour)
	if _, err := w.CarryOut(t.Context(), batch); err == nil || len(wall.lingering) == 0 {
		t.Fatalf("the undo was not cut in half: %v", err)
	}
	if held := w.carryOut(order)[0]; held.State != soar.Refused || !strings.Contains(held.Reason, "is undone") {
		t.Errorf("an order that expired is %s: %s", held.State, held.Reason)
	}
	if len(wall.lingering) > 0 {
		t.Errorf("%v is in force for ever, and nobody holds it", wall.lingering)
	}
	w.inForce()
}
