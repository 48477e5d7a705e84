package detect_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// cover reads how a stream stands, as the command line does: from the cursors alone.
func (b *bench) cover(stream detect.Stream, at time.Time) (c detect.Coverage) {
	b.Helper()
	b.until("the cursors can be read", func() bool {
		all, err := detect.Cover(b.Context(), opensearch.NewCursors(b.client), detect.Config{Streams: []detect.Stream{stream}}, nil, at, time.Now(), 20)
		if err != nil && !b.making(err) {
			b.Fatal(err)
		}
		if err == nil {
			c = all[0]
		}
		return err == nil
	})
	return c
}

// untilCovered waits until all that was indexed before at is evaluated.
func (b *bench) untilCovered(stream detect.Stream, at time.Time) (c detect.Coverage) {
	b.Helper()
	b.until("the stream covers "+at.String(), func() bool { c = b.cover(stream, at); return c.Answer.Covered })
	return c
}

// TestCoverage asks about a time before the stream began, one between two writes, and one to come.
func TestCoverage(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		index, stream := b.prefix+"1", b.stream(func(s *detect.Stream) { s.From = detect.FromNow })
		b.put(index, "old", 10)
		if c := b.cover(stream, time.Now()); c.Answer.Covered || c.Answer.Why != "nobody ever read this stream" {
			b.Errorf("before anybody read: %+v", c.Answer)
		}
		stop := b.read(stream)
		b.until("the stream has started", func() bool { return !b.cover(stream, time.Time{}).Started.IsZero() })
		b.put(index, "a", 30)
		first := time.Now()
		b.untilCovered(stream, first)
		if got := len(b.ledger()); got < 30 {
			b.Errorf("covered with %d of 30 events evaluated", got)
		}
		b.put(index, "b", 30)
		second := time.Now()
		c := b.untilCovered(stream, second)
		stop()
		if got := len(b.ledger()); got != 60 || c.Unread != 0 || c.Known != 1 || c.Stalled != 0 || c.Lateness.Events < 60 || c.Lateness.P50 > time.Minute {
			b.Errorf("%d evaluated; %+v", got, c)
		}
		one, two := b.cover(stream, first).Answer, b.cover(stream, second).Answer
		if one.Since.Before(first) || two.Since.Before(one.Since) || two.Since.Before(second) {
			b.Errorf("before %s since %s, before %s since %s", first, one.Since, second, two.Since)
		}
		if early := b.cover(stream, c.Started).Answer; early.Covered || !strings.Contains(early.Why, "from: now") {
			b.Errorf("before the first start: %+v", early)
		}
		if future := b.cover(stream, time.Now().Add(time.Hour)).Answer; future.Covered || future.Why == "" {
			b.Errorf("a time to come: %+v", future)
		}
	})
}

// TestCoverageNamesWhatHoldsIt breaks a stream in each way that can be, and mends it.
func TestCoverageNamesWhatHoldsIt(t *testing.T) {
	for name, row := range map[string]struct {
		spoil func(b *bench) (mend func())
		index string
		shard int
		why   string
	}{
		"no primary": {func(b *bench) func() {
			b.server.Shard("ev-2", 1).Missing(true)
			return func() { b.server.Shard("ev-2", 1).Missing(false) }
		}, "ev-2", 1, "no started primary"},
		"refused search": {func(b *bench) func() {
			lift := b.server.Inject(opensearchtest.Fault{Operation: "search", Path: "/ev-2", Status: http.StatusForbidden, Reason: "no permissions for [indices:data/read/search] and User [name=x]"})
			b.put("ev-2", "unread", 20)
			return lift
		}, "ev-2", 0, "lacks the privilege indices:data/read/search"},
		"refused statistics": {func(b *bench) func() {
			return b.server.Inject(opensearchtest.Fault{Operation: "stats", Status: http.StatusForbidden, Reason: "no permissions for [indices:monitor/stats] and User [name=x]"})
		}, "ev-1,ev-2,ev-3", -1, "lacks the privilege indices:monitor/stats"},
		"closed unread": {func(b *bench) func() {
			lift := b.server.Inject(opensearchtest.Fault{Operation: "stats", Status: http.StatusServiceUnavailable})
			b.put("ev-2", "unread", 20)
			b.server.SetClosed("ev-2", true)
			lift()
			return func() { b.server.SetClosed("ev-2", false) }
		}, "ev-2", 0, "closed"},
		"no index": {func(b *bench) func() {
			b.server.DeleteIndex("ev-3")
			return func() { b.put("ev-3", "again", 1) }
		}, "ev-3", -1, "refused: it matches no open index"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
			stream := b.stream(func(s *detect.Stream) { s.Index = "ev-1,ev-2,ev-3" })
			for _, index := range []string{"ev-1", "ev-2", "ev-3"} {
				b.server.CreateIndex(index, 2, time.Time{})
				b.put(index, "a", 10)
			}
			began := time.Now() // the poll that meets it may have begun before it is spoiled
			b.read(stream)
			b.untilCovered(stream, time.Now())
			mend := row.spoil(b)
			var held detect.Coverage
			var told detect.ShardCoverage
			b.until("it is told", func() bool {
				held = b.cover(stream, time.Now())
				found := slices.IndexFunc(held.Shards, func(s detect.ShardCoverage) bool { return s.Index == row.index && strings.Contains(s.Why, row.why) })
				if found >= 0 {
					told = held.Shards[found]
				}
				return found >= 0
			})
			if held.Answer.Covered || row.shard != 0 && told.Shard != row.shard || told.Since.Before(began) {
				t.Errorf("%+v, told %+v", held.Answer, told)
			}
			b.until("the metric grows", func() bool { return b.counter("sallyport_stream_stalled_seconds") > 0 })
			broken := time.Now()
			mend()
			c := b.untilCovered(stream, broken)
			if c.Stalled != 0 || c.Answer.Since.Before(broken) {
				t.Errorf("mended: %+v", c)
			}
		})
	}
}

