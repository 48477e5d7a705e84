package opensearch_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// kept is a detection of an index that was made then, read so long ago.
func kept(made time.Time, id string, ago time.Duration) opensearch.Entry {
	read := time.Now().Add(-ago).UTC()
	return opensearch.Entry{IndexCreated: made, Detection: soar.Detection{
		Rule: soar.Rule{ID: "r", Level: soar.Low}, Entity: soar.Entity{Family: "host", Name: "h"},
		Event: soar.EventRef{IndexUUID: "u", Index: "i", ID: id}, EventTime: read, ReadAt: read,
	}}
}

// TestMonthsAreDropped when they are old, nothing young is in them, and no watched index was made in them.
func TestMonthsAreDropped(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, _ string) {
		const year = 365 * 24 * time.Hour
		ctx, ledger, now := t.Context(), opensearch.NewLedger(c), time.Now()
		if _, err := c.EnsureTemplates(ctx); err != nil {
			t.Fatal(err)
		}
		of := func(month time.Month) time.Time { return time.Date(2020, month, 15, 0, 0, 0, 0, time.UTC) }
		entries := []opensearch.Entry{
			kept(of(time.January), "over", year), kept(of(time.February), "watched", year), kept(of(time.March), "read again", time.Hour),
			kept(now.AddDate(0, -2, 0), "young", year), kept(of(time.April), "over", 91*24*time.Hour),
		}
		if _, err := ledger.Write(ctx, entries); err != nil {
			t.Fatal(err)
		}
		watched := []opensearch.Index{{Name: "closed-1", Created: of(time.February), Closed: true}, {Name: "i", Created: now}}
		if dropped, err := ledger.DropMonths(ctx, now, func(context.Context) ([]opensearch.Index, error) { return watched, errors.New("a cluster is down") }); err == nil || len(dropped) > 0 {
			t.Errorf("nobody knows what is watched, and %v is dropped", dropped)
		}
		for _, want := range []string{"[sallyport-detections-2020.01 sallyport-detections-2020.04]", "[]"} {
			dropped, err := ledger.DropMonths(ctx, now, func(context.Context) ([]opensearch.Index, error) { return watched, nil })
			if err != nil || fmt.Sprint(dropped) != want {
				t.Errorf("dropped %v, %v; want %s", dropped, err, want)
			}
		}
		left, err := c.Indices(ctx, opensearch.LedgerPattern)
		if err != nil || len(left) != 3 {
			t.Errorf("%v are left, %v; want three", left, err)
		}
	})
}

// TestMonthsAreYoung asks no stream while no month is old.
func TestMonthsAreYoung(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, _ string) {
		ledger := opensearch.NewLedger(c)
		if _, err := ledger.Write(t.Context(), []opensearch.Entry{kept(time.Now(), "a", 0)}); err != nil {
			t.Fatal(err)
		}
		dropped, err := ledger.DropMonths(t.Context(), time.Now(), func(context.Context) ([]opensearch.Index, error) { panic("asked") })
		if err != nil || len(dropped) > 0 {
			t.Errorf("%v, %v", dropped, err)
		}
	})
}

// TestMatchesAreDropped after two days.
func TestMatchesAreDropped(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, _ string) {
		ctx, ledger := t.Context(), opensearch.NewLedger(c)
		if _, err := c.EnsureTemplates(ctx); err != nil {
			t.Fatal(err)
		}
		if dropped, err := ledger.DropMatches(ctx, time.Now()); err != nil || dropped != 0 {
			t.Errorf("without an index: %d, %v", dropped, err)
		}
		var docs []opensearch.NewDocument
		for i := range 1300 {
			docs = append(docs, opensearch.NewDocument{Index: "sallyport-matches", ID: fmt.Sprint(i), Doc: kept(time.Now(), fmt.Sprint(i), 49*time.Hour).Detection})
		}
		docs = append(docs, opensearch.NewDocument{Index: "sallyport-matches", ID: "young", Doc: kept(time.Now(), "young", 47*time.Hour).Detection})
		if _, err := c.CreateAll(ctx, docs); err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(ctx, "sallyport-matches"); err != nil {
			t.Fatal(err)
		}
		if dropped, err := ledger.DropMatches(ctx, time.Now()); err != nil || dropped != 1300 {
			t.Errorf("%d dropped, %v; want 1300", dropped, err)
		}
		if _, young, err := c.Get(ctx, "sallyport-matches", "young"); err != nil || !young {
			t.Errorf("the young one is gone: %v", err)
		}
	})
}

// TestInboxIsDropped after thirty days.
func TestInboxIsDropped(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, _ string) {
		ctx, ledger := t.Context(), opensearch.NewLedger(c)
		if _, err := c.EnsureTemplates(ctx); err != nil {
			t.Fatal(err)
		}
		if dropped, err := ledger.DropInbox(ctx, time.Now()); err != nil || dropped != 0 {
			t.Errorf("without an index: %d, %v", dropped, err)
		}
		var docs []opensearch.NewDocument
		for id, days := range map[string]int{"old": -31, "young": -29} {
			docs = append(docs, opensearch.NewDocument{Index: opensearch.InboxIndex, ID: id, Doc: map[string]any{"received": time.Now().AddDate(0, 0, days).UTC(), "source": "door"}})
		}
		if _, err := c.CreateAll(ctx, docs); err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(ctx, opensearch.InboxIndex); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			if dropped, err := ledger.DropInbox(ctx, time.Now()); err != nil || dropped != want {
				t.Errorf("dropped %d, %v; want %d", dropped, err, want)
			}
		}
		if _, left, err := c.Get(ctx, opensearch.InboxIndex, "young"); err != nil || !left {
			t.Errorf("the young one is left: %v, %v", left, err)
		}
	})
}
