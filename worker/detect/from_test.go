package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestFromTime begins at a time: what happened before it and stood there at the first start is left out, as far as its own
// time says so, and nothing else.
func TestFromTime(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		from := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
		write := func(index, id string, doc any) {
			b.until("the event is written", func() bool {
				_, err := b.client.Create(b.Context(), b.prefix+index, id, doc)
				return err == nil
			})
		}
		happened := func(after time.Duration) event { return event{Host: "h", Time: from.Add(after)} }
		for i := range 20 {
			write("old", fmt.Sprint("before-", i), happened(-time.Hour))
			write("mixed", fmt.Sprint("before-", i), happened(-time.Hour))
			write("mixed", fmt.Sprint("after-", i), happened(time.Duration(i)*time.Second))
		}
		text := map[string]any{"mappings": map[string]any{"properties": map[string]any{"time": map[string]any{"type": "keyword"}}}}
		if err := b.client.CreateIndex(b.Context(), b.prefix+"text", text); err != nil {
			b.Fatal(err)
		}
		write("text", "before", happened(-time.Nanosecond))
		write("text", "after", happened(0))
		write("text", "timeless", map[string]any{"host": "h"})
		stream := b.stream(func(s *detect.Stream) { s.From = from.Format(time.RFC3339) })
		stop := b.read(stream)
		b.untilCovered(stream, time.Now())
		stop()
		write("old", "written-later", happened(-time.Hour))
		write("new", "before", happened(-time.Hour))
		b.read(stream)
		b.untilCovered(stream, time.Now())

		found, after := b.ledger(), 0
		for id := range found {
			if strings.Contains(id, "mixed/after-") {
				after++
			}
		}
		for _, id := range []string{"text/after", "text/timeless", "old/written-later", "new/before"} {
			if _, there := found[b.prefix+id]; !there {
				b.Errorf("%s is not evaluated", id)
			}
		}
		if after != 20 || len(found) != 24 {
			b.Errorf("%d of 20 events at or after the time, %d in all, want 24", after, len(found))
		}
		if left := b.counter("sallyport_stream_before_total"); left != 21 {
			b.Errorf("%v events were read and left out, want 21: the old index is passed over", left)
		}
	})
}

// TestFromDateOutlivesARestart stops a reader in the middle of what it leaves out.
func TestFromDateOutlivesARestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.SetRefresh("ev-1", time.Millisecond)
	early := event{Host: "h", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range 250 {
		if _, err := b.client.Create(t.Context(), "ev-1", fmt.Sprint(i), early); err != nil {
			t.Fatal(err)
		}
	}
	b.put("ev-1", "late", 1)
	stream := b.stream(func(s *detect.Stream) { s.From, s.Page = "2026-02-01", 10 })
	stop := b.read(stream)
	b.until("a part is read", func() bool { return b.counter("sallyport_stream_before_total") >= 50 })
	stop()
	b.read(stream)
	b.untilCovered(stream, time.Now())
	if found := b.ledger(); len(found) != 1 {
		t.Errorf("%d events are evaluated, want 1", len(found))
	}
}
