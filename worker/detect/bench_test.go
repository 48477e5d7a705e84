package detect_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// noRule matches nothing, so that the reader alone is measured.
type noRule struct{}

func (noRule) MatchAlone([]byte) ([]soar.Detection, error) { return nil, nil }

func (noRule) Dearest([]byte) (string, time.Duration) { return "", 0 }

func (noRule) Match([]byte) ([]soar.Detection, error) { return nil, nil }

// BenchmarkReader reads the same index of a real server bare, page by page with the same client, and by the reader; it
// reports documents per second of both and their ratio.
func BenchmarkReader(b *testing.B) {
	address, prefix := opensearchtest.Real(b)
	client, err := opensearch.Open(b.Context(), opensearch.Config{URL: address})
	if err != nil {
		b.Fatal(err)
	}
	const documents = 40_000
	fill(b, client, prefix+"1", documents)
	var bare, reader time.Duration
	for round := range b.N {
		bare += readBare(b, client, prefix+"1")
		reader += readByReader(b, client, prefix, round, documents)
	}
	total := float64(documents * b.N)
	b.ReportMetric(total/bare.Seconds(), "bare-docs/s")
	b.ReportMetric(total/reader.Seconds(), "reader-docs/s")
	b.ReportMetric(bare.Seconds()/reader.Seconds(), "reader/bare")
}

func fill(b *testing.B, client *opensearch.Client, index string, documents int) {
	b.Helper()
	text := strings.Repeat("some words of an event ", 40)
	for from := 0; from < documents; from += 1000 {
		var docs []opensearch.NewDocument
		for i := range 1000 {
			docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint(from + i), Doc: map[string]any{"host": "h", "text": text, "n": i}})
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

func readByReader(b *testing.B, client *opensearch.Client, prefix string, round, documents int) time.Duration {
	b.Helper()
	lag := 0
	stream := detect.Stream{Name: fmt.Sprintf("%sbench%d", prefix, round), Index: prefix + "*", Mapping: "none", From: detect.FromBeginning, Lag: &lag, Poll: 100 * time.Millisecond}
	registry := prometheus.NewRegistry()
	d, err := detect.New(detect.Parts{
		Config: detect.Config{Streams: []detect.Stream{stream}}, State: client, Signaller: newIncidents(), Metrics: detect.NewMetrics(registry),
		Matcher: func(detect.Stream) (detect.Matcher, error) { return noRule{}, nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error)
	begin := time.Now()
	go func() {
		_, err := d.ReadSlot(ctx, activities.SlotRequest{Stream: stream.Name, Slots: 1, Term: time.Minute})
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
