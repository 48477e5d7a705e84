package opensearch_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

type seen struct {
	Host string    `json:"host"`
	User string    `json:"user,omitempty"`
	At   time.Time `json:"at"`
}

type aggregated struct {
	opensearch.Result
	Aggregations map[string]json.RawMessage `json:"aggregations"`
}

// TestAggregations holds the stand-in's aggregations, which hunts use, against a real server's.
func TestAggregations(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		index, ctx := prefix+"seen", t.Context()
		start := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
		var docs []opensearch.NewDocument
		for i := range 10 {
			doc := seen{Host: fmt.Sprintf("h%d", i%3), User: fmt.Sprintf("u%d", i%4), At: start.Add(time.Duration(i) * 20 * time.Minute)}
			if i == 9 {
				doc.User = ""
			}
			docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint(i), Doc: doc})
		}
		if _, err := c.CreateAll(ctx, docs); err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(ctx, index); err != nil {
			t.Fatal(err)
		}
		for agg, want := range map[string]string{
			`{"terms":{"field":"host.keyword"}}`:                                                                                           "h0:4 h1:3 h2:3",
			`{"terms":{"field":"host.keyword","size":1}}`:                                                                                  "h0:4",
			`{"terms":{"field":"host.keyword","order":{"_key":"desc"}}}`:                                                                   "h2:3 h1:3 h0:4",
			`{"terms":{"field":"host.keyword","min_doc_count":4}}`:                                                                         "h0:4",
			`{"terms":{"field":"user.keyword","missing":"none"}}`:                                                                          "u0:3 u1:2 u2:2 u3:2 none:1",
			`{"rare_terms":{"field":"user.keyword","max_doc_count":2}}`:                                                                    "u1:2 u2:2 u3:2",
			`{"date_histogram":{"field":"at","fixed_interval":"1h"}}`:                                                                      "1772359200000:3 1772362800000:3 1772366400000:3 1772370000000:1",
			`{"composite":{"size":3,"sources":[{"host":{"terms":{"field":"host.keyword"}}},{"user":{"terms":{"field":"user.keyword"}}}]}}`: `{"host":"h0","user":"u0"}:1 {"host":"h0","user":"u2"}:1 {"host":"h0","user":"u3"}:1`,
			`{"composite":{"size":2,"after":{"host":"h0","user":"u3"},"sources":[{"host":{"terms":{"field":"host.keyword"}}},{"user":{"terms":{"field":"user.keyword"}}}]}}`: `{"host":"h1","user":"u0"}:1 {"host":"h1","user":"u1"}:1`,
			`{"cardinality":{"field":"user.keyword"}}`:  "4",
			`{"value_count":{"field":"user.keyword"}}`:  "9",
			`{"max":{"field":"at"}}`:                    "1772370000000",
			`{"filter":{"term":{"host.keyword":"h1"}}}`: "3",
			`{"missing":{"field":"user.keyword"}}`:      "1",
		} {
			body := json.RawMessage(`{"size":0,"aggs":{"a":` + agg + `}}`)
			var answer aggregated
			if err := c.Search(ctx, index, body, &answer); err != nil {
				t.Errorf("%s: %v", agg, err)
				continue
			}
			if got := plainly(t, answer.Aggregations["a"]); got != want {
				t.Errorf("%s:\n got %s\nwant %s", agg, got, want)
			}
		}
	})
}

// plainly is an aggregation's answer on one line: its value, its count, or key:count of its buckets.
func plainly(t *testing.T, text json.RawMessage) string {
	t.Helper()
	var a struct {
		Value   json.Number `json:"value"`
		Count   *int        `json:"doc_count"`
		Buckets []struct {
			Key   json.RawMessage `json:"key"`
			Count int             `json:"doc_count"`
		} `json:"buckets"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&a); err != nil {
		t.Fatal(err)
	}
	if value, err := a.Value.Float64(); err == nil && a.Buckets == nil && a.Count == nil {
		return fmt.Sprintf("%.0f", value)
	}
	if a.Count != nil {
		return fmt.Sprint(*a.Count)
	}
	var parts []string
	for _, bucket := range a.Buckets {
		parts = append(parts, fmt.Sprintf("%s:%d", strings.Trim(string(bucket.Key), `"`), bucket.Count))
	}
	return strings.Join(parts, " ")
}
