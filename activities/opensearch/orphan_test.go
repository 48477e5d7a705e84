package opensearch_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestOrphans lists who has claimed and has no record, and frees what such a one has claimed, all of it.
func TestOrphans(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		ctx, ledger, hour := t.Context(), opensearch.NewLedger(c), time.Now().Add(-time.Hour).UTC()
		if _, err := c.EnsureTemplates(ctx); err != nil {
			t.Fatal(err)
		}
		claims := func(incident string, opens bool, n int) {
			t.Helper()
			var entries []opensearch.Entry
			var refs []soar.DetectionRef
			for i := range n {
				d := soar.Detection{
					Rule: soar.Rule{ID: "r", Level: soar.Low}, Opens: opens, Entity: soar.Entity{Family: "host", Name: "of-" + incident},
					Event: soar.EventRef{IndexUUID: "u", Index: "i", ID: fmt.Sprintf("%s%v%d", incident, opens, i)}, EventTime: hour, ReadAt: hour,
				}
				entries = append(entries, opensearch.Entry{Detection: d, IndexCreated: hour})
				refs = append(refs, opensearch.DetectionRefFor(d, hour))
			}
			if _, err := ledger.Write(ctx, entries); err != nil {
				t.Fatal(err)
			}
			if claimed, err := ledger.Claim(ctx, activities.ClaimRequest{Incident: incident, Detections: refs}); err != nil || claimed.Count != n {
				t.Fatalf("%d claimed, %v", claimed.Count, err)
			}
		}
		claims(prefix+"dead", true, 30)
		claims(prefix+"dead", false, 20)
		claims(prefix+"alive", true, 3)
		claims(prefix+"weak", false, 3)
		want := func(want ...string) {
			t.Helper()
			orphans, err := ledger.Orphans(ctx, time.Now())
			var names []string
			for _, o := range orphans {
				if names = append(names, o.Incident); o.Entity.Name != "of-"+o.Incident {
					t.Errorf("%s is of %s", o.Incident, o.Entity)
				}
			}
			if slices.Sort(names); err != nil || !slices.Equal(names, want) {
				t.Errorf("orphans %v, %v; want %v", names, err, want)
			}
		}
		want(prefix+"alive", prefix+"dead") // there is no record at all, not even their index
		if _, err := opensearch.NewRecords(c).WriteRecord(ctx, activities.IncidentRecord{ID: prefix + "alive", Key: "k"}); err != nil {
			t.Fatal(err)
		}
		want(prefix + "dead")
		if freed, err := ledger.Free(ctx, prefix+"dead"); err != nil || freed != 50 {
			t.Errorf("%d freed, %v; want 50", freed, err)
		}
		want()
		if freed, err := ledger.Free(ctx, prefix+"dead"); err != nil || freed != 0 {
			t.Errorf("the second time %d freed, %v", freed, err)
		}
	})
}
