package detect_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestReaderUnderFaults writes while something is broken. Whatever it is, the ledger ends with every event once, and
// the cursor never passes one that it lacks.
func TestReaderUnderFaults(t *testing.T) {
	faults := map[string]func(b *bench){
		"nothing":          func(*bench) {},
		"searches get 429": injected(opensearchtest.Fault{Operation: "search", Path: "/ev-", Status: http.StatusTooManyRequests, Times: 3}),
		"search backpressure with 500": injected(opensearchtest.Fault{
			Operation: "search", Path: "/ev-", Status: http.StatusInternalServerError, Type: "task_cancelled_exception", EachShard: true, Times: 2,
		}),
		"full pages are always cancelled": injected(opensearchtest.Fault{
			Operation: "search", Path: "/ev-", Carries: `"size":100,`, Status: http.StatusInternalServerError, Type: "task_cancelled_exception", EachShard: true,
		}),
		"full pages always get 429":  injected(opensearchtest.Fault{Operation: "search", Path: "/ev-", Carries: `"size":100,`, Status: http.StatusTooManyRequests}),
		"everything gets 503":        injected(opensearchtest.Fault{Status: http.StatusServiceUnavailable, Times: 15}),
		"partial searches":           injected(opensearchtest.Fault{Operation: "search", Path: "/ev-", Partial: true, Times: 4}),
		"searches run out of time":   injected(opensearchtest.Fault{Operation: "search", Path: "/ev-", TimedOut: true, Times: 4}),
		"searches answer {}":         injected(opensearchtest.Fault{Operation: "search", Path: "/ev-", Body: `{}`, Times: 4}),
		"searches answer HTML":       injected(opensearchtest.Fault{Operation: "search", Path: "/ev-", Body: `<html>proxy</html>`, Times: 4}),
		"statistics answer {}":       injected(opensearchtest.Fault{Operation: "stats", Body: `{}`, Times: 4}),
		"settings answer {}":         injected(opensearchtest.Fault{Operation: "settings", Body: `{}`, Times: 4}),
		"partial refreshes":          injected(opensearchtest.Fault{Operation: "refresh", Path: "ev-", Partial: true, Times: 2}),
		"cut before the search":      injected(opensearchtest.Fault{Operation: "search", Path: "/ev-", CutBefore: true, Times: 3}),
		"cut before the ledger":      injected(opensearchtest.Fault{Operation: "bulk", Carries: "sallyport-detections-", CutBefore: true, Times: 2}),
		"cut after the ledger":       injected(opensearchtest.Fault{Operation: "bulk", Carries: "sallyport-detections-", CutAfter: true, Times: 2}),
		"ledger refuses with 429":    injected(opensearchtest.Fault{Operation: "bulk", Carries: "sallyport-detections-", Status: http.StatusTooManyRequests, Times: 3}),
		"cut before the cursor":      injected(opensearchtest.Fault{Operation: "doc", Path: "-of-", CutBefore: true, Skip: 2, Times: 2}),
		"cut after the cursor":       injected(opensearchtest.Fault{Operation: "doc", Path: "-of-", CutAfter: true, Skip: 2, Times: 2}),
		"one shard without refresh":  func(b *bench) { b.server.SetRefresh("ev-1", -1) },
		"checkpoint lags for a time": func(b *bench) { b.server.Shard("ev-1", 0).HoldCheckpoint() },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, opensearchtest.WithRefresh(50*time.Millisecond))
			b.server.CreateIndex("ev-1", 2, time.Time{})
			b.watchCursor()
			b.put("ev-1", "before", 300)
			fault(b)
			stop := b.read(b.stream())
			b.put("ev-2", "during", 50)
			b.server.Shard("ev-1", 0).ReleaseCheckpoint()
			b.untilRead("ev-1", "before", 300)
			b.untilRead("ev-2", "during", 50)
			stop()
			if got := len(b.ledger()); got != 350 {
				t.Errorf("the ledger has %d detections, want 350", got)
			}
		})
	}
}

func injected(f opensearchtest.Fault) func(*bench) {
	return func(b *bench) { b.server.Inject(f) }
}