// TestTallyOutlivesItsShard counts what was met of a shard, over a restart and over the end of its index.
func TestTallyOutlivesItsShard(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.CreateIndex("ev-1", 1, time.Time{})
	b.put("ev-1", "a", 10)
	for range 3 {
		b.server.Shard("ev-1", 0).Hole()
	}
	b.put("ev-1", "b", 10)
	stream := b.stream()
	stop := b.read(stream)
	b.untilCovered(stream, time.Now())
	stop()
	b.server.Shard("ev-1", 0).ChangeHistory()
	want := opensearch.Tally{Holes: 6, Refreshes: 2, Rewinds: 1}
	b.read(stream)
	b.until("the shard is read again", func() bool { return b.cover(stream, time.Time{}).Shards[0].Met == want })
	if holes := b.counter("sallyport_stream_shard_holes"); holes != 6 {
		t.Errorf("%v holes of the shard, want the 3 of both readings", holes)
	}
	b.server.DeleteIndex("ev-1")
	b.until("its position is dropped", func() bool { return b.cover(stream, time.Time{}).Known == 0 })
	if met := b.cover(stream, time.Time{}).Met; met != want {
		t.Errorf("met %+v when the index is gone, want %+v", met, want)
	}
	if holes := b.counter("sallyport_stream_shard_holes"); holes != 0 {
		t.Errorf("%v holes of a shard that is gone", holes)
	}
}

// TestOldestUnreadOfABusyShard writes without a pause, so that something is unread at each look: what is the oldest moves on
// with the reader all the same.
func TestOldestUnreadOfABusyShard(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	stream := b.stream()
	b.put("ev-1", "first", 1)
	b.read(stream)
	b.untilRead("ev-1", "first", 1)
	for range 5 {
		mark := time.Now()
		b.until("the oldest of what is unread was written after "+mark.String(), func() bool {
			b.put("ev-1", time.Now().String(), 10)
			c := b.cover(stream, time.Time{})
			return c.Unread > 0 && c.Oldest.After(mark)
		})
	}
}

// TestCoverageIsBounded asks for few shards of many.
func TestCoverageIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.CreateIndex("ev-1", 60, time.Time{})
	b.put("ev-1", "a", 200)
	for number := range 55 {
		b.server.Shard("ev-1", number).Missing(true)
	}
	stream := b.stream()
	b.read(stream)
	var c detect.Coverage
	b.until("the others are read", func() bool { c = b.cover(stream, time.Time{}); return c.Known == 5 && c.Unread == 0 })
	if c.Stalled != 55 || len(c.Shards) != 20 || c.More != 35 || c.Shards[19].Why == "" {
		t.Errorf("%d stalled, %d shown, %d more", c.Stalled, len(c.Shards), c.More)
	}
	if text, err := json.Marshal(b.cursorOf("stream/events/0-of-1").Stalls); err != nil || len(text) > 10_000 {
		t.Errorf("the cursor names stalls in %d bytes, %v", len(text), err)
	}
}

// TestUnknownStream is told with those that there are.
func TestUnknownStream(t *testing.T) {
	b := newBench(t)
	_, err := detect.Cover(t.Context(), opensearch.NewCursors(b.client), detect.Config{Streams: []detect.Stream{b.stream()}}, []string{"event"}, time.Time{}, time.Now(), 1)
	if err == nil || !strings.Contains(err.Error(), `"events"`) {
		t.Errorf("an unknown stream: %v", err)
	}
}
