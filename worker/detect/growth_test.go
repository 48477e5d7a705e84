package detect_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// The index that every decade is measured against, and how often it is read for that.
const (
	smallIndex = 10_000
	smallReads = 10
)

// BenchmarkReaderGrowth reads one index from its beginning and reports what a document costs in each decade of it in
// processor time, and how many times more that is than in an index of 10,000 documents, which is read bare after each.
// SALLYPORT_BENCH_DOCUMENTS asks for another size.
func BenchmarkReaderGrowth(b *testing.B) {
	s := openBenchServer(b)
	documents := benchDocuments(b, 200_000)
	s.fill(s.prefix+"small", 1, smallIndex, 3)
	s.fill(s.prefix+"large", 1, documents, 3)
	s.readSmall() // so that the server has compiled what it runs
	for range b.N {
		o := s.startReader(s.prefix+"large", benchPage, benchPage)
		read := o.stop() // the first page starts the clock
		for decade := smallIndex; read < documents; decade *= 10 {
			read = s.readDecade(o, read, min(decade, documents))
		}
		o.finish()
	}
}

func (s *benchServer) readDecade(o *odometer, from, to int) (read int) {
	s.Helper()
	var reader, small took
	s.measure(&reader, func() { read = o.forward(from, to) })
	s.measure(&small, s.readSmall)
	s.Logf("%d to %d: %s; %d bare: %s", from, read, reader, smallIndex*smallReads, small)
	cost, unit := reader.perDocument(read-from), small.perDocument(smallIndex*smallReads)
	s.ReportMetric(cost, fmt.Sprintf("ns/doc-to-%d", read))
	s.ReportMetric(cost/unit, fmt.Sprintf("to-%d/small", read))
	return read
}

func (s *benchServer) readSmall() {
	for range smallReads {
		s.readBare(s.prefix+"small", benchPage)
	}
}

// BenchmarkReaderShards reads as many documents out of 300 shards and out of one, bare and by the reader, with pages that no
// shard fills and with pages of which each shard fills several. It reports processor time.
func BenchmarkReaderShards(b *testing.B) {
	const shards = 300
	for name, documents := range map[string]int{"partial": 200_000, "full": 1_050_000} {
		b.Run(name, func(b *testing.B) {
			s := openBenchServer(b)
			s.fill(s.prefix+"one", 1, documents, 40)
			s.fill(s.prefix+"many", shards, documents, 40)
			cost := map[string]*took{"bare-one": {}, "one": {}, "bare-many": {}, "many": {}}
			for range b.N {
				for index, page := range map[string]int{"one": min(benchPage, documents/shards), "many": benchPage} {
					s.measure(cost["bare-"+index], func() { s.readBare(s.prefix+index, page) })
					s.measure(cost[index], func() { s.read(s.prefix+index, page, documents) })
				}
			}
			ratio := func(a, b string) float64 { return cost[a].perDocument(1) / cost[b].perDocument(1) }
			for what, t := range cost {
				b.Logf("%s: %s", what, t)
				b.ReportMetric(t.perDocument(documents*b.N), "ns/doc-"+what)
			}
			b.ReportMetric(ratio("many", "bare-many"), "reader/bare-of-300")
			b.ReportMetric(ratio("many", "one"), "300/1")
			b.ReportMetric(ratio("bare-many", "bare-one"), "bare-300/1")
		})
	}
}

func benchDocuments(b *testing.B, documents int) int {
	b.Helper()
	if text := os.Getenv("SALLYPORT_BENCH_DOCUMENTS"); text != "" {
		var err error
		if documents, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	return documents
}
