package detect_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestStreamsOfTwoRealClusters reads a stream in each of two clusters, over indices of the same name. The other one speaks
// TLS and knows us as a user that has the shipped reader's role and nothing else: with holes, a closed index and one that
// is deleted unread, reading meets every request that it makes.
func TestStreamsOfTwoRealClusters(t *testing.T) {
	secure := opensearchtest.RealSecure(t)
	address, prefix := opensearchtest.Real(t)
	b := openBench(t, nil, address, "logs-"+prefix)
	t.Cleanup(func() { b.administer(http.MethodDelete, "/"+b.prefix+"*?expand_wildcards=all", nil) })
	t.Cleanup(func() { secure.Do(t, http.MethodDelete, "/"+b.prefix+"*?expand_wildcards=all", nil) })
	t.Setenv("SALLYPORT_TEST_READER", secure.Grant(t, "it_stream_reader", opensearchtest.ShippedRole(t, shared.Root(t), "sallyport_reader")))
	reader, err := opensearch.Open(t.Context(), opensearch.Config{URL: secure.URL, User: "it_stream_reader", Password: "env:SALLYPORT_TEST_READER", TLS: secure.Trust})
	if err != nil {
		t.Fatal(err)
	}
	b.clusters = map[string]*opensearch.Client{"indexer": reader}
	write := func(index, ids string) {
		for i := range 20 {
			secure.Do(t, http.MethodPut, fmt.Sprintf("/%s/_doc/%s-%d", index, ids, i), event{Host: "h", Time: time.Now()})
		}
	}
	index, closed := b.prefix+"1", b.prefix+"2"
	write(closed, "there")
	write(index, "there")
	secure.Do(t, http.MethodDelete, "/"+index+"/_doc/nobody", nil) // a hole, which only a refresh proves
	b.put(index, "here", 20)
	streams := []detect.Stream{b.stream(), b.stream(func(s *detect.Stream) { s.Name, s.Cluster = "indexer", "indexer" })}
	d := b.detect(detect.Config{Streams: streams})
	for _, stream := range streams {
		b.readBy(d, stream)
		b.untilCovered(stream, time.Now())
	}
	secure.Do(t, http.MethodPost, "/"+closed+"/_close", nil)
	write(index, "later")
	b.untilCovered(streams[1], time.Now())
	found := b.ledger()
	for ids, at := range map[string]string{"here": index, "there": index, "later": index} {
		for i := range 20 {
			if _, there := found[fmt.Sprintf("%s/%s-%d", at, ids, i)]; !there {
				t.Errorf("%s-%d of %s is not evaluated", ids, i, at)
			}
		}
	}
	if len(found) != 80 || b.counter("sallyport_stream_holes_total") == 0 || b.counter("sallyport_stream_lost_total") != 0 {
		t.Errorf("%d events in the ledger, want 80; %v holes, %v lost", len(found), b.counter("sallyport_stream_holes_total"), b.counter("sallyport_stream_lost_total"))
	}
}

// TestColdIndicesOnRealServer: what is not written to costs no search however long it is watched, also where the server
// itself leaves it alone until somebody searches; a late event in it is read like any other.
func TestColdIndicesOnRealServer(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	b := openBench(t, nil, address, prefix)
	const cold = 10
	for i := range cold {
		b.createIndex(fmt.Sprint(prefix, "cold-", i), 2)
		b.administer(http.MethodPut, fmt.Sprintf("/%scold-%d/_settings", prefix, i), map[string]any{"index.search.idle.after": "100ms"})
		b.put(fmt.Sprint(prefix, "cold-", i), "a", 4)
	}
	stream := b.stream()
	b.read(stream)
	b.untilCovered(stream, time.Now())
	before := b.searches(prefix + "cold-*")
	for round := range 3 {
		b.put(prefix+"hot", fmt.Sprint("round", round), 20)
		b.untilRead(prefix+"hot", fmt.Sprint("round", round), 20)
		b.untilCovered(stream, time.Now())
	}
	if searches := b.searches(prefix + "cold-*"); searches != before {
		t.Errorf("%d searches of indices to which nothing was written", searches-before)
	}
	late := prefix + "cold-3"
	before = b.searches(late)
	b.put(late, "late", 5)
	b.untilRead(late, "late", 5)
	b.untilCovered(stream, time.Now())
	if b.searches(late) == before {
		t.Error("an index that was read shows no search: the count proves nothing")
	}
}

// searches is how many searches the server has made on shards of these indices.
func (b *bench) searches(pattern string) (total int) {
	b.Helper()
	var answer struct {
		Total struct {
			Total struct {
				Search struct {
					Total int `json:"query_total"`
				} `json:"search"`
			} `json:"total"`
		} `json:"_all"`
	}
	if err := json.Unmarshal(b.administer(http.MethodGet, "/"+pattern+"/_stats/search", nil), &answer); err != nil {
		b.Fatal(err)
	}
	return answer.Total.Total.Search.Total
}
