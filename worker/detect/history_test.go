package detect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestFailOver rolls back what stood above the global checkpoint, and gives its sequence numbers to other documents: a
// reader of what is visible would take the first and miss the second.
func TestFailOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.CreateIndex("ev-1", 1, time.Time{})
	b.watchCursor()
	b.put("ev-1", "kept", 40)
	b.read(b.stream())
	b.untilRead("ev-1", "kept", 40)
	shard := b.server.Shard("ev-1", 0)
	shard.HoldCheckpoint()
	b.put("ev-1", "phantom", 30)
	before := b.server.Calls("stats")
	b.until("three polls while the checkpoint stands", func() bool { return b.server.Calls("stats") > before+3 })
	shard.FailOver()
	b.put("ev-1", "after", 30)
	b.untilRead("ev-1", "after", 30)
	for event := range b.ledger() {
		if strings.Contains(event, "phantom") {
			t.Errorf("%s was rolled back, and is in the ledger", event)
		}
	}
}

func TestHistoryChange(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.CreateIndex("ev-1", 1, time.Time{})
	b.put("ev-1", "a", 120)
	b.read(b.stream())
	b.untilRead("ev-1", "a", 120)
	b.server.Shard("ev-1", 0).ChangeHistory()
	b.put("ev-1", "b", 20)
	b.untilRead("ev-1", "b", 20)
	if got := len(b.ledger()); got != 140 {
		t.Errorf("the ledger has %d detections, want 140", got)
	}
	if b.counter("sallyport_stream_rewinds_total") != 1 || b.counter("sallyport_stream_duplicates_total") < 120 {
		t.Error("the shard was not read again from its beginning")
	}
}

// TestDeletedIndex drops one index that was read to its end and one that was not.
func TestDeletedIndex(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.CreateIndex("ev-read", 1, time.Time{})
	b.server.CreateIndex("ev-unread", 1, time.Time{})
	b.put("ev-read", "a", 10)
	b.server.Inject(opensearchtest.Fault{Operation: "search", Path: "ev-unread", Status: http.StatusServiceUnavailable})
	b.put("ev-unread", "a", 25)
	b.read(b.stream())
	b.untilRead("ev-read", "a", 10)
	b.until("the checkpoint of ev-unread is known", func() bool {
		for _, p := range b.cursorOf("stream/events/0-of-1").Shards {
			if p.Index == "ev-unread" && p.Known == 24 {
				return true
			}
		}
		return false
	})
	b.server.DeleteIndex("ev-read")
	b.server.DeleteIndex("ev-unread")
	b.until("the loss is in the ledger", func() bool { _, there := b.ledger()["ev-unread/loss/0/0"]; return there })
	loss := b.ledger()["ev-unread/loss/0/0"]
	if !loss.Opens || loss.Rule.ID != detect.LossRule || loss.Entity.String() != "stream/events" || !strings.Contains(loss.Summary, "25 operations") {
		t.Errorf("loss: %+v", loss)
	}
	b.until("both positions are dropped", func() bool { return len(b.cursorOf("stream/events/0-of-1").Shards) == 0 })
	if _, there := b.ledger()["ev-read/loss/0/0"]; there {
		t.Error("an index that was read to its end is no loss")
	}
}

// TestClosedIndex keeps its place and goes on when the index is opened again.
func TestClosedIndex(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		first, second := b.prefix+"1", b.prefix+"2"
		b.put(first, "a", 30)
		b.read(b.stream())
		b.untilRead(first, "a", 30)
		b.put(second, "a", 30)
		b.untilRead(second, "a", 30)
		b.setClosed(first, true)
		b.put(second, "meanwhile", 10)
		b.untilRead(second, "meanwhile", 10)
		b.setClosed(first, false)
		b.put(first, "b", 10)
		b.untilRead(first, "b", 10)
		if b.counter("sallyport_stream_lost_total") != 0 || b.counter("sallyport_stream_duplicates_total") != 0 {
			b.Error("a closed index is neither lost nor read again")
		}
	})
}