// TestFromNow skips what was there before the first start, and nothing else.
func TestFromNow(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		first, second := b.prefix+"1", b.prefix+"2"
		b.put(first, "old", 40)
		stream := b.stream(func(s *detect.Stream) { s.From = detect.FromNow })
		stop := b.read(stream)
		b.until("the stream has started", func() bool { return !b.cursorOf("stream/events").Started.IsZero() })
		b.put(first, "new", 20)
		b.untilRead(first, "new", 20)
		stop()
		b.put(first, "asleep", 20) // while nobody reads
		b.put(second, "appeared", 20)
		b.read(stream)
		b.untilRead(first, "asleep", 20)
		b.untilRead(second, "appeared", 20)
		if got := len(b.ledger()); got != 60 {
			b.Errorf("the ledger has %d detections, want 60: what stood there before the first start is not read", got)
		}
	})
}

// TestSlotsChange divides a stream otherwise while it is stopped: every shard goes on where it was.
func TestSlotsChange(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		for i := range 4 {
			b.createIndex(fmt.Sprint(b.prefix, i), 3)
			b.put(fmt.Sprint(b.prefix, i), "old", 20)
		}
		want := 0
		for round, slots := range []int{1, 3, 1} {
			stream := b.stream(func(s *detect.Stream) { s.From, s.Slots = detect.FromNow, slots })
			stop := b.read(stream)
			reader := fmt.Sprintf("stream/events/0-of-%d", slots)
			b.until("the stream is divided", func() bool { return len(b.cursorOf(reader).Layouts) == round+1 })
			for i := range 4 {
				b.put(fmt.Sprint(b.prefix, i), fmt.Sprint("round", round), 20)
				want += 20
			}
			b.untilCovered(stream, time.Now()) // a stop between the ledger and the cursor would cost a second reading
			stop()
		}
		if got := len(b.ledger()); got != want {
			b.Errorf("the ledger has %d detections, want %d", got, want)
		}
		if again := b.counter("sallyport_stream_duplicates_total"); again > 0 {
			b.Errorf("%v events were read twice", again)
		}
	})
}

// TestTwoReadersOfOneSlot lets an old attempt run beside the new one: the cursor lets only one go on.
func TestTwoReadersOfOneSlot(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.watchCursor()
	b.server.CreateIndex("ev-1", 2, time.Time{})
	b.read(b.stream())
	b.read(b.stream())
	for round := range 5 {
		b.put("ev-1", fmt.Sprint(round), 100)
		b.untilRead("ev-1", fmt.Sprint(round), 100)
	}
	if got := len(b.ledger()); got != 500 {
		t.Errorf("the ledger has %d detections, want 500", got)
	}
}

// TestKillBetweenLedgerAndCursor ends a reader when the ledger has a page and the cursor doesn't.
func TestKillBetweenLedgerAndCursor(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.CreateIndex("ev-1", 1, time.Time{})
	b.put("ev-1", "a", 250)
	lift := b.server.Inject(opensearchtest.Fault{Operation: "doc", Path: "0-of-1", CutBefore: true, Skip: 3})
	d := b.detect(detect.Config{Streams: []detect.Stream{b.stream()}})
	if _, err := d.ReadSlot(t.Context(), activities.SlotRequest{Stream: "events", Slots: 1, Term: time.Minute}); err == nil {
		t.Fatal("a reader whose cursor can't be saved went on")
	}
	lift()
	if saved := b.cursorOf("stream/events/0-of-1").Shards; len(b.ledger()) == 0 || len(saved) != 1 || saved[0].Seq != -1 {
		t.Fatalf("want a ledger that is ahead of the cursor: %d detections", len(b.ledger()))
	}
	b.read(b.stream())
	b.untilRead("ev-1", "a", 250)
	b.until("the cursor is at the end", func() bool {
		shards := b.cursorOf("stream/events/0-of-1").Shards
		return len(shards) == 1 && shards[0].Seq == 249
	})
	if got := len(b.ledger()); got != 250 || b.counter("sallyport_stream_duplicates_total") == 0 {
		t.Errorf("%d detections and %v duplicates, want 250 and some", got, b.counter("sallyport_stream_duplicates_total"))
	}
}

