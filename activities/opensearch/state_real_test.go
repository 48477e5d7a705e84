package opensearch_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestStateOnARealServer puts templates, register, records and audit chains through a real OpenSearch. What it writes
// bears a name of its own and is removed.
func TestStateOnARealServer(t *testing.T) {
	address, name := opensearchtest.Real(t)
	client := open(t, address)
	if _, err := client.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	if put, err := client.EnsureTemplates(t.Context()); err != nil || len(put.Put) != 0 {
		t.Fatalf("the second start put %v, %v", put, err)
	}
	t.Run("register", func(t *testing.T) { realRegister(t, client, name) })
	t.Run("records", func(t *testing.T) { realRecords(t, client, name) })
	t.Run("audit", func(t *testing.T) { realAudit(t, client, name) })
}

func realRegister(t *testing.T, client *opensearch.Client, name string) {
	register := opensearch.NewRegister(client)
	remove(t, client, "sallyport-containments", name)
	var group sync.WaitGroup
	for i := range 5 {
		group.Go(func() {
			if err := hold(t, register, name, holder(fmt.Sprint(name, i), soar.Contained)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	live, err := register.Live(t.Context())
	at := slices.IndexFunc(live, func(e soar.RegisterEntry) bool { return e.Key == name })
	if err != nil || at < 0 || len(live[at].Holders) != 5 {
		t.Errorf("live are %+v, %v", live, err)
	}
}

func realRecords(t *testing.T, client *opensearch.Client, name string) {
	records := opensearch.NewRecords(client)
	remove(t, client, "sallyport-incidents", name)
	for _, revision := range []int{0, 5, 3, 5} {
		record := activities.IncidentRecord{ID: name, Status: fmt.Sprint("at ", revision), Revision: revision, Updated: time.Now().UTC()}
		if _, err := records.WriteRecord(t.Context(), record); err != nil {
			t.Fatal(err)
		}
	}
	if record, found, err := records.Record(t.Context(), name); err != nil || !found || record.Revision != 5 {
		t.Errorf("the record is %+v, %v, %v", record, found, err)
	}
	if list, err := records.ListRecords(t.Context(), "at 5", 10); err != nil || len(list) == 0 {
		t.Errorf("listed %d, %v", len(list), err)
	}
}

func realAudit(t *testing.T, client *opensearch.Client, name string) {
	audits := opensearch.NewAudits(client)
	at := time.Now().UTC()
	var group sync.WaitGroup
	for i := range 8 {
		remove(t, client, "sallyport-audit-"+at.Format("2006.01"), fmt.Sprintf("%s-%d", name, i+1))
		group.Go(func() {
			for range 2 { // the second is a retry
				e := entryOf(fmt.Sprint("c", i), at)
				e.Chain = name
				if _, err := audits.Audit(t.Context(), e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	reports, err := audits.Verify(t.Context(), name)
	if err != nil || len(reports) != 1 || reports[0].Broken != "" || reports[0].Entries != 8 {
		t.Errorf("verify says %+v, %v", reports, err)
	}
}

// remove deletes a document when the test ends.
func remove(t *testing.T, client *opensearch.Client, index, id string) {
	t.Helper()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if d, found, err := client.Get(ctx, index, id); err == nil && found {
			if err := client.Delete(ctx, d); err != nil {
				t.Error(err)
			}
		}
	})
}