// TestListOfNames watches indices by name: one that is closed, deleted or not there yet keeps nobody from the others, and
// one that is deleted unread is a loss.
func TestListOfNames(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.server.CreateIndex("ev-db", 1, time.Time{})
	b.put("ev-web", "a", 10)
	b.server.Inject(opensearchtest.Fault{Operation: "search", Path: "ev-db", Status: http.StatusServiceUnavailable})
	b.put("ev-db", "a", 25)
	b.read(b.stream(func(s *detect.Stream) { s.Index = "ev-web,ev-db,ev-later" }))
	b.untilRead("ev-web", "a", 10)
	b.until("the checkpoint of ev-db is known", func() bool {
		shards := b.cursorOf("stream/events/0-of-1").Shards
		return len(shards) == 2 && shards[0].Known == 24
	})
	b.server.SetClosed("ev-db", true)
	b.put("ev-web", "while it is closed", 10)
	b.untilRead("ev-web", "while it is closed", 10)
	if len(b.cursorOf("stream/events/0-of-1").Shards) != 2 {
		t.Error("the place of a closed index is not kept")
	}
	b.server.SetClosed("ev-db", false)
	b.server.DeleteIndex("ev-db")
	b.put("ev-web", "when it is gone", 10)
	b.untilRead("ev-web", "when it is gone", 10)
	b.until("the loss is in the ledger", func() bool { _, there := b.ledger()["ev-db/loss/0/0"]; return there })
	b.put("ev-later", "a", 10)
	b.untilRead("ev-later", "a", 10)
	b.server.DeleteIndex("ev-web")
	b.server.DeleteIndex("ev-later")
	b.until("all positions are dropped", func() bool { return len(b.cursorOf("stream/events/0-of-1").Shards) == 0 })
	if lost := b.counter("sallyport_stream_lost_total"); lost != 25 {
		t.Errorf("%v operations are lost, want the 25 of ev-db", lost)
	}
}

// TestHistoryChangeTakesWhatIsUnread makes an empty shard primary before its events were read: a loss is told with their
// number, once, and what is written afterwards is read. A shard that was read to its end loses nothing.
func TestHistoryChangeTakesWhatIsUnread(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		read, unread := b.prefix+"read", b.prefix+"unread"
		for _, index := range []string{read, unread} {
			b.createIndex(index, 1)
		}
		lag := 30
		stream := b.stream(func(s *detect.Stream) { s.Index, s.Lag, s.Poll = unread, &lag, 2*time.Second }) // a minute behind
		others := b.stream(func(s *detect.Stream) { s.Name, s.Index = "others", read })
		b.put(read, "a", 20)
		b.put(unread, "a", 25)
		b.read(others)
		b.untilRead(read, "a", 20)
		b.read(stream)
		b.until("the checkpoint is known", func() bool {
			shards := b.cursorOf("stream/events/0-of-1").Shards
			return len(shards) == 1 && shards[0].Known == 24
		})
		for _, index := range []string{read, unread} {
			b.makeEmpty(index)
		}
		b.until("the loss is in the ledger", func() bool { _, there := b.ledger()[unread+"/loss/0/0"]; return there })
		if loss := b.ledger()[unread+"/loss/0/0"]; !loss.Opens || !strings.Contains(loss.Summary, "got another history with 25 operations of shard 0 unread") {
			t.Errorf("loss: %+v", loss)
		}
		b.put(read, "b", 5)
		b.untilRead(read, "b", 5)
		if _, there := b.ledger()[read+"/loss/0/0"]; there || b.counter("sallyport_stream_lost_total") != 25 {
			t.Errorf("%v operations count as lost, want 25", b.counter("sallyport_stream_lost_total"))
		}
	})
}

// makeEmpty makes an empty copy of an index's one shard primary.
func (b *bench) makeEmpty(index string) {
	b.Helper()
	if b.server != nil {
		b.server.Shard(index, 0).MakeEmpty()
		return
	}
	b.force("allocate_empty_primary", index)
}
