package detect_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// noRule matches nothing, so that the reader alone is measured; it reads each event's time as the rules' matcher does.
type noRule struct{ clock *rules.LiveMatcher }

func (noRule) Dearest([]byte) (string, time.Duration) { return "", 0 }

func newNoRule(b *testing.B) noRule {
	b.Helper()
	live, _ := rules.NewLive(content.Files)
	clock, err := live.For("wazuh4")
	if err != nil {
		b.Fatal(err)
	}
	return noRule{clock}
}

func (noRule) MatchAlone([]byte) ([]soar.Detection, error) { return nil, nil }

func (n noRule) EventTime(source []byte) time.Time { return n.clock.EventTime(source) }

func (n noRule) TimePaths() []string { return n.clock.TimePaths() }

func (noRule) Match([]byte) ([]soar.Detection, error) { return nil, nil }

// BenchmarkReader reads the same index of a real server bare, page by page with the same client, and by the reader, by
// turns; it reports documents per second of both and their ratio.
func BenchmarkReader(b *testing.B) {
	client, prefix := benchServer(b)
	const documents = 40_000
	fill(b, client, prefix+"1", documents)
	var bare, reader time.Duration
	for round := range b.N {
		bare += readBare(b, client, prefix+"1")
		reader += readByReader(b, client, prefix+"*", round, documents)
	}
	total := float64(documents * b.N)
	b.ReportMetric(total/bare.Seconds(), "bare-docs/s")
	b.ReportMetric(total/reader.Seconds(), "reader-docs/s")
	b.ReportMetric(bare.Seconds()/reader.Seconds(), "reader/bare")
}

// BenchmarkReaderGrowth reads a small and a large index, and as many full pages out of one shard and out of 300; it reports
// what a document costs in each, and how many times more in the larger. SALLYPORT_BENCH_DOCUMENTS asks for another size of
// the large one.
func BenchmarkReaderGrowth(b *testing.B) {
	client, prefix := benchServer(b)
	small, large, shards := 10_000, 200_000, 300
	if text := os.Getenv("SALLYPORT_BENCH_DOCUMENTS"); text != "" {
		var err error
		if large, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	many := map[string]any{"settings": map[string]any{"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "-1"}}
	if err := client.CreateIndex(b.Context(), prefix+"many", many); err != nil {
		b.Fatal(err)
	}
	fill(b, client, prefix+"small", small)
	fill(b, client, prefix+"large", large)
	fill(b, client, prefix+"many", large)
	cost := map[string]float64{}
	for round := range b.N {
		for index, documents := range map[string]int{"small": small, "large": large, "many": large} {
			took := readByReader(b, client, prefix+index, round, documents)
			cost[index] += float64(took.Nanoseconds()) / float64(documents*b.N)
		}
	}
	b.ReportMetric(cost["small"], "ns/doc-of-10k")
	b.ReportMetric(cost["large"], "ns/doc-of-large")
	b.ReportMetric(cost["many"], "ns/doc-of-300-shards")
	b.ReportMetric(cost["large"]/cost["small"], "large/small")
	b.ReportMetric(cost["many"]/cost["large"], "300-shards/1")
}

func benchServer(b *testing.B) (client *opensearch.Client, prefix string) {
	b.Helper()
	address, prefix := opensearchtest.Real(b)
	client, err := opensearch.Open(b.Context(), opensearch.Config{URL: address})
	if err != nil {
		b.Fatal(err)
	}
	return client, prefix
}

func fill(b *testing.B, client *opensearch.Client, index string, documents int) {
	b.Helper()
	text := strings.Repeat("some words of an event ", 40)
	for from := 0; from < documents; from += 1000 {
		var docs []opensearch.NewDocument
		for i := range 1000 {
			docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint(from + i), Doc: map[string]any{"host": "h", "text": text, "timestamp": time.Now().UTC().Format(time.RFC3339Nano)}})
		}
		if _, err := client.CreateAll(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
	}
	if err := client.Refresh(b.Context(), index); err != nil {
		b.Fatal(err)
	}
}

func readBare(b *testing.B, client *opensearch.Client, index string) time.Duration {
	b.Helper()
	shards, err := client.Primaries(b.Context(), index)
	if err != nil || len(shards) != 1 {
		b.Fatal(shards, err)
	}
	begin := time.Now()
	for after := int64(-1); after < shards[0].Checkpoint; {
		hits, err := client.ReadPage(b.Context(), shards[0], after, shards[0].Checkpoint, 1000)
		if err != nil || len(hits) == 0 {
			b.Fatal(err)
		}
		after = hits[len(hits)-1].SeqNo
	}
	return time.Since(begin)
}

func readByReader(b *testing.B, client *opensearch.Client, pattern string, round, documents int) time.Duration {
	b.Helper()
	lag := 0
	stream := detect.Stream{Name: strings.TrimSuffix(fmt.Sprintf("bench%d-%s", round, pattern), "*"), Index: pattern, Mapping: "none", From: detect.FromBeginning, Lag: &lag, Poll: 100 * time.Millisecond}
	registry, matcher := prometheus.NewRegistry(), newNoRule(b)
	d, err := detect.New(detect.Parts{
		Config: detect.Config{Streams: []detect.Stream{stream}}, State: client, Signaller: newIncidents(), Metrics: detect.NewMetrics(registry),
		Matcher: func(detect.Stream) (detect.Matcher, error) { return matcher, nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	begin := time.Now()
	go func() {
		_, err := d.ReadSlot(ctx, activities.SlotRequest{Stream: stream.Name, Slots: 1, Term: time.Hour})
		done <- err
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for evaluated(b, registry) < float64(documents) {
		<-tick.C
	}
	took := time.Since(begin)
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	return took
}

func evaluated(b *testing.B, registry *prometheus.Registry) float64 {
	b.Helper()
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "sallyport_stream_documents_total" {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return 0
}
