package opensearch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// onBoth runs a test against the stand-in and against a real server: what holds on one must hold on the other.
func onBoth(t *testing.T, test func(t *testing.T, c *opensearch.Client, prefix string)) {
	onBothAt(t, func(t *testing.T, address, prefix string) { test(t, open(t, address), prefix) })
}

func onBothAt(t *testing.T, test func(t *testing.T, address, prefix string)) {
	t.Run("stand-in", func(t *testing.T) { test(t, opensearchtest.NewServer(t).URL, "it-") })
	t.Run("real", func(t *testing.T) {
		address, prefix := opensearchtest.Real(t)
		test(t, address, prefix)
	})
}

func open(t *testing.T, address string) *opensearch.Client {
	t.Helper()
	c, err := opensearch.Open(t.Context(), opensearch.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type note struct {
	Text string `json:"text"`
	N    int    `json:"n"`
}

func TestDocuments(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		index, ctx := prefix+"notes", t.Context()
		if _, found, err := c.Get(ctx, index, "a"); found || err != nil {
			t.Fatalf("an index that is not there: found %v, %v", found, err)
		}
		first, err := c.Create(ctx, index, "a", note{"one", 1})
		if err != nil || first.Version != 1 {
			t.Fatalf("create: %+v, %v", first, err)
		}
		if _, err := c.Create(ctx, index, "a", note{"other", 2}); !errors.Is(err, opensearch.ErrConflict) {
			t.Fatalf("a second create: %v, want a conflict", err)
		}
		read, found, err := c.Get(ctx, index, "a")
		var got note
		if err != nil || !found || json.Unmarshal(read.Source, &got) != nil || got != (note{"one", 1}) {
			t.Fatalf("get: %+v %v %v", got, found, err)
		}
		second, err := c.Put(ctx, index, "a", note{"two", 2}, opensearch.Unchanged(read))
		if err != nil || second.SeqNo <= read.SeqNo {
			t.Fatalf("put unchanged: %+v, %v", second, err)
		}
		if _, err := c.Put(ctx, index, "a", note{"three", 3}, opensearch.Unchanged(read)); !errors.Is(err, opensearch.ErrConflict) {
			t.Fatalf("put over a change: %v, want a conflict", err)
		}
		if err := c.Delete(ctx, second); err != nil {
			t.Fatal(err)
		}
		if _, found, err := c.Get(ctx, index, "a"); found || err != nil {
			t.Fatalf("after delete: found %v, %v", found, err)
		}
	})
}

func TestExternalVersions(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		index, ctx := prefix+"records", t.Context()
		for _, revision := range []int64{1, 3} {
			if _, err := c.Put(ctx, index, "r", note{N: int(revision)}, opensearch.Newer(revision)); err != nil {
				t.Fatal(err)
			}
		}
		for _, revision := range []int64{2, 3} {
			if _, err := c.Put(ctx, index, "r", note{N: int(revision)}, opensearch.Newer(revision)); !errors.Is(err, opensearch.ErrConflict) {
				t.Fatalf("revision %d over 3: %v, want a conflict", revision, err)
			}
		}
	})
}

