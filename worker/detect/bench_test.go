package detect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// odometer matches nothing, so that the reader alone is measured; it reads each event's time as the rules' matcher does. At
// every so many documents the reader waits until it is sent onward.
type odometer struct {
	b      *testing.B
	clock  *rules.LiveMatcher
	every  int
	read   int // by the reader, who alone touches it
	stops  chan int
	onward chan struct{}
	done   chan error
	end    context.CancelFunc
}

// startReader starts a reader of an index that stops at every so many documents.
func (s *benchServer) startReader(index string, page, every int) *odometer {
	s.Helper()
	live, _ := rules.NewLive(content.Files)
	clock, err := live.For("wazuh4")
	if err != nil {
		s.Fatal(err)
	}
	o := &odometer{b: s.B, clock: clock, every: every, stops: make(chan int), onward: make(chan struct{}), done: make(chan error, 1)}
	lag, name := 0, fmt.Sprint("bench", time.Now().UnixNano())
	stream := detect.Stream{Name: name, Index: index, Mapping: "none", From: detect.FromBeginning, Lag: &lag, Poll: 100 * time.Millisecond, Page: page}
	d, err := detect.New(detect.Parts{
		Config: detect.Config{Streams: []detect.Stream{stream}}, State: s.client, Signaller: newIncidents(), Metrics: detect.NewMetrics(prometheus.NewRegistry()),
		Matcher: func(detect.Stream) (detect.Matcher, error) { return o, nil },
	})
	if err != nil {
		s.Fatal(err)
	}
	var ctx context.Context
	ctx, o.end = context.WithCancel(s.Context())
	go func() {
		_, err := d.ReadSlot(ctx, activities.SlotRequest{Stream: name, Slots: 1, Term: time.Hour})
		o.done <- err
	}()
	return o
}

// stop waits for the next stop and says how many documents were read.
func (o *odometer) stop() int {
	o.b.Helper()
	select {
	case read := <-o.stops:
		return read
	case err := <-o.done:
		o.b.Fatalf("the reader ended: %v", err)
		return 0
	}
}

// forward lets the reader go on from one stop to another.
func (o *odometer) forward(from, to int) int {
	o.b.Helper()
	for from < to {
		o.onward <- struct{}{}
		from = o.stop()
	}
	return from
}

// finish ends a reader that stands at a stop.
func (o *odometer) finish() {
	o.b.Helper()
	o.end()
	close(o.onward)
	if err := <-o.done; err != nil {
		o.b.Fatal(err)
	}
}

func (*odometer) Dearest([]byte) (string, time.Duration) { return "", 0 }

func (*odometer) MatchAlone([]byte) ([]soar.Detection, error) { return nil, nil }

func (o *odometer) EventTime(source []byte) time.Time { return o.clock.EventTime(source) }

func (o *odometer) TimePaths() []string { return o.clock.TimePaths() }

func (o *odometer) Match([]byte) ([]soar.Detection, error) {
	if o.read++; o.read%o.every == 0 {
		o.stops <- o.read
		<-o.onward
	}
	return nil, nil
}

// BenchmarkReader reads the same index of a real server bare, page by page with the same client, and by the reader, by
// turns; it reports documents per second of both and their ratio.
func BenchmarkReader(b *testing.B) {
	s := openBenchServer(b)
	const documents = 120_000
	s.fill(s.prefix+"1", 1, documents, 40)
	var bare, reader took
	for range b.N {
		s.measure(&bare, func() { s.readBare(s.prefix+"1", benchPage) })
		s.measure(&reader, func() { s.read(s.prefix+"1", benchPage, documents) })
	}
	b.ReportMetric(float64(documents*b.N)/bare.clock.Seconds(), "bare-docs/s")
	b.ReportMetric(float64(documents*b.N)/reader.clock.Seconds(), "reader-docs/s")
	b.ReportMetric(bare.clock.Seconds()/reader.clock.Seconds(), "reader/bare")
	b.ReportMetric(bare.perDocument(1)/reader.perDocument(1), "reader/bare-processor")
}

// benchServer is a real server that is measured.
type benchServer struct {
	*testing.B
	client          *opensearch.Client
	address, prefix string
	own             *prometheus.Registry // tells this process's processor time
}

func openBenchServer(b *testing.B) *benchServer {
	b.Helper()
	address, prefix := opensearchtest.Real(b)
	client, err := opensearch.Open(b.Context(), opensearch.Config{URL: address})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := client.EnsureTemplates(b.Context()); err != nil {
		b.Fatal(err)
	}
	own := prometheus.NewRegistry()
	own.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &benchServer{b, client, address, prefix, own}
}

