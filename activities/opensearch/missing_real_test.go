package opensearch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// TestAnswersThatMissAShard: on a real server one of an index's two shards has no primary. It answers 503 where it is asked
// for everything or nothing, and 200 without a failure to statistics, counts and a page of a shard that there is not: each
// is an error of ours or shows that the shard is not there, never a smaller result.
func TestAnswersThatMissAShard(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	c, ctx, index := open(t, address), t.Context(), prefix+"half"
	settings := `{"settings": {"number_of_shards": 2, "number_of_replicas": 0, "index.routing.allocation.total_shards_per_node": 1}}`
	administer(t, http.MethodPut, address+"/"+index+"?wait_for_active_shards=0", settings)
	var shards []opensearch.Shard
	for end := time.Now().Add(time.Minute); len(shards) == 0 && time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		var err error
		if shards, err = c.Primaries(ctx, index); err != nil {
			t.Fatal(err)
		}
	}
	if indices, err := c.Indices(ctx, index); err != nil || len(shards) != 1 || len(indices) != 1 || indices[0].Shards != 2 {
		t.Fatalf("%d of 2 shards have a primary, want 1; indices %+v, %v", len(shards), indices, err)
	}
	there, red, never := shards[0], shards[0], shards[0]
	red.Number, never.Number = 1-there.Number, 7
	if _, err := c.ReadPage(ctx, there, -1, 10, 10); err != nil {
		t.Errorf("a page of the shard that is there, in which nothing was ever written: %v", err)
	}
	var fault *opensearch.Fault
	if _, err := c.ReadPage(ctx, red, -1, 10, 10); !errors.As(err, &fault) || fault.Status != http.StatusServiceUnavailable {
		t.Errorf("a page of the red shard: %v, want status 503", err)
	}
	if _, err := c.ReadPage(ctx, never, -1, 10, 10); !errors.Is(err, opensearch.ErrIncomplete) {
		t.Errorf("a page of a shard that there is not: %v, want an incomplete answer", err)
	}
	var all opensearch.Result
	if err := c.Search(ctx, index, map[string]any{"size": 1}, &all); err == nil {
		t.Error("a search over both shards answers as if it had asked both")
	}
	if _, err := c.Count(ctx, index, nil); !errors.Is(err, opensearch.ErrIncomplete) {
		t.Errorf("a count over both shards: %v, want an incomplete answer", err)
	}
}

// TestASearchThatRunsOutOfTime: a real server that runs out of time gives an error, since it is asked for nothing or all: a
// page of what was found until then, timed_out, comes from the stand-in alone. The server reads its clock five times a
// second and compares it between a few thousand documents, so only some searches run out of time; this one spends most of
// its time on documents that don't fit, on a machine of any speed, and one of a few meets the clock.
func TestASearchThatRunsOutOfTime(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	c, ctx, index := open(t, address), t.Context(), prefix+"1"
	const documents = 10_000
	text := strings.Repeat("a b ", 500)
	var docs []opensearch.NewDocument
	for i := range documents {
		docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint(i), Doc: note{"z " + text, i}})
	}
	docs[documents-1].Doc = note{text + "z", 0}
	if _, err := c.CreateAll(ctx, docs); err != nil {
		t.Fatal(err)
	}
	if err := c.Refresh(ctx, index); err != nil {
		t.Fatal(err)
	}
	phrase := map[string]any{"match_phrase": map[string]any{"text": map[string]any{"query": "a b a b z", "slop": 3}}}
	shard := only(t, c, index)
	read := func(c *opensearch.Client) ([]opensearch.Hit, error) {
		return c.ReadPage(ctx, shard, -1, documents-1, 10, phrase)
	}
	if page, err := read(c); err != nil || len(page) != 1 {
		t.Fatalf("%d of 1 document, %v: without a timeout, want it", len(page), err)
	}
	hasty := open(t, hurrying(t, address))
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		page, err := read(hasty)
		var fault *opensearch.Fault
		if errors.As(err, &fault) && fault.Cause == "query_phase_execution_exception" {
			return
		}
		if err != nil || len(page) != 1 {
			t.Fatalf("%d of 1 document, %v: neither the whole page nor the error that time is exceeded", len(page), err)
		}
	}
	t.Error("no search ran out of time in a minute")
}

// hurrying stands before a server and gives each request the shortest timeout, as a setting of the server would, which all
// tests share.
func hurrying(t *testing.T, address string) string {
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		params := r.Out.URL.Query()
		params.Set("timeout", "1ms")
		r.Out.URL.RawQuery = params.Encode()
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// administer sends a request as an administrator does.
func administer(t *testing.T, method, address, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: status %d", method, address, resp.StatusCode)
	}
}
