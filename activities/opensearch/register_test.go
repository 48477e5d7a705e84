package opensearch_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// openState opens a client of a fresh cluster with our templates.
func openState(t *testing.T) *opensearch.Client {
	t.Helper()
	client := open(t, opensearchtest.NewServer(t).URL)
	if _, err := client.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client
}

func holder(id string, state soar.State) soar.Containment {
	return soar.Containment{Action: soar.Action{ID: id, System: "pfsense", Target: "203.0.113.9"}, State: state, Expires: time.Now().Add(time.Hour).UTC()}
}

func hold(t *testing.T, r *opensearch.Register, key string, c soar.Containment) error {
	t.Helper()
	return r.Change(t.Context(), key, func(e *soar.RegisterEntry) error {
		e.Holders = append(e.Holders, c)
		return nil
	})
}

func TestRegisterLosesNoHolder(t *testing.T) {
	client := openState(t)
	register := opensearch.NewRegister(client)
	const key, writers = "pfsense//203.0.113.9", 8
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if err := hold(t, register, key, holder(fmt.Sprint("i1-1-", i), soar.Planned)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	entry, err := register.Get(t.Context(), key)
	if err != nil || len(entry.Holders) != writers || entry.Key != key {
		t.Errorf("of %d holders %d are there, %v", writers, len(entry.Holders), err)
	}
}

func TestRegisterListsWhatIsLive(t *testing.T) {
	client := openState(t)
	register := opensearch.NewRegister(client)
	if live, err := register.Live(t.Context()); err != nil || len(live) != 0 {
		t.Fatalf("before the first entry: %v, %v", live, err)
	}
	for key, state := range map[string]soar.State{"a": soar.Planned, "b": soar.Contained, "c": soar.Unconfirmed, "d": soar.Released, "e": soar.Refused} {
		if err := hold(t, register, key, holder("i1-"+key, state)); err != nil {
			t.Fatal(err)
		}
	}
	live, err := register.Live(t.Context())
	if err != nil || len(live) != 3 || live[0].Key != "a" || live[2].Key != "c" {
		t.Errorf("live are %+v, %v", live, err)
	}
}

func TestRegisterRefusesNoKeyAndKeepsARefusedChange(t *testing.T) {
	client := openState(t)
	register := opensearch.NewRegister(client)
	if hold(t, register, "", holder("i1-1", soar.Planned)) == nil {
		t.Error("an entry without key was written")
	}
	no := errors.New("no")
	if err := register.Change(t.Context(), "k", func(*soar.RegisterEntry) error { return no }); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	if entry, err := register.Get(t.Context(), "k"); err != nil || len(entry.Holders) != 0 {
		t.Errorf("a refused change left %+v, %v", entry, err)
	}
}

func TestLaterRecordStays(t *testing.T) {
	client := openState(t)
	records := opensearch.NewRecords(client)
	write := func(revision int, status string) {
		t.Helper()
		record := activities.IncidentRecord{ID: "i1", Key: "incident/host/web-01", Status: status, Revision: revision, Updated: time.Now().UTC()}
		if _, err := records.WriteRecord(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	write(0, "open")
	write(7, "closed")
	write(3, "contained")
	write(7, "open")
	record, found, err := records.Record(t.Context(), "i1")
	if err != nil || !found || record.Status != "closed" {
		t.Errorf("the record says %q, %v, %v", record.Status, found, err)
	}
	if _, found, err := records.Record(t.Context(), "i2"); err != nil || found {
		t.Errorf("an unknown incident: %v, %v", found, err)
	}
	for status, want := range map[string]int{"": 1, "closed": 1, "open": 0} {
		if list, err := records.ListRecords(t.Context(), status, 10); err != nil || len(list) != want {
			t.Errorf("status %q lists %d, %v", status, len(list), err)
		}
	}
	if _, err := records.WriteRecord(t.Context(), activities.IncidentRecord{}); err == nil {
		t.Error("a record without incident was written")
	}
}

func TestTemplatesAreUpgradedAtStart(t *testing.T) {
	cluster := opensearchtest.NewServer(t)
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: cluster.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	all, err := opensearch.Templates()
	if err != nil || len(all) != 8 {
		t.Fatalf("the program brings %d templates, %v", len(all), err)
	}
	if _, err := client.Put(ctx, "sallyport-containments", "old", map[string]any{"key": "old", "live": true}, opensearch.Absent()); err != nil {
		t.Fatal(err) // an index that an older program left, without our mapping
	}
	for round, want := range []int{len(all), 0} {
		if put, err := client.EnsureTemplates(ctx); err != nil || len(put.Put) != want {
			t.Errorf("start %d put %v, %v", round, put, err)
		}
	}
}