// TestWatermark stands still while a shard is red, and says when all that was acknowledged has been read.
func TestWatermark(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.CreateIndex("ev-1", 3, time.Time{})
	b.put("ev-1", "a", 60)
	b.server.Shard("ev-1", 1).Missing(true)
	b.read(b.stream())
	before := b.server.Calls("stats")
	b.until("ten polls", func() bool { return b.server.Calls("stats") > before+10 })
	if mark := b.cursorOf("stream/events/0-of-1").Watermark; !mark.IsZero() {
		t.Errorf("watermark %s while a shard is red", mark)
	}
	if b.counter("sallyport_stream_missing_shards") != 1 || len(b.ledger()) == 0 {
		t.Error("the other shards go on, and the red one is counted")
	}
	b.server.Shard("ev-1", 1).Missing(false)
	now := time.Now()
	config := detect.Config{Streams: []detect.Stream{b.stream()}}
	b.until("the watermark passes now", func() bool {
		marks, err := detect.Watermarks(t.Context(), opensearch.NewCursors(b.client), config)
		return err == nil && marks["events"].After(now)
	})
	if got := len(b.ledger()); got != 60 {
		t.Errorf("the watermark passed with %d of 60 events evaluated", got)
	}
}

// TestIdleShardCostsNoSearch counts searches when nothing is written.
func TestIdleShardCostsNoSearch(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.put("ev-1", "a", 10)
	b.read(b.stream())
	b.untilRead("ev-1", "a", 10)
	searches, refreshes, polls := b.server.Calls("search"), b.server.Calls("refresh"), b.server.Calls("stats")
	b.until("ten polls", func() bool { return b.server.Calls("stats") > polls+10 })
	if b.server.Calls("search") != searches || b.server.Calls("refresh") != refreshes {
		t.Errorf("%d searches and %d refreshes of an idle shard", b.server.Calls("search")-searches, b.server.Calls("refresh")-refreshes)
	}
}

// TestReaderOnRealServer reads, with updates, deletes and two slots, what four writers write.
func TestReaderOnRealServer(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	b := openBench(t, nil, address, prefix)
	stream := b.stream(func(s *detect.Stream) { s.Name, s.Slots = strings.TrimSuffix(prefix, "-"), 2 })
	b.read(stream)
	done := make(chan int)
	for w := range 2 {
		go func() {
			for i := range 5 {
				b.put(fmt.Sprintf("%s%d", prefix, i%3), fmt.Sprintf("w%d-%d", w, i), 200)
			}
			done <- w
		}()
	}
	<-done
	<-done
	gone, err := b.client.Create(t.Context(), prefix+"0", "deleted", event{Host: "h", Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.client.Delete(t.Context(), opensearch.Document{Index: prefix + "0", ID: "deleted", SeqNo: gone.SeqNo, PrimaryTerm: gone.PrimaryTerm}); err != nil {
		t.Fatal(err)
	}
	b.put(prefix+"0", "last", 100)
	b.untilRead(prefix+"0", "last", 100)
	for w := range 2 {
		for i := range 5 {
			b.untilRead(fmt.Sprintf("%s%d", prefix, i%3), fmt.Sprintf("w%d-%d", w, i), 200)
		}
	}
	if _, err := json.Marshal(b.ledger()); err != nil {
		t.Error(err)
	}
}

// TestShardsTakeTurns reads two shards that are behind: neither is ever more than a turn of pages ahead of the other.
func TestShardsTakeTurns(t *testing.T) {
	t.Parallel()
	const page, pages, turn = 10, 30, 10
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	var searches [2]atomic.Int64
	for i, index := range []string{"ev-a", "ev-b"} {
		b.put(index, "x", page*pages)
		b.server.Observe("search", "/"+index+"/", func() {
			if ahead := searches[i].Add(1) - searches[1-i].Load(); ahead > turn {
				t.Errorf("%s is %d pages ahead", index, ahead)
			}
		})
	}
	b.read(b.stream(func(s *detect.Stream) { s.Page = page }))
	b.untilRead("ev-a", "x", page*pages)
	b.untilRead("ev-b", "x", page*pages)
	for i := range searches {
		if seen := searches[i].Load(); seen < pages {
			t.Errorf("%d searches for %d pages were seen", seen, pages)
		}
	}
}
