package detect_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// chaos is a stand-in in which everything goes wrong that it can.
type chaos struct {
	*bench
	random *rand.Rand
	mends  []func()
}

// TestChaos writes, updates and deletes while every fault of the stand-in comes and goes at random, and while readers are
// cut off in the middle of what they do. In the end every document that all copies have is evaluated, once, and no loss is
// told. SALLYPORT_CHAOS_SEED repeats a run.
func TestChaos(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if text := os.Getenv("SALLYPORT_CHAOS_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SALLYPORT_CHAOS_SEED=%d", seed)
	c := &chaos{bench: newBench(t, opensearchtest.WithRefresh(20*time.Millisecond)), random: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // repeatable on purpose
	for i := range 3 {
		c.server.CreateIndex(fmt.Sprint("ev-", i), 2, time.Time{})
	}
	c.watchCursor()
	stream := c.stream(func(s *detect.Stream) { s.Slots = 2 })
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for slot := range 2 {
		running.Go(func() { c.readAndDie(ctx, stream, slot, rand.New(rand.NewPCG(seed, uint64(slot+2)))) }) //nolint:gosec // repeatable on purpose
	}
	var writing sync.WaitGroup
	for w := range 3 {
		writing.Go(func() { c.writeOddly(w) })
	}
	wrong := make(chan struct{})
	go func() { writing.Wait(); close(wrong) }()
	c.goWrong(wrong)
	stop()
	running.Wait()
	c.read(stream)
	c.untilCovered(stream, time.Now())
	c.expectAll()
}

// readAndDie reads a slot in attempts that end at random moments, as a killed process does: nothing is saved any more.
func (c *chaos) readAndDie(ctx context.Context, stream detect.Stream, slot int, random *rand.Rand) {
	for ctx.Err() == nil {
		d := c.detect(detect.Config{Streams: []detect.Stream{stream}})
		term, cancel := context.WithTimeout(ctx, time.Duration(100+random.IntN(600))*time.Millisecond)
		lift := func() {}
		if random.IntN(2) == 0 {
			lift = c.server.Inject(opensearchtest.Fault{Operation: "doc", Path: fmt.Sprintf("/%d-of-2", slot), CutBefore: true, Skip: random.IntN(6), Times: 1})
		}
		_, _ = d.ReadSlot(term, activities.SlotRequest{Stream: stream.Name, Slot: slot, Slots: 2, Term: time.Minute}) // it fails as it may
		lift()
		cancel()
	}
}

// writeOddly writes, and writes over, and deletes, and repeats what was not acknowledged.
func (c *chaos) writeOddly(writer int) {
	for batch := range 20 {
		index := fmt.Sprint("ev-", (writer+batch)%4) // ev-3 appears on the way
		var docs []opensearch.NewDocument
		for i := range 50 {
			docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprintf("w%d-%d-%d", writer, batch, i), Doc: event{Host: "h", Time: time.Now()}})
		}
		for end := time.Now().Add(2 * patience); time.Now().Before(end); {
			if _, err := c.client.CreateAll(c.Context(), docs); err == nil {
				break
			}
		}
		_, _ = c.client.Put(c.Context(), index, docs[0].ID, event{Host: "updated", Time: time.Now()}, opensearch.Condition{})
		if last, found, err := c.client.Get(c.Context(), index, docs[49].ID); err == nil && found {
			_ = c.client.Delete(c.Context(), last)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// goWrong lets one thing after the other go wrong until the writers are done; then all is mended.
func (c *chaos) goWrong(done <-chan struct{}) {
	for {
		select {
		case <-done:
			for _, mend := range c.mends {
				mend()
			}
			return
		case <-time.After(time.Duration(10+c.random.IntN(40)) * time.Millisecond):
			c.goWrongOnce()
		}
	}
}

func (c *chaos) goWrongOnce() {
	operations := []string{"search", "refresh", "stats", "settings", "bulk", "doc"}
	f := opensearchtest.Fault{Operation: operations[c.random.IntN(len(operations))], Times: 1 + c.random.IntN(3), Skip: c.random.IntN(3)}
	shard := c.server.Shard(fmt.Sprint("ev-", c.random.IntN(3)), c.random.IntN(2))
	switch c.random.IntN(13) {
	case 0:
		f.Status = http.StatusTooManyRequests
	case 1:
		f.Status = http.StatusServiceUnavailable
	case 2:
		f.Status, f.Type, f.EachShard = http.StatusInternalServerError, "task_cancelled_exception", true
	case 3:
		f.Partial = true
	case 4:
		f.TimedOut = true
	case 5:
		f.Body = `{}`
	case 6:
		f.Body = `<html>`
	case 7:
		f.CutBefore = true
	case 8:
		f.CutAfter = true
	case 9:
		f.Latency = 50 * time.Millisecond
	case 10:
		shard.BadRefresh(true)
		c.mends = append(c.mends, func() { shard.BadRefresh(false) })
		return
	case 11:
		shard.HoldCheckpoint()
		c.mends = append(c.mends, shard.ReleaseCheckpoint)
		return
	case 12:
		c.goRed(shard)
		return
	}
	c.mends = append(c.mends, c.server.Inject(f))
}

// goRed takes a primary away for a moment, makes another copy the primary, or uses up a sequence number.
func (c *chaos) goRed(shard opensearchtest.Shard) {
	switch c.random.IntN(3) {
	case 0:
		shard.Missing(true)
		<-time.After(30 * time.Millisecond)
		shard.Missing(false)
	case 1:
		shard.FailOver()
	case 2:
		shard.Hole()
	}
	shard.BadRefresh(false)
	shard.ReleaseCheckpoint()
}

// expectAll holds what all copies have against the ledger.
func (c *chaos) expectAll() {
	c.Helper()
	found, held := c.ledger(), 0
	for i := range 4 {
		index := fmt.Sprint("ev-", i)
		for number := range 2 {
			if i == 3 && number == 1 {
				continue // it was made by a write, with one shard
			}
			for id := range c.server.Shard(index, number).Acknowledged() {
				held++
				if _, there := found[index+"/"+id]; !there {
					c.Errorf("%s/%s is not evaluated", index, id)
				}
			}
		}
	}
	if held < 2500 || c.counter("sallyport_stream_lost_total") != 0 {
		c.Errorf("%d documents, %v told as lost", held, c.counter("sallyport_stream_lost_total"))
	}
}
