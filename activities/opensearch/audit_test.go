package opensearch_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/audit"
)

func entryOf(cause string, at time.Time) activities.AuditEntry {
	return activities.AuditEntry{
		Chain: "i1", Cause: cause, At: at, Actor: "sallyport", What: "judged", Subject: "incident/host/web-01",
		Detail: map[string]any{"score": 75, "policy_version": "abc"},
	}
}

func write(t *testing.T, audits *opensearch.Audits, e activities.AuditEntry) {
	t.Helper()
	if _, err := audits.Audit(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func TestAuditWritesEachCauseOnce(t *testing.T) {
	client := openState(t)
	audits := opensearch.NewAudits(client)
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for range 2 { // the second round is a retry of everything, some of it before a search could see it
		for i := range 5 {
			write(t, audits, entryOf(fmt.Sprint("wf/run/", i), at.Add(time.Duration(i)*time.Second)))
			write(t, audits, entryOf(fmt.Sprint("wf/run/", i), at.Add(time.Hour)))
		}
	}
	long := entryOf(strings.Repeat("x", 3000), at)
	long.Chain = "i2"
	write(t, audits, long)
	if _, err := audits.Verify(t.Context(), "i2"); err != nil { // it makes the first one visible
		t.Fatal(err)
	}
	write(t, audits, long)
	if entries, err := audits.Entries(t.Context(), "i2"); err != nil || len(entries) != 1 {
		t.Errorf("a long cause was written %d times, %v", len(entries), err)
	}
	entries, err := audits.Entries(t.Context(), "i1")
	if err != nil || len(entries) != 5 || entries[4].Cause != "wf/run/4" {
		t.Fatalf("the chain has %d entries, %v", len(entries), err)
	}
	reports, err := audits.Verify(t.Context(), "i1")
	if err != nil || len(reports) != 1 || reports[0].Broken != "" || reports[0].Entries != 5 || reports[0].Head != entries[4].Hash {
		t.Errorf("verify says %+v, %v", reports, err)
	}
}

func TestAuditKeepsItsOrderUnderConcurrency(t *testing.T) {
	client := openState(t)
	audits := opensearch.NewAudits(client)
	at := time.Date(2026, 11, 30, 23, 59, 59, 999_000_000, time.UTC) // writers on both sides of a month's end
	write(t, audits, entryOf("first", at))
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			if _, err := audits.Audit(t.Context(), entryOf(fmt.Sprint("c", i), at.Add(time.Duration(i)*time.Millisecond))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	reports, err := audits.Verify(t.Context(), "i1")
	if err != nil || len(reports) != 1 || reports[0].Broken != "" || reports[0].Entries != 11 {
		t.Errorf("verify says %+v, %v", reports, err)
	}
}

func TestVerifyNamesTheForgedEntry(t *testing.T) {
	client := openState(t)
	audits := opensearch.NewAudits(client)
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for i := range 4 {
		write(t, audits, entryOf(fmt.Sprint("c", i), at))
	}
	house := entryOf("h", at)
	house.Chain = "house"
	write(t, audits, house)
	d, found, err := client.Get(t.Context(), "sallyport-audit-2026.11", "i1-3")
	if err != nil || !found {
		t.Fatal(found, err)
	}
	var forged audit.Entry
	if err := json.Unmarshal(d.Source, &forged); err != nil {
		t.Fatal(err)
	}
	forged.Actor = "mallory"
	if _, err := client.Put(t.Context(), d.Index, d.ID, forged, opensearch.Condition{}); err != nil {
		t.Fatal(err)
	}
	reports, err := audits.Verify(t.Context(), "")
	if err != nil || len(reports) != 2 {
		t.Fatalf("%+v, %v", reports, err)
	}
	if reports[0].Chain != "house-2026.11" || reports[0].Broken != "" {
		t.Errorf("the other chain: %+v", reports[0])
	}
	if !strings.Contains(reports[1].Broken, "entry 3") {
		t.Errorf("the forged chain: %+v", reports[1])
	}
	if reports, err := audits.Verify(t.Context(), "nobody"); err != nil || len(reports) != 1 || reports[0].Entries != 0 {
		t.Errorf("an unknown chain: %+v, %v", reports, err)
	}
}

func TestAuditRefusesAnIncompleteEntry(t *testing.T) {
	client := openState(t)
	audits := opensearch.NewAudits(client)
	for name, spoil := range map[string]func(*activities.AuditEntry){
		"no chain": func(e *activities.AuditEntry) { e.Chain = "" }, "no cause": func(e *activities.AuditEntry) { e.Cause = "" },
		"no time": func(e *activities.AuditEntry) { e.At = time.Time{} }, "no deed": func(e *activities.AuditEntry) { e.What = "" },
	} {
		e := entryOf("c", time.Now())
		spoil(&e)
		if _, err := audits.Audit(t.Context(), e); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}
