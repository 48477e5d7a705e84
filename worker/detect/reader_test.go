package detect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// patience bounds every wait for a fact, also on a machine that has much else to do.
const patience = time.Minute

// bench is a cluster with streams on it and what reads them.
type bench struct {
	*testing.T
	server    *opensearchtest.Server // nil on a real one
	client    *opensearch.Client
	address   string
	prefix    string
	signaller *incidents
	registry  *prometheus.Registry
	metrics   *detect.Metrics
	matcher   detect.Matcher
	log       io.Writer                     // of the reader
	clusters  map[string]*opensearch.Client // that streams name
	now       func() time.Time
}

func newBench(t *testing.T, options ...opensearchtest.Option) *bench {
	server := opensearchtest.NewServer(t, options...)
	return openBench(t, server, server.URL, "ev-")
}

func openBench(t *testing.T, server *opensearchtest.Server, address, prefix string) *bench {
	t.Helper()
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	return &bench{T: t, server: server, client: client, address: address, prefix: prefix, signaller: newIncidents(), registry: registry, metrics: detect.NewMetrics(registry), matcher: everyEvent{}, log: t.Output(), now: time.Now}
}

// stream is the tests' stream: quick polls.
func (b *bench) stream(change ...func(*detect.Stream)) detect.Stream {
	lag := 1
	s := detect.Stream{Name: "events", Index: b.prefix + "*", Mapping: "test", From: detect.FromBeginning, Poll: 100 * time.Millisecond, Lag: &lag, Page: 100}
	for _, c := range change {
		c(&s)
	}
	return s
}

func (b *bench) detect(config detect.Config) *detect.Detect {
	b.Helper()
	d, err := detect.New(detect.Parts{
		Config: config, State: b.client, Clusters: b.clusters, Now: b.now, Signaller: b.signaller, Metrics: b.metrics,
		Log:     slog.New(slog.NewTextHandler(b.log, nil)),
		Matcher: func(detect.Stream) (detect.Matcher, error) { return b.matcher, nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

// read keeps slots of a stream read, as the stream's workflow does, until stop is called; stop returns when they have.
func (b *bench) read(stream detect.Stream) (stop func()) {
	b.Helper()
	return b.readBy(b.detect(detect.Config{Streams: []detect.Stream{stream}}), stream)
}

// readBy is read by a role that is there already.
func (b *bench) readBy(d *detect.Detect, stream detect.Stream) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	for slot := range max(1, stream.Slots) {
		running.Go(func() {
			for ctx.Err() == nil {
				_, err := d.ReadSlot(ctx, activities.SlotRequest{Stream: stream.Name, Slot: slot, Slots: max(1, stream.Slots), Term: time.Minute})
				if err != nil {
					b.Log(err)
				}
				var permanent interface{ Permanent() bool }
				if errors.As(err, &permanent) && permanent.Permanent() {
					b.Errorf("reader ends for good: %v", err)
					return
				}
			}
		})
	}
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); running.Wait() }) }
	b.Cleanup(stop)
	return stop
}

// put writes n events with ids prefix-0.. into an index, one bulk of 50 after the other.
func (b *bench) put(index, ids string, n int) {
	b.Helper()
	var docs []opensearch.NewDocument
	for i := range n {
		docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprintf("%s-%d", ids, i), Doc: event{Host: fmt.Sprintf("host-%d", i%7), Time: time.Now(), N: i}})
	}
	for len(docs) > 0 {
		part := docs[:min(50, len(docs))]
		b.until("events are written", func() bool { // a writer repeats what may not have arrived
			_, err := b.client.CreateAll(b.Context(), part)
			return err == nil
		})
		docs = docs[len(part):]
	}
}

