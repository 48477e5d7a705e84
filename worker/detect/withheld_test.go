package detect_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// send writes a document as its text stands.
func (b *bench) send(index, id, text string) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPut, b.address+"/"+index+"/_doc/"+id, strings.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusCreated {
		b.Fatalf("%s of %s: %s", id, index, resp.Status)
	}
}

// unreadable are the unreadable events by reason.
func (b *bench) unreadable(reason string) (n float64) {
	b.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == "sallyport_stream_unreadable_total" && label.GetName() == "reason" && label.GetValue() == reason {
					n += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return n
}

// TestUnreadableSources: a server takes comments in an event and hands them out, so that a whole page is no JSON; an index
// may keep no source; the mapped time may be of another type in each index, or missing; an event may have 20 MB. Each is
// counted and named, and the others are evaluated.
func TestUnreadableSources(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		var told strings.Builder
		b.log = io.MultiWriter(&told, b.Output())
		b.put(b.prefix+"1", "before", 70)
		b.send(b.prefix+"1", "comment", `{"host":"h" /* ", */ ,"time":"2026-11-27T05:00:00Z"}`)
		b.put(b.prefix+"1", "between", 70)
		b.send(b.prefix+"1", "comment-at-end", `{"host":"h","time":"2026-11-27T05:00:00Z"} // and then`)
		b.send(b.prefix+"1", "no-time", `{"host":"h"}`)
		b.send(b.prefix+"large", "twenty-megabytes", `{"host":"h","time":"2026-11-27T05:00:00Z","text":["`+strings.Repeat(strings.Repeat("x", 30000)+`","`, 700)+`"]}`)
		b.put(b.prefix+"1", "after", 70)
		mapping := func(index string, mappings map[string]any) {
			if err := b.client.CreateIndex(b.Context(), b.prefix+index, map[string]any{"mappings": mappings}); err != nil {
				b.Fatal(err)
			}
		}
		mapping("sourceless", map[string]any{"_source": map[string]any{"enabled": false}})
		mapping("keyword", map[string]any{"properties": map[string]any{"time": map[string]any{"type": "keyword"}}})
		mapping("object", map[string]any{"properties": map[string]any{"time": map[string]any{"type": "object"}}})
		b.put(b.prefix+"sourceless", "gone", 3)
		b.put(b.prefix+"keyword", "a", 5)
		b.send(b.prefix+"object", "conflict", `{"host":"h","time":{"seconds":1}}`)
		stream := b.stream()
		stop := b.read(stream)
		b.untilCovered(stream, time.Now())
		stop()
		var missing []string
		found := b.ledger()
		for _, id := range slices.Concat(ids("1/before", 70), ids("1/between", 70), ids("1/after", 70), ids("keyword/a", 5), []string{"1/no-time", "large/twenty-megabytes"}) {
			if _, there := found[b.prefix+id]; !there {
				missing = append(missing, id)
			}
		}
		if len(missing) > 0 || len(found) != 217 {
			b.Errorf("%d events are evaluated, want 217; not %v", len(found), missing)
		}
		if b.unreadable("unparsable") != 2 || b.unreadable("no_source") != 3 || b.unreadable("unreadable") != 1 || b.counter("sallyport_stream_timeless_total") != 1 {
			b.Errorf("unparsable %v, no source %v, unreadable %v, timeless %v; want 2, 3, 1, 1", b.unreadable("unparsable"), b.unreadable("no_source"),
				b.unreadable("unreadable"), b.counter("sallyport_stream_timeless_total"))
		}
		for _, want := range []string{"id=comment seq=", "id=comment-at-end", "id=gone-2", "id=conflict", b.prefix + "1/no-time"} {
			if !strings.Contains(told.String(), want) {
				b.Errorf("the log does not name %s", want)
			}
		}
	})
}

func ids(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s-%d", prefix, i))
	}
	return all
}

// TestLargeEvents reads pages that are too large to hold (the server pads those of more than one event), an event that is
// larger than a page may be, and one that is larger than an event may be.
func TestLargeEvents(t *testing.T) {
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	large := func(id string, mib int) {
		b.send("ev-1", id, `{"host":"h","time":"2026-11-27T05:00:00Z","text":"`+strings.Repeat("x", mib<<20)+`"}`)
	}
	for _, size := range []string{"8", "4", "2"} {
		b.server.Inject(opensearchtest.Fault{Operation: "search", Path: "/ev-1", Carries: `"size":` + size + `,`, Body: strings.Repeat(" ", 64<<20+1)})
	}
	b.put("ev-1", "before", 2)
	large("large", 65)
	large("too-large", 101)
	b.put("ev-1", "after", 2)
	b.read(b.stream(func(s *detect.Stream) { s.Page = 8 }))
	for end := time.Now().Add(8 * patience); b.counter("sallyport_stream_documents_total") < 6 && time.Now().Before(end); {
		<-time.After(100 * time.Millisecond)
	}
	found := b.ledger()
	if _, there := found["ev-1/large"]; !there || len(found) != 5 || b.unreadable("too_large") != 1 {
		t.Errorf("%d events are evaluated, want 5; %v are too large, want 1", len(found), b.unreadable("too_large"))
	}
}

// TestBrokenAnswersSkipNothing answers single events with what is no answer of the server: that is a failure of the poll,
// not of an event.
func TestBrokenAnswersSkipNothing(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"a proxy's page": "<html>", "half an answer": `{"took":1,"hits":{"hits":[`, "another's JSON": `{"error":`, "half of its own": `{"took":1,"_shards":{"total":1},"hits":{"hits":[`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
			b.put("ev-1", "a", 30)
			lift := b.server.Inject(opensearchtest.Fault{Operation: "search", Path: "/ev-1", Body: body})
			b.read(b.stream(func(s *detect.Stream) { s.Page = 1 }))
			before := b.server.Calls("stats")
			b.until("five polls", func() bool { return b.server.Calls("stats") > before+5 })
			lift()
			b.untilRead("ev-1", "a", 30)
			if n := b.counter("sallyport_stream_unreadable_total"); n != 0 {
				t.Errorf("%v events were given up", n)
			}
		})
	}
}
