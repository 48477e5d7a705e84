package opensearch_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestRecall visits what stands before the positions and is young, what was claimed since though its sequence number is
// new, and the detections of the rules asked for wherever they stand.
func TestRecall(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, _ string) {
		ctx, ledger, now := t.Context(), opensearch.NewLedger(c), time.Now()
		if _, err := c.EnsureTemplates(ctx); err != nil {
			t.Fatal(err)
		}
		match := kept(now, "match", time.Minute)
		match.Detection.OnlyFeeds = true
		fired := kept(now, "after-fired", time.Minute)
		fired.Detection.Rule.ID = "correlation"
		write := func(entries ...opensearch.Entry) {
			t.Helper()
			if _, err := ledger.Write(ctx, entries); err != nil {
				t.Fatal(err)
			}
		}
		write(kept(now, "before", time.Minute), kept(now, "before-claimed", time.Minute), kept(now, "before-old", 3*time.Hour), match)
		positions := []opensearch.Position{}
		shards, err := c.Primaries(ctx, opensearch.CorrelatedPattern)
		if err != nil || len(shards) != 2 {
			t.Fatalf("%v, %v", shards, err)
		}
		for _, s := range shards {
			positions = append(positions, opensearch.Position{Index: s.Index, UUID: s.UUID, Shard: s.Number, History: s.History, Seq: s.Checkpoint})
		}
		claimed := kept(now, "after-claimed", time.Minute)
		write(kept(now, "after", time.Minute), fired, claimed)
		refs := []soar.DetectionRef{opensearch.DetectionRefFor(claimed.Detection, now), opensearch.DetectionRefFor(kept(now, "before-claimed", 0).Detection, now)}
		if _, err := ledger.Claim(ctx, activities.ClaimRequest{Incident: "i", Detections: refs}); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		err = ledger.Recall(ctx, positions, now.Add(-time.Hour), []string{"correlation"}, func(hit opensearch.Hit, known bool) error {
			for _, id := range []string{"before-claimed", "before-old", "after-claimed", "after-fired", "match", "before", "after"} {
				if strings.Contains(string(hit.Source), `"id":"`+id+`"`) {
					seen[fmt.Sprint(id, " ", known)] = true
				}
			}
			return nil
		})
		want := []string{"after-claimed true", "after-fired false", "before true", "before-claimed true", "match true"}
		if got := slices.Sorted(maps.Keys(seen)); err != nil || !slices.Equal(got, want) {
			t.Errorf("visited %q, %v; want %q", got, err, want)
		}
		gone := append(positions, opensearch.Position{Index: "sallyport-detections-1999.01", UUID: "x", Seq: 5})
		if err := ledger.Recall(ctx, gone, now, nil, func(opensearch.Hit, bool) error { return nil }); err != nil {
			t.Errorf("with a month that was dropped: %v", err)
		}
	})
}

// TestRecallOfManyLargeFirings: where a page of what was claimed, or fired, is too large it asks for half as many, and for
// more again behind them.
func TestRecallOfManyLargeFirings(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	ctx, ledger, now := t.Context(), opensearch.NewLedger(c), time.Now()
	if _, err := c.EnsureTemplates(ctx); err != nil {
		t.Fatal(err)
	}
	var entries []opensearch.Entry
	for i := range 1200 {
		entries = append(entries, kept(now, fmt.Sprint(i), time.Minute))
	}
	if _, err := ledger.Write(ctx, entries); err != nil {
		t.Fatal(err)
	}
	server.Inject(opensearchtest.Fault{Operation: "search", Carries: `"size":500,"sort":[{"read_at"`, Body: strings.Repeat(" ", 128<<20+1)})
	seen, before := map[string]bool{}, server.Calls("search")
	err := ledger.Recall(ctx, nil, now.Add(-time.Hour), []string{entries[0].Detection.Rule.ID}, func(hit opensearch.Hit, _ bool) error {
		seen[hit.ID] = true
		return nil
	})
	if calls := server.Calls("search") - before; err != nil || len(seen) != 1200 || calls != 5 { // 500 are too large, then 250, 312, 390 and the rest
		t.Errorf("%d visited by %d searches, %v; want 1200 by 5", len(seen), calls, err)
	}
}

// TestRecallOfLargeDetections behind many old ones: an answer with a whole page of them is larger than a page may be, and
// who attacks can bring them about.
func TestRecallOfLargeDetections(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	ctx, ledger, now := t.Context(), opensearch.NewLedger(c), time.Now()
	var entries []opensearch.Entry
	for i := range 5200 {
		age := time.Minute
		if i%2000 < 1900 {
			age = 3 * time.Hour
		}
		entries = append(entries, kept(now, fmt.Sprint(i), age))
	}
	if _, err := ledger.Write(ctx, entries); err != nil {
		t.Fatal(err)
	}
	shards, err := c.Primaries(ctx, opensearch.LedgerPattern)
	if err != nil || len(shards) != 1 {
		t.Fatalf("%v, %v", shards, err)
	}
	for _, size := range []string{"2000", "1000", "500"} {
		server.Inject(opensearchtest.Fault{Operation: "search", Carries: `"size":` + size + `,"sort":[{"_seq_no"`, Body: strings.Repeat(" ", 64<<20+1)})
	}
	at := opensearch.Position{Index: shards[0].Index, UUID: shards[0].UUID, Shard: shards[0].Number, Seq: shards[0].Checkpoint}
	seen := map[string]bool{}
	err = ledger.Recall(ctx, []opensearch.Position{at}, now.Add(-time.Hour), nil, func(hit opensearch.Hit, _ bool) error {
		seen[hit.ID] = true
		return nil
	})
	if err != nil || len(seen) != 200 {
		t.Errorf("%d visited, %v; want 200", len(seen), err)
	}
}