// ledger reads the whole ledger: detections by event id. Two for the same event and rule fail the test.
func (b *bench) ledger() map[string]soar.Detection {
	b.Helper()
	if err := b.client.Refresh(b.Context(), opensearch.LedgerPattern); err != nil {
		b.Fatal(err)
	}
	found := map[string]soar.Detection{}
	var after []json.RawMessage
	for {
		body := map[string]any{
			"size": 5000, "sort": []any{map[string]string{"event.id": "asc"}, map[string]string{"event.index_uuid": "asc"}},
			"query": map[string]any{"prefix": map[string]any{"event.index": b.prefix}},
		}
		if after != nil {
			body["search_after"] = after
		}
		var page opensearch.Result
		b.until("the ledger can be searched", func() bool {
			err := b.client.Search(b.Context(), opensearch.LedgerPattern, body, &page)
			if err != nil && !b.making(err) {
				b.Fatal(err)
			}
			return err == nil
		})
		for _, hit := range page.Hits.Hits {
			var d soar.Detection
			if err := json.Unmarshal(hit.Source, &d); err != nil {
				b.Fatal(err)
			}
			key := d.Event.Index + "/" + d.Event.ID
			if old, twice := found[key]; twice && old.Event.IndexUUID == d.Event.IndexUUID {
				b.Errorf("the ledger has %s twice", key)
			}
			found[key] = d
			after = hit.Sort
		}
		if len(page.Hits.Hits) < 5000 {
			return found
		}
	}
}

// until waits for a fact; a real server shares the machine with others.
func (b *bench) until(what string, fact func() bool) {
	b.Helper()
	patience := patience
	if b.server == nil {
		patience *= 4
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !fact() {
		select {
		case <-tick.C:
		case <-deadline.C:
			b.Fatalf("not in %s: %s", patience, what)
		}
	}
}

// untilRead waits until the ledger has every one of the wanted events.
func (b *bench) untilRead(index, ids string, n int) {
	b.Helper()
	b.until(fmt.Sprintf("%d events %s/%s-* in the ledger", n, index, ids), func() bool {
		found := b.ledger()
		for i := range n {
			if _, there := found[fmt.Sprintf("%s/%s-%d", index, ids, i)]; !there {
				return false
			}
		}
		return true
	})
}

// watchCursor checks after each save that the cursor has passed no acknowledged document that the ledger lacks.
func (b *bench) watchCursor() {
	b.server.Observe("doc", "/sallyport-cursors/", func() {
		for name, source := range b.server.Documents("sallyport-cursors") {
			var cursor opensearch.Cursor
			if json.Unmarshal(source, &cursor) != nil || cursor.Reader == "stream/events" {
				continue
			}
			for _, position := range cursor.Shards {
				b.checkPosition(name, position)
			}
		}
	})
}

func (b *bench) checkPosition(name string, position opensearch.Position) {
	if !b.server.Has(position.Index, position.UUID) {
		return
	}
	ledger := b.server.Documents("sallyport-detections-*")
	for id, seq := range b.server.Shard(position.Index, position.Shard).Acknowledged() {
		if seq > position.Seq {
			continue
		}
		d := soar.Detection{Rule: soar.Rule{ID: "every"}, Event: soar.EventRef{IndexUUID: position.UUID, ID: id}}
		ref := opensearch.DetectionRefFor(d, position.Created)
		if _, there := ledger[ref.Index+"/"+ref.ID]; !there {
			b.Errorf("%s stands at %d of %s[%d], but %s (%d) is not in the ledger", name, position.Seq, position.Index, position.Shard, id, seq)
		}
	}
}

// making reports whether err is a real server's 503 for an index that it is still making.
func (b *bench) making(err error) bool {
	var fault *opensearch.Fault
	return b.server == nil && errors.As(err, &fault) && fault.Status == http.StatusServiceUnavailable
}

// cursorOf reads a reader's cursor; while its index is being made there is none.
func (b *bench) cursorOf(reader string) opensearch.Cursor {
	b.Helper()
	held, err := opensearch.NewCursors(b.client).Load(b.Context(), reader)
	if b.making(err) {
		return opensearch.Cursor{}
	}
	if err != nil {
		b.Fatal(err)
	}
	return held.Cursor
}

// counter is the sum of a metric over its labels.
func (b *bench) counter(name string) (sum float64) {
	b.Helper()
	families, err := b.registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return sum
}
