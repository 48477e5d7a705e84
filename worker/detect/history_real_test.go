package detect_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// force takes an index's only primary away, as the loss of its node does, and makes another one out of what an
// administrator takes although acknowledged writes may be lost by it.
func (b *bench) force(command, index string) {
	b.Helper()
	var nodes []struct{ Name string }
	if err := json.Unmarshal(b.administer(http.MethodGet, "/_cat/nodes?format=json&h=name", nil), &nodes); err != nil || len(nodes) == 0 {
		b.Fatal(nodes, err)
	}
	away := map[string]any{"index": index, "shard": 0, "node": nodes[0].Name, "allow_primary": true}
	take := map[string]any{"index": index, "shard": 0, "node": nodes[0].Name, "accept_data_loss": true}
	b.administer(http.MethodPost, "/_cluster/reroute", map[string]any{"commands": []any{map[string]any{"cancel": away}, map[string]any{command: take}}})
}

// TestHistoryChangeOnRealServer changes the history of a shard that was read to its end, in each way that a server has: its
// sequence numbers mean other operations afterwards, so all of it is read again, and the ledger knows what it has.
func TestHistoryChangeOnRealServer(t *testing.T) {
	for name, way := range map[string]struct {
		change func(b *bench, index string)
		again  float64 // events that the ledger knows already
	}{
		"a stale copy is made primary": {func(b *bench, index string) {
			b.force("allocate_stale_primary", index)
		}, 90},
		"an empty shard is made primary": {func(b *bench, index string) {
			b.force("allocate_empty_primary", index)
		}, 0},
		"a snapshot is restored": {restoreSnapshot, 90},
	} {
		t.Run(name, func(t *testing.T) {
			address, prefix := opensearchtest.Real(t)
			b := openBench(t, nil, address, prefix)
			index, stream := prefix+"1", b.stream()
			b.createIndex(index, 1)
			b.put(index, "a", 90)
			b.read(stream)
			b.untilRead(index, "a", 90)
			way.change(b, index)
			b.put(index, "b", 20)
			b.untilRead(index, "b", 20)
			b.untilCovered(stream, time.Now())
			if rewinds := b.counter("sallyport_stream_rewinds_total"); rewinds != 1 {
				t.Errorf("the shard was read again %v times, want once", rewinds)
			}
			if again := b.counter("sallyport_stream_duplicates_total"); again < way.again {
				t.Errorf("%v events met themselves in the ledger, want %v", again, way.again)
			}
		})
	}
}

// restoreSnapshot writes and reads on after a snapshot of an index, and then restores it: new events get the sequence
// numbers that others had.
func restoreSnapshot(b *bench, index string) {
	b.Helper()
	folder := os.Getenv("SALLYPORT_OPENSEARCH_SNAPSHOTS")
	if folder == "" && os.Getenv("CI") != "" {
		b.Fatal("no folder for snapshots: set SALLYPORT_OPENSEARCH_SNAPSHOTS, or run make lab")
	} else if folder == "" {
		b.Skip("no folder for snapshots: set SALLYPORT_OPENSEARCH_SNAPSHOTS (deploy/lab makes one)")
	}
	repository := "/_snapshot/" + b.prefix + "snapshots"
	b.administer(http.MethodPut, repository, map[string]any{"type": "fs", "settings": map[string]any{"location": filepath.Join(folder, b.prefix+"snapshots")}})
	b.Cleanup(func() {
		b.administer(http.MethodDelete, repository+"/before", nil)
		b.administer(http.MethodDelete, repository, nil)
	})
	b.administer(http.MethodPut, repository+"/before?wait_for_completion=true", map[string]any{"indices": index, "include_global_state": false})
	b.put(index, "c", 30)
	b.untilRead(index, "c", 30)
	b.setClosed(index, true)
	b.administer(http.MethodPost, repository+"/before/_restore?wait_for_completion=true", map[string]any{"indices": index, "include_global_state": false})
}
