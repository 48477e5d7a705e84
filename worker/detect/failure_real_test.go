package detect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestRedOnRealServer reads beside a shard that no node may hold: the server counts no failure for it.
func TestRedOnRealServer(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	b := openBench(t, nil, address, prefix)
	nowhere := map[string]any{"index.routing.allocation.require._name": "nowhere"}
	settings := map[string]any{"number_of_shards": 1, "number_of_replicas": 0, "index.routing.allocation.require._name": "nowhere"}
	b.administer(http.MethodPut, "/"+prefix+"red?wait_for_active_shards=0", map[string]any{"settings": settings})
	b.put(prefix+"green", "a", 20)
	stream := b.stream()
	b.read(stream)
	b.untilRead(prefix+"green", "a", 20)
	var c detect.Coverage
	b.until("the red shard is told", func() bool { c = b.cover(stream, time.Now()); return c.Stalled == 1 })
	if worst := c.Shards[0]; worst.Index != prefix+"red" || worst.Why != "no started primary" || c.Answer.Covered || !c.Watermark.IsZero() {
		t.Errorf("watermark %s, the worst %+v", c.Watermark, worst)
	}
	nowhere["index.routing.allocation.require._name"] = nil
	b.administer(http.MethodPut, "/"+prefix+"red/_settings", nowhere)
	b.put(prefix+"red", "a", 20)
	b.untilCovered(stream, time.Now())
	if got := len(b.ledger()); got != 40 {
		t.Errorf("%d of 40 events are evaluated", got)
	}
}

// TestSearchesCancelledOnRealServer has the server cancel every search that takes more than a millisecond: it says so with
// status 500, and by each shard.
func TestSearchesCancelledOnRealServer(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	b := openBench(t, nil, address, prefix)
	set := func(value any) {
		b.administer(http.MethodPut, "/_cluster/settings", map[string]any{"transient": map[string]any{"search.cancel_after_time_interval": value}})
	}
	t.Cleanup(func() { set(nil) })
	written := 0
	write := func() {
		var docs []opensearch.NewDocument
		for range 1500 { // large ones, so that no page of them is made in a millisecond
			docs = append(docs, opensearch.NewDocument{Index: fmt.Sprint(prefix, written%3), ID: fmt.Sprint("a-", written), Doc: map[string]any{
				"host": "h", "time": time.Now(), "text": strings.Repeat(fmt.Sprint("some words of event ", written, ", "), 800),
			}})
			written++
		}
		if _, err := b.client.CreateAll(t.Context(), docs); err != nil {
			t.Fatal(err)
		}
	}
	write()
	stream := b.stream(func(s *detect.Stream) { s.Page = 500 })
	set("1ms")
	b.read(stream)
	b.until("a search has failed", func() bool {
		if b.counter("sallyport_stream_documents_total") >= float64(written) {
			write() // the server was done before it came to cancelling
		}
		return b.counter("sallyport_stream_failures_total") > 0
	})
	set(nil)
	b.untilCovered(stream, time.Now())
	if got := len(b.ledger()); got != written {
		t.Errorf("%d of %d events are evaluated", got, written)
	}
}

// TestDataStreamOnRealServer reads all backing indices of a data stream, which are hidden, over rollovers. The same id in
// two of them is two events.
func TestDataStreamOnRealServer(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	b := openBench(t, nil, address, prefix)
	name := prefix + "logs"
	b.administer(http.MethodPut, "/_index_template/"+name, map[string]any{
		"index_patterns": []string{name}, "data_stream": map[string]any{}, "priority": 500,
		"template": map[string]any{"settings": map[string]any{"number_of_replicas": 0}},
	})
	t.Cleanup(func() {
		b.administer(http.MethodDelete, "/_data_stream/"+name, nil)
		b.administer(http.MethodDelete, "/_index_template/"+name, nil)
	})
	b.administer(http.MethodPut, "/_data_stream/"+name, nil)
	b.prefix = ".ds-" + prefix
	streams := []detect.Stream{
		b.stream(func(s *detect.Stream) { s.Index = name }),
		b.stream(func(s *detect.Stream) { s.Name, s.Index = "by-pattern", prefix+"*" }),
	}
	for _, stream := range streams {
		b.read(stream)
	}
	for range 3 {
		for i := range 20 {
			doc := map[string]any{"@timestamp": time.Now(), "host": "h", "time": time.Now()}
			b.administer(http.MethodPut, fmt.Sprintf("/%s/_create/same-%d", name, i), doc)
		}
		b.administer(http.MethodPost, "/"+name+"/_rollover", map[string]any{})
	}
	for _, stream := range streams {
		if c := b.untilCovered(stream, time.Now()); c.Known != 4 {
			t.Errorf("stream %s has read %d backing indices, want 4", stream.Name, c.Known)
		}
	}
	if got := len(b.ledger()); got != 60 {
		t.Errorf("%d of 60 events are evaluated", got)
	}
}
