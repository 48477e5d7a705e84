package detect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// administer sends a request as an administrator does.
func (b *bench) administer(method, path string, body any) (answer []byte) {
	b.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			b.Fatal(err)
		}
		sent = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.Context()), method, b.address+path, sent)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		b.Fatalf("%s %s: %s %s %v", method, path, resp.Status, text, err)
	}
	return text
}

// TestFailOverBetweenStatsAndSearch makes another copy the primary right after its checkpoint was read.
func TestFailOverBetweenStatsAndSearch(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(-1)) // every page has a hole at first
	b.server.CreateIndex("ev-1", 1, time.Time{})
	b.watchCursor()
	shard, failures := b.server.Shard("ev-1", 0), 0
	b.server.Observe("stats", "/ev-*", func() {
		if failures++; failures%2 == 1 && failures < 20 {
			shard.FailOver()
		}
	})
	b.read(b.stream(func(s *detect.Stream) { none := 0; s.Lag = &none }))
	for round := range 5 {
		b.put("ev-1", fmt.Sprint("round", round), 40)
		b.untilRead("ev-1", fmt.Sprint("round", round), 40)
	}
	if got := len(b.ledger()); got != 200 {
		t.Errorf("%d of 200 events are evaluated", got)
	}
}

// TestRelocatingPrimary: a primary that moves to another node is one until it is handed over. It is read, a hole in the
// shard beside it is proved, the watermark goes on; and what is written afterwards is read from where it went.
func TestRelocatingPrimary(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(-1)) // every page has a hole at first
	b.server.CreateIndex("ev-1", 2, time.Time{})
	b.watchCursor()
	handOver := b.server.Shard("ev-1", 1).Relocate()
	b.put("ev-1", "before", 40)
	stream := b.stream()
	b.read(stream)
	b.untilCovered(stream, time.Now())
	if missing := b.counter("sallyport_stream_missing_shards"); missing != 0 {
		t.Errorf("%v shards count as missing while a primary moves", missing)
	}
	handOver()
	b.put("ev-1", "after", 40)
	b.untilCovered(stream, time.Now())
	if got := len(b.ledger()); got != 80 {
		t.Errorf("%d of 80 events are evaluated", got)
	}
}

// TestRollover writes on through an alias that is rolled over while it is read, by the alias' own name.
func TestRollover(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		alias := b.prefix + "log"
		b.administer(http.MethodPut, "/"+alias+"-000001", map[string]any{"aliases": map[string]any{alias: map[string]any{"is_write_index": true}}})
		stream := b.stream(func(s *detect.Stream) { s.Index = alias })
		b.read(stream)
		for round := range 4 {
			b.put(alias, fmt.Sprint("round", round), 30)
			b.administer(http.MethodPost, "/"+alias+"/_rollover", map[string]any{})
		}
		b.put(alias, "round0", 30) // the same ids again: other events
		b.untilCovered(stream, time.Now())
		if got := len(b.ledger()); got != 150 {
			b.Errorf("%d of 150 events are evaluated", got)
		}
	})
}

// TestDeletedBeforeItWasRead deletes an index whose checkpoint was seen and whose events were not read.
func TestDeletedBeforeItWasRead(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		kept, gone := b.prefix+"kept", b.prefix+"gone"
		late := 30
		behind, stream := b.stream(func(s *detect.Stream) { s.Lag, s.Poll = &late, time.Second }), b.stream() // half a minute
		b.put(kept, "a", 10)
		stop := b.read(behind)
		b.put(gone, "a", 25)
		b.until("the checkpoint is known", func() bool {
			for _, p := range b.cursorOf("stream/events/0-of-1").Shards {
				if p.Index == gone && p.Known == 24 && p.Seq == -1 {
					return true
				}
			}
			return false
		})
		b.administer(http.MethodDelete, "/"+gone, nil)
		b.until("the loss is in the ledger", func() bool {
			loss, there := b.ledger()[gone+"/loss/0/0"]
			return there && loss.Opens && loss.Rule.ID == detect.LossRule && strings.Contains(loss.Summary, "25 operations")
		})
		stop()
		b.read(stream)
		b.untilRead(kept, "a", 10)
		if met := b.cover(stream, time.Time{}).Met; met.Lost != 25 {
			b.Errorf("coverage says %d are lost, want 25", met.Lost)
		}
	})
}

// TestReindexed copies an old index into a new one, and makes one anew under its old name: all of it is evaluated, and what
// is old opens nothing.
func TestReindexed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		old := event{Host: "h", Level: "critical", Time: time.Now().Add(-30 * 24 * time.Hour)}
		write := func(index string) {
			for i := range 20 {
				b.until("the event is written", func() bool {
					_, err := b.client.Create(b.Context(), b.prefix+index, fmt.Sprint("e", i), old)
					return err == nil
				})
			}
		}
		stream := b.stream()
		write("1")
		b.read(stream)
		b.untilCovered(stream, time.Now())
		write("1-reindexed")
		b.administer(http.MethodDelete, "/"+b.prefix+"1", nil)
		b.until("its position is dropped", func() bool { return len(b.cursorOf("stream/events/0-of-1").Shards) == 1 })
		write("1")
		b.untilCovered(stream, time.Now())
		if n := b.counter("sallyport_stream_detections_total"); n != 60 || b.counter("sallyport_stream_lost_total") != 0 {
			b.Errorf("%v detections, %v lost; want 60 and none", n, b.counter("sallyport_stream_lost_total"))
		}
		for id, d := range b.ledger() {
			if !d.Late {
				b.Errorf("%s is not late", id)
			}
		}
	})
}

// TestUpdatedDocument writes over events that were read, and that were not: each is one detection.
func TestUpdatedDocument(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		index, stream := b.prefix+"1", b.stream()
		again := func() {
			for i := range 30 {
				if _, err := b.client.Put(b.Context(), index, fmt.Sprintf("a-%d", i), event{Host: "updated", Time: time.Now()}, opensearch.Condition{}); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.put(index, "a", 60)
		again()
		b.read(stream)
		b.untilCovered(stream, time.Now())
		again()
		b.untilCovered(stream, time.Now())
		if got := len(b.ledger()); got != 60 || b.counter("sallyport_stream_detections_total") != 60 || b.counter("sallyport_stream_duplicates_total") < 30 {
			b.Errorf("%d events in the ledger, %v detections, %v duplicates; want 60, 60 and at least 30", got,
				b.counter("sallyport_stream_detections_total"), b.counter("sallyport_stream_duplicates_total"))
		}
	})
}

// TestClockSkew reads with a clock that is an hour off: the tail asks no clock, and the watermark is by ours. Events that
// come from the future by our clock are counted.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(b *bench) {
				b.now = func() time.Time { return time.Now().Add(skew) }
				stream := b.stream()
				b.read(stream)
				b.put(b.prefix+"1", "a", 60)
				at := b.now()
				b.until("it is covered by our clock", func() bool {
					all, err := detect.Cover(b.Context(), opensearch.NewCursors(b.client), detect.Config{Streams: []detect.Stream{stream}}, nil, at, b.now(), 1)
					return err == nil && all[0].Answer.Covered
				})
				if got := len(b.ledger()); got != 60 {
					b.Errorf("%d of 60 events are evaluated", got)
				}
				if ahead := b.counter("sallyport_stream_ahead_total"); skew > 0 && ahead > 0 || skew < 0 && ahead < 60 {
					b.Errorf("%v events count as ahead of our clock", ahead)
				}
			})
		})
	}
}