func TestSearchAndCount(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		index, ctx := prefix+"many", t.Context()
		var docs []opensearch.NewDocument
		for n := range 25 {
			docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint(n), Doc: note{fmt.Sprintf("Word%d tail", n%5), n}})
		}
		created, err := c.CreateAll(ctx, docs)
		if err != nil || len(created) != 25 || !created[0].Created || !created[24].Created {
			t.Fatalf("create all: %v, %v", created, err)
		}
		if created, err = c.CreateAll(ctx, docs[:2]); err != nil || created[0].Created || created[1].Created || created[0].Refused != nil {
			t.Fatalf("create all again: %v, %v, want two that were there", created, err)
		}
		if err := c.Refresh(ctx, index); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string]int64{
			`{"match_all":{}}`:                        25,
			`{"term":{"n":7}}`:                        1,
			`{"range":{"n":{"gte":20,"lt":23}}}`:      3,
			`{"term":{"text":"word1"}}`:               5,
			`{"term":{"text":"Word1"}}`:               0,
			`{"term":{"text.keyword":"Word1 tail"}}`:  5,
			`{"terms":{"n":[1,2,99]}}`:                2,
			`{"exists":{"field":"nothing"}}`:          0,
			`{"ids":{"values":["3","4","x"]}}`:        2,
			`{"prefix":{"text.keyword":"Word2"}}`:     5,
			`{"wildcard":{"text.keyword":"*3 t?il"}}`: 5,
			`{"bool":{"filter":[{"range":{"n":{"gt":10}}}],"must_not":{"term":{"text":"word1"}}}}`:         11,
			`{"bool":{"should":[{"term":{"n":1}},{"term":{"n":2}}],"minimum_should_match":1}}`:             2,
			`{"query_string":{"query":"text:word1 AND n:[0 TO 6]","default_operator":"AND"}}`:              2,
			`{"query_string":{"query":"(text:word1 OR text:word2) AND NOT n:>10"}}`:                        4,
			`{"query_string":{"query":"text.keyword:\"Word4 tail\" AND n:>=20","default_operator":"AND"}}`: 1,
		} {
			if got, err := c.Count(ctx, index, json.RawMessage(query)); err != nil || got != want {
				t.Errorf("%s: %d, %v, want %d", query, got, err, want)
			}
		}
		var fault *opensearch.Fault
		if _, err := c.Count(ctx, index, json.RawMessage(`{"no_such_clause":{}}`)); !errors.As(err, &fault) || fault.Status != http.StatusBadRequest {
			t.Errorf("an unknown clause: %v, want status 400", err)
		}
	})
}

func TestSearchPagesAndAggregations(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		index, ctx := prefix+"pages", t.Context()
		var docs []opensearch.NewDocument
		for n := range 12 {
			docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint(n), Doc: note{fmt.Sprintf("w%d", n%3), n}})
		}
		if _, err := c.CreateAll(ctx, docs); err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(ctx, index); err != nil {
			t.Fatal(err)
		}
		var seen []string
		var after []json.RawMessage
		for {
			body := map[string]any{"size": 5, "sort": []any{map[string]any{"n": "desc"}}}
			if after != nil {
				body["search_after"] = after
			}
			var page opensearch.Result
			if err := c.Search(ctx, index, body, &page); err != nil {
				t.Fatal(err)
			}
			if len(page.Hits.Hits) == 0 {
				break
			}
			for _, d := range page.Documents() {
				seen = append(seen, d.ID)
			}
			after = page.Hits.Hits[len(page.Hits.Hits)-1].Sort
		}
		if want := "[11 10 9 8 7 6 5 4 3 2 1 0]"; fmt.Sprint(seen) != want {
			t.Errorf("pages: %v, want %s", seen, want)
		}
		var counted struct {
			opensearch.Result
			Aggregations struct {
				Words struct {
					Buckets []struct {
						Key   string `json:"key"`
						Count int    `json:"doc_count"`
						Most  struct {
							Value float64 `json:"value"`
						} `json:"most"`
					} `json:"buckets"`
				} `json:"words"`
			} `json:"aggregations"`
		}
		body := json.RawMessage(`{"size":0,"query":{"range":{"n":{"gt":0}}},"aggs":{"words":{"terms":{"field":"text.keyword"},"aggs":{"most":{"max":{"field":"n"}}}}}}`)
		if err := c.Search(ctx, index, body, &counted); err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprint(counted.Aggregations.Words.Buckets), "[{w1 4 {10}} {w2 4 {11}} {w0 3 {9}}]"; got != want {
			t.Errorf("terms: %s, want %s", got, want)
		}
		var none opensearch.Result
		if err := c.Search(ctx, prefix+"absent-*", map[string]any{"size": 1}, &none); err != nil || len(none.Documents()) != 0 {
			t.Errorf("no index: %v, %d documents, want an empty answer", err, len(none.Documents()))
		}
	})
}
