package detect_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/worker/detect"
)

// halfRed makes an index of two shards of which one has no primary, with 20 events in the other and a number without a
// document before them. mend gives the primary back.
func (b *bench) halfRed(index string) (mend func()) {
	b.Helper()
	if b.server != nil {
		b.createIndex(index, 2)
		shard := b.server.Shard(index, 0)
		shard.Hole()
		b.put(index, "a", 40)
		b.server.Shard(index, 1).Missing(true)
		return func() { b.server.Shard(index, 1).Missing(false) }
	}
	settings := map[string]any{"number_of_shards": 2, "number_of_replicas": 0, "index.routing.allocation.total_shards_per_node": 1}
	b.administer(http.MethodPut, "/"+index+"?wait_for_active_shards=0", map[string]any{"settings": settings})
	routing := b.routingToPrimary(index)
	b.administer(http.MethodPut, "/"+index+"/_doc/gone?routing="+routing, event{Host: "h", Time: time.Now()})
	b.administer(http.MethodDelete, "/"+index+"/_doc/gone?refresh=true&routing="+routing, nil)
	for i := range 20 {
		b.administer(http.MethodPut, fmt.Sprintf("/%s/_doc/a-%d?routing=%s", index, i, routing), event{Host: "h", Time: time.Now()})
	}
	return func() {
		b.administer(http.MethodPut, "/"+index+"/_settings", map[string]any{"index.routing.allocation.total_shards_per_node": nil})
	}
}

// routingToPrimary finds a routing whose shard has a primary.
func (b *bench) routingToPrimary(index string) string {
	b.Helper()
	routing, tried := "", 0
	b.until("a routing leads to the shard that is there", func() bool {
		var found struct{ Shards [][]struct{ State string } }
		routing = fmt.Sprint("r", tried%20)
		if err := json.Unmarshal(b.administer(http.MethodGet, "/"+index+"/_search_shards?routing="+routing, nil), &found); err != nil {
			b.Fatal(err)
		}
		tried++
		return len(found.Shards) == 1 && len(found.Shards[0]) == 1 && found.Shards[0][0].State == "STARTED"
	})
	return routing
}

// TestHoleBesideARedShard: a hole asks for no refresh while another shard of the index has no primary, since a real server
// would answer it after a minute. The shard is named, everything else is read, and the hole is proved when the primary is
// back. A stream that begins at a time begins meanwhile.
func TestHoleBesideARedShard(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		mend := b.halfRed(b.prefix + "half")
		b.put(b.prefix+"other", "a", 20)
		stream := b.stream(func(s *detect.Stream) { s.From = "2026-01-01" })
		b.read(stream)
		b.untilRead(b.prefix+"other", "a", 20)
		var c detect.Coverage
		b.until("both shards are named", func() bool { c = b.cover(stream, time.Now()); return c.Stalled == 2 })
		why := map[string]bool{}
		for _, shard := range c.Shards {
			why[shard.Why] = true
		}
		if !why["no started primary"] || !why["a hole can't be checked while another shard of the index has no started primary"] {
			b.Errorf("coverage says %v", why)
		}
		if refreshes := b.counter("sallyport_stream_refreshes_total"); refreshes != 0 {
			b.Errorf("%v refreshes of an index that can't be refreshed", refreshes)
		}
		mend()
		b.untilCovered(stream, time.Now())
		want := map[bool]int{true: 60, false: 40}[b.server != nil]
		if got := len(b.ledger()); got != want {
			b.Errorf("%d of %d events are evaluated", got, want)
		}
	})
}
