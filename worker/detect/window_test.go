package detect_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestPageAsksForItsOwnNumbers has a server that fails on every search that reaches the end of a long shard: a page looks
// through no more than it can carry, so all pages but the last are read.
func TestPageAsksForItsOwnNumbers(t *testing.T) {
	t.Parallel()
	const page, events = 100, 1000
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.put("ev-1", "x", events)
	lift := b.server.Inject(opensearchtest.Fault{Operation: "search", Carries: fmt.Sprintf(`"lte":%d`, events-1), Status: http.StatusBadGateway})
	b.read(b.stream(func(s *detect.Stream) { s.Page = page }))
	b.untilRead("ev-1", "x", events-page)
	if read := len(b.ledger()); read != events-page {
		t.Errorf("%d events are read, want %d", read, events-page)
	}
	lift()
	b.untilRead("ev-1", "x", events)
}

// TestHolesWidenThePage reads a shard of which nearly all was overwritten: where a page finds little, the next one looks
// through more numbers.
func TestHolesWidenThePage(t *testing.T) {
	t.Parallel()
	const page, writes, most = 10, 600, 12
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	for i := range writes {
		if _, err := b.client.Put(t.Context(), "ev-1", "one", event{Host: "h", Time: time.Now(), N: i}, opensearch.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	b.put("ev-1", "x", 1)
	var searches atomic.Int64
	b.server.Observe("search", "/ev-1/", func() { searches.Add(1) })
	b.read(b.stream(func(s *detect.Stream) { s.Page = page }))
	b.untilRead("ev-1", "x", 1)
	if n := searches.Load(); n > most {
		t.Errorf("%d searches for two events in %d numbers, want at most %d", n, writes, most)
	}
	if holes := b.counter("sallyport_stream_holes_total"); holes != writes-1 {
		t.Errorf("%v holes counted, want %d", holes, writes-1)
	}
}
