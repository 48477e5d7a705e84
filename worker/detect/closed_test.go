package detect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestClosedUnread closes an index right after something was written to it, before any look saw that: the watermark
// stands until the index is opened and read, and goes on over one that was read to its end.
func TestClosedUnread(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	mark := func() time.Time { return b.cursorOf("stream/events/0-of-1").Watermark }
	goesOn := func(why string) {
		t.Helper()
		now := time.Now()
		b.until("the watermark goes on: "+why, func() bool { return mark().After(now) })
	}
	b.put("ev-1", "a", 30)
	b.put("ev-2", "a", 30)
	b.read(b.stream())
	b.untilRead("ev-1", "a", 30)
	b.untilRead("ev-2", "a", 30)
	b.server.SetClosed("ev-1", true)
	goesOn("ev-1 was read to its end")

	lift := b.server.Inject(opensearchtest.Fault{Operation: "stats", Status: http.StatusServiceUnavailable}) // nobody looks
	b.put("ev-2", "b", 10)
	b.server.SetClosed("ev-2", true)
	lift()
	b.put("ev-3", "a", 10)
	b.untilRead("ev-3", "a", 10)
	b.until("the end of ev-2 is told", func() bool { return b.counter("sallyport_stream_closed_shards") == 1 })
	stood := mark()
	before := b.server.Calls("stats")
	b.until("ten looks", func() bool { return b.server.Calls("stats") > before+20 })
	if !mark().Equal(stood) {
		t.Errorf("the watermark passed 10 events of a closed index: %s, then %s", stood, mark())
	}
	b.server.SetClosed("ev-2", false)
	b.untilRead("ev-2", "b", 10)
	goesOn("ev-2 was opened and read")
	if closed := b.counter("sallyport_stream_closed_shards"); closed != 0 {
		t.Errorf("%v closed shards are unread, want none", closed)
	}
}

// TestClosedOnRealServer closes an index while nobody reads it, before its end was read.
func TestClosedOnRealServer(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	b := openBench(t, nil, address, prefix)
	stream := b.stream(func(s *detect.Stream) { s.Name = strings.TrimSuffix(prefix, "-") })
	administer := func(verb string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/"+prefix+"2/"+verb, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", verb, resp.StatusCode)
		}
	}
	mark := func() time.Time { return b.cursorOf("stream/" + stream.Name + "/0-of-1").Watermark }
	for _, index := range []string{"1", "2"} {
		b.put(prefix+index, "a", 10)
	}
	stop := b.read(stream)
	for _, index := range []string{"1", "2"} {
		b.untilRead(prefix+index, "a", 10)
	}
	b.until("there is a watermark", func() bool { return !mark().IsZero() })
	stop()
	b.put(prefix+"2", "b", 5)
	administer("_close")
	stood := mark()
	b.read(stream)
	b.put(prefix+"1", "b", 5)
	b.untilRead(prefix+"1", "b", 5)
	b.until("the end is told", func() bool { return b.counter("sallyport_stream_closed_shards") == 1 })
	if !mark().Equal(stood) {
		t.Errorf("the watermark passed 5 events of a closed index: %s, then %s", stood, mark())
	}
	administer("_open")
	b.untilRead(prefix+"2", "b", 5)
	administer("_close")
	now := time.Now()
	b.until("the watermark goes on over a closed index that was read", func() bool { return mark().After(now) })
}

// TestClosedThenDeleted: what a closed index took along unread is a loss, also when no look had seen it.
func TestClosedThenDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.put("ev-1", "a", 30)
	b.put("ev-2", "a", 30)
	b.read(b.stream())
	b.untilRead("ev-1", "a", 30)
	b.untilRead("ev-2", "a", 30)
	lift := b.server.Inject(opensearchtest.Fault{Operation: "stats", Status: http.StatusServiceUnavailable})
	b.put("ev-2", "b", 10)
	b.server.SetClosed("ev-2", true)
	lift()
	b.until("the end of ev-2 is told", func() bool { return b.counter("sallyport_stream_closed_shards") == 1 })
	b.server.DeleteIndex("ev-2")
	b.until("the loss is in the ledger", func() bool { _, there := b.ledger()["ev-2/loss/0/0"]; return there })
	if lost := b.counter("sallyport_stream_lost_total"); lost != 10 {
		t.Errorf("%v operations are lost, want 10", lost)
	}
}
