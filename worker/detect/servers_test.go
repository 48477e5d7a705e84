package detect_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// onBoth runs a test against the stand-in and against a real server: what holds on one must hold on the other. What needs
// faults of the server runs on the stand-in alone.
func onBoth(t *testing.T, test func(b *bench)) {
	t.Run("stand-in", func(t *testing.T) { test(newBench(t, opensearchtest.WithRefresh(time.Millisecond))) })
	t.Run("real", func(t *testing.T) {
		address, prefix := opensearchtest.Real(t)
		test(openBench(t, nil, address, prefix))
	})
}

// createIndex creates an index with so many shards.
func (b *bench) createIndex(name string, shards int) {
	b.Helper()
	settings := map[string]any{"number_of_shards": shards, "number_of_replicas": 0}
	if err := b.client.CreateIndex(b.Context(), name, map[string]any{"settings": settings}); err != nil {
		b.Fatal(err)
	}
}

// setClosed closes an index, or opens it again.
func (b *bench) setClosed(name string, closed bool) {
	b.Helper()
	if b.server != nil {
		b.server.SetClosed(name, closed)
		return
	}
	verb := "/_open"
	if closed {
		verb = "/_close"
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.address+"/"+name+verb, nil)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("%s of %s: %s", verb, name, resp.Status)
	}
}
