package detect_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

func past(d *soar.Detection) { d.ReadAt = d.ReadAt.Add(-5 * time.Minute) }

// sweep lists what is unclaimed for two minutes: how many detections by entity's name.
func (b *bench) sweep(may func(soar.Entity) bool) map[string]int {
	b.Helper()
	found := map[string]int{}
	sweep, err := opensearch.NewLedger(b.client).Unclaimed(b.Context(), time.Now().Add(-2*time.Minute), func(_ context.Context, e soar.Entity) (bool, error) {
		return may(e), nil
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, news := range sweep.Unclaimed {
		found[news.Entity.Name] += len(news.Detections)
	}
	return found
}

func anybody(soar.Entity) bool { return true }

func TestSweep(t *testing.T) {
	onBoth(t, func(b *bench) {
		waiting, other := "w-"+b.prefix, "o-"+b.prefix
		b.detections("old", waiting, 3, past)
		b.detections("young", waiting, 2)
		b.detections("weak", other, 2, past, weak)
		b.detections("late", other, 2, past, func(d *soar.Detection) { d.Late = true })
		b.detections("quiet", other, 2, past, func(d *soar.Detection) { d.SuppressedBy = "x" })
		taken := b.detections("taken", other, 2, past)
		d := b.detect(detect.Config{})
		if _, err := d.ClaimDetections(b.Context(), activities.ClaimRequest{Incident: "i", Detections: taken}); err != nil {
			b.Fatal(err)
		}
		if found := b.sweep(anybody); found[waiting] != 3 || found[other] != 0 {
			b.Errorf("unclaimed: %v, want 3 of %s and none of %s", found, waiting, other)
		}
	})
}

// TestSweepGoesRound: what nobody can claim keeps no other from its turn.
func TestSweepGoesRound(t *testing.T) {
	onBoth(t, func(b *bench) {
		for i := range 120 {
			b.detections(fmt.Sprint("d", i), fmt.Sprintf("host-%03d", i), 1, past)
		}
		seen := map[string]int{}
		for range 3 {
			found := b.sweep(anybody)
			if len(found) != 50 {
				b.Errorf("a sweep lists %d entities, want 50", len(found))
			}
			for name := range found {
				seen[name]++
			}
		}
		if len(seen) != 120 || seen["host-000"] != 2 || seen["host-119"] != 1 {
			b.Errorf("three sweeps saw %d of 120 entities; the first %d times, the last %d", len(seen), seen["host-000"], seen["host-119"])
		}
	})
}

// TestSweepAsks: who may not be told waits, and is the first of the next sweep; who may is told at once.
func TestSweepAsks(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		b.detections(name, name, 1, past)
	}
	only := func(names ...string) func(soar.Entity) bool {
		return func(e soar.Entity) bool { return slices.Contains(names, e.Name) }
	}
	if found := b.sweep(only("a", "c")); len(found) != 2 || found["a"] != 1 || found["c"] != 1 {
		t.Errorf("a and c may be told: %v", found)
	}
	var asked []string
	b.sweep(func(e soar.Entity) bool { asked = append(asked, e.Name); return false })
	if fmt.Sprint(asked) != "[b c d a]" {
		t.Errorf("the next sweep asks for %v, want it to begin with b, who was refused", asked)
	}
}
