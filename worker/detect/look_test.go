package detect_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// TestColdIndicesAreLookedAtSeldom reads a cluster on which a look at every checkpoint takes long: what is written to a hot
// index, to one that was cold and to a new one is read, the watermark passes nothing, and most polls look at hot indices
// alone.
func TestColdIndicesAreLookedAtSeldom(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.Inject(opensearchtest.Fault{Operation: "stats", Path: "ev-*", Latency: 100 * time.Millisecond})
	var whole, hot atomic.Int32
	b.server.Observe("stats", "ev-*", func() { whole.Add(1) })
	b.server.Observe("stats", "ev-today", func() { hot.Add(1) })
	b.watchCursor()
	for day := range 20 {
		b.put(fmt.Sprintf("ev-%d", day), "old", 5)
	}
	stop := b.read(b.stream())
	b.until("all is known", func() bool { return len(b.cursorOf("stream/events/0-of-1").Shards) == 20 })
	stop()
	b.read(b.stream())
	b.put("ev-today", "a", 5)
	b.untilRead("ev-today", "a", 5)
	b.put("ev-7", "late", 5)
	b.put("ev-tomorrow", "new", 5)
	written := time.Now()
	b.until("the watermark goes on", func() bool { return b.cursorOf("stream/events/0-of-1").Watermark.After(written) })
	if found := len(b.ledger()); found != 115 {
		t.Errorf("the watermark passed 115 events, of which %d were evaluated", found)
	}
	b.server.DeleteIndex("ev-3")
	b.until("the deleted index is known to be gone", func() bool { return len(b.cursorOf("stream/events/0-of-1").Shards) == 21 })
	before := whole.Load()
	b.until("three more looks at all", func() bool { return whole.Load() >= before+3 })
	if whole.Load() > hot.Load() {
		t.Errorf("%d looks at all indices, %d at hot ones", whole.Load(), hot.Load())
	}
	if lost := b.counter("sallyport_stream_lost_total"); lost > 0 {
		t.Errorf("%v operations count as lost", lost)
	}
}

// TestHotIndicesOfLongNames reads 90 indices that all move and whose names are more than a request's address holds: each
// look is one at all of them, and none fails.
func TestHotIndicesOfLongNames(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.Inject(opensearchtest.Fault{Operation: "stats", Path: "ev-*", Latency: 100 * time.Millisecond}) // it is not asked at each poll
	index := func(n int) string { return fmt.Sprintf("ev-%s-%02d", strings.Repeat("x", 44), n) }
	for n := range 90 {
		b.put(index(n), "old", 1)
	}
	stream := b.stream()
	b.read(stream)
	b.untilCovered(stream, time.Now())
	b.put(index(7), "new", 5)
	b.untilRead(index(7), "new", 5)
	c := b.untilCovered(stream, time.Now())
	if failures := b.counter("sallyport_stream_failures_total"); failures != 0 || c.Stalled != 0 {
		t.Errorf("%v polls failed, %d parts stall", failures, c.Stalled)
	}
}