// ask sends a request of the bench's own and decodes a good answer.
func (s *benchServer) ask(method, path, body string, answer any) error {
	req, err := http.NewRequestWithContext(s.Context(), method, s.address+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: status %d", method, path, resp.StatusCode)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// processor is the processor time that this process and the server have used: other load on the machine changes it little.
// The server looks at its own once a second.
func (s *benchServer) processor() (own, server time.Duration) {
	s.Helper()
	families, err := s.own.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "process_cpu_seconds_total" {
			own = time.Duration(family.GetMetric()[0].GetCounter().GetValue() * float64(time.Second))
		}
	}
	var answer struct {
		Nodes map[string]struct {
			Process struct {
				Timestamp int64
				CPU       struct {
					Millis int64 `json:"total_in_millis"`
				}
			}
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for asked, told := time.Now().UnixMilli(), int64(0); told < asked; <-tick.C {
		if err := s.ask(http.MethodGet, "/_nodes/stats/process", "", &answer); err != nil || len(answer.Nodes) != 1 {
			s.Fatal("one node is wanted: ", err)
		}
		for _, node := range answer.Nodes {
			told, server = node.Process.Timestamp, time.Duration(node.Process.CPU.Millis)*time.Millisecond
		}
	}
	return own, server
}

// A page of the readers that are measured, and of fill's bulks: it writes multiples of them.
const (
	benchPage = 1000
	fillBulk  = 5000
)

// fill makes an index of so many shards and writes documents of about 23 bytes a phrase into it, by two writers. Nothing
// of them is indexed but what the server adds, since nothing else is searched.
func (s *benchServer) fill(index string, shards, documents, phrases int) {
	s.Helper()
	err := s.client.CreateIndex(s.Context(), index, map[string]any{
		"settings": map[string]any{"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "-1"},
		"mappings": map[string]any{"dynamic": false},
	})
	var health struct{ Status string }
	if err == nil {
		err = s.ask(http.MethodGet, "/_cluster/health/"+index+"?wait_for_status=green&timeout=5m", "", &health)
	}
	if err != nil {
		s.Fatal(err)
	}
	doc := fmt.Sprintf(`{"host":"h","text":%q,"timestamp":%q}`, strings.Repeat("some words of an event ", phrases), time.Now().UTC().Format(time.RFC3339Nano))
	bulk := strings.Repeat("{\"index\":{}}\n"+doc+"\n", fillBulk)
	var writing sync.WaitGroup
	var bulks atomic.Int64
	for range 2 {
		writing.Go(func() {
			for !s.Failed() && bulks.Add(1) <= int64(documents/fillBulk) {
				var answer struct {
					Errors bool
					Items  []json.RawMessage
				}
				if err := s.ask(http.MethodPost, "/"+index+"/_bulk?filter_path=errors,items.*.error.type", bulk, &answer); err != nil || answer.Errors {
					s.Errorf("bulk is refused: %v %s", err, answer.Items[:min(1, len(answer.Items))])
				}
			}
		})
	}
	writing.Wait()
	if err := s.client.Refresh(s.Context(), index); err != nil || s.Failed() {
		s.Fatal(err)
	}
}

// readBare reads every shard of an index to its end, one after the other.
func (s *benchServer) readBare(index string, page int) {
	s.Helper()
	shards, err := s.client.Primaries(s.Context(), index)
	if err != nil {
		s.Fatal(err)
	}
	for _, shard := range shards {
		for after := int64(-1); after < shard.Checkpoint; {
			hits, err := s.client.ReadPage(s.Context(), shard, after, min(after+int64(page), shard.Checkpoint), page)
			if err != nil || len(hits) == 0 {
				s.Fatal(err)
			}
			after = hits[len(hits)-1].SeqNo
		}
	}
}

// read reads a whole index by the reader.
func (s *benchServer) read(index string, page, documents int) {
	s.Helper()
	o := s.startReader(index, page, documents)
	o.stop()
	o.finish()
}

// took is the time of a piece of work by the clock, and by the processors on either side.
type took struct{ clock, own, server time.Duration }

// perDocument is the processor time of both sides for each of so many documents, in nanoseconds.
func (t took) perDocument(documents int) float64 {
	return float64((t.own + t.server).Nanoseconds()) / float64(documents)
}

func (t took) String() string {
	return fmt.Sprintf("%s by the clock, %s on a processor here and %s on the server's", t.clock, t.own, t.server)
}

// measure adds what work takes.
func (s *benchServer) measure(t *took, work func()) {
	s.Helper()
	own, server := s.processor()
	begin := time.Now()
	work()
	t.clock += time.Since(begin)
	ownAfter, serverAfter := s.processor()
	t.own, t.server = t.own+ownAfter-own, t.server+serverAfter-server
}
