package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// TestBadInput puts events through that no reader should meet: each is counted and named, none stops the shard.
func TestBadInput(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	keys := map[string]any{"host": "many-keys"}
	for i := range 10000 {
		keys[fmt.Sprint("key", i)] = i
	}
	long := strings.Repeat("x", 10<<20)
	for id, doc := range map[string]any{
		"malformed":   map[string]any{"host": 17},
		"panics":      event{Host: "panic"},
		"panics-all":  event{Host: "panic-alone"},
		"no-time":     map[string]any{"host": "h"},
		"far-future":  map[string]any{"host": "h", "time": "9999-12-31T00:00:00Z"},
		"long-name":   map[string]any{"host": strings.Repeat("ä", 5000)},
		"many-keys":   keys,
		"ten-mb":      map[string]any{"host": "big", "text": long},
		"no-entity":   map[string]any{"host": "  "},
		"late":        event{Host: "h", Time: time.Now().Add(-8 * 24 * time.Hour)},
		"nearly-late": event{Host: "h", Time: time.Now().Add(-6 * 24 * time.Hour)},
	} {
		if _, err := b.client.Create(t.Context(), "ev-1", id, doc); err != nil {
			t.Fatal(err)
		}
	}
	b.put("ev-1", "good", 10)
	b.read(b.stream())
	b.untilRead("ev-1", "good", 10)
	ledger := b.ledger()
	for id, want := range map[string]bool{
		"malformed": false, "panics": true, "panics-all": false, "no-time": true, "far-future": true, "long-name": true, "many-keys": true, "ten-mb": true,
		"no-entity": true, "late": true, "nearly-late": true,
	} {
		if _, there := ledger["ev-1/"+id]; there != want {
			t.Errorf("%s in the ledger: %v, want %v", id, there, want)
		}
	}
	if !ledger["ev-1/late"].Late || ledger["ev-1/nearly-late"].Late || ledger["ev-1/no-time"].Late {
		t.Error("late: want only the event of 8 days ago")
	}
	if name := ledger["ev-1/long-name"].Entity.Name; len(name) > 250 {
		t.Errorf("an entity's name of %d bytes", len(name))
	}
	if e := ledger["ev-1/no-entity"].Entity.String(); e != "stream/events" {
		t.Errorf("an event without a host is about %s, want the stream", e)
	}
	if b.counter("sallyport_stream_unreadable_total") != 2 || b.counter("sallyport_stream_timeless_total") != 7 {
		t.Errorf("unreadable %v, timeless %v", b.counter("sallyport_stream_unreadable_total"), b.counter("sallyport_stream_timeless_total"))
	}
}
