package opensearch_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
)

// TestShards holds the stand-in's sequence numbers, checkpoints and visibility against a real server's.
func TestShards(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		ctx, index := t.Context(), prefix+"shards"
		settings := map[string]any{"settings": map[string]any{"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1"}}
		if err := c.CreateIndex(ctx, index, settings); err != nil {
			t.Fatal(err)
		}
		shard := only(t, c, index)
		if shard.Checkpoint != -1 || shard.History == "" || shard.UUID == "" || shard.Node == "" {
			t.Errorf("an empty shard: %+v", shard)
		}
		put := func(id string) opensearch.Document {
			t.Helper()
			d, err := c.Put(ctx, index, id, note{id, 1}, opensearch.Condition{})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		put("a")             // 0
		b := put("b")        // 1
		put("c")             // 2
		put("a")             // 3: an update leaves a hole at 0
		_ = c.Delete(ctx, b) // 4: and a delete one at 1 and at 4
		if _, err := c.Create(ctx, index, "c", note{}); !errors.Is(err, opensearch.ErrConflict) {
			t.Errorf("create over c: %v", err)
		}
		if shard = only(t, c, index); shard.Checkpoint != 4 {
			t.Errorf("checkpoint %d, want 4: a conflict takes no number", shard.Checkpoint)
		}
		if hits, err := c.ReadPage(ctx, shard, -1, 4, 10); err != nil || len(hits) != 0 {
			t.Errorf("before a refresh: %d documents, %v", len(hits), err)
		}
		if err := c.Refresh(ctx, index); err != nil {
			t.Fatal(err)
		}
		wantPage(t, c, shard, -1, 4, 10, "[c@2 a@3]")
		wantPage(t, c, shard, -1, 4, 1, "[c@2]")
		wantPage(t, c, shard, -1, 2, 10, "[c@2]")
		wantPage(t, c, shard, 2, 4, 10, "[a@3]")
		wantPage(t, c, shard, 3, 4, 10, "[]")
		absent := shard
		absent.Number = 7
		if _, err := c.ReadPage(ctx, absent, -1, 4, 10); !errors.Is(err, opensearch.ErrIncomplete) {
			t.Errorf("a shard that does not exist: %v, want incomplete", err)
		}
		indices, err := c.Indices(ctx, prefix+"*")
		if err != nil || len(indices) != 1 || indices[0].Name != index || indices[0].UUID != shard.UUID || indices[0].Shards != 1 || indices[0].Closed {
			t.Errorf("indices: %v %v", indices, err)
		}
		created, err := c.Created(ctx, prefix+"*")
		if age := time.Since(created[shard.UUID]); err != nil || age < -time.Minute || age > time.Hour {
			t.Errorf("created %v, %v", created, err)
		}
	})
}

func wantPage(t *testing.T, c *opensearch.Client, s opensearch.Shard, after, upto int64, size int, want string) {
	t.Helper()
	hits, err := c.ReadPage(t.Context(), s, after, upto, size)
	got := make([]string, len(hits))
	for i, hit := range hits {
		got[i] = fmt.Sprintf("%s@%d", hit.ID, hit.SeqNo)
	}
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("(%d,%d] by %d: %v, %v, want %s", after, upto, size, got, err, want)
	}
}

func only(t *testing.T, c *opensearch.Client, index string) opensearch.Shard {
	t.Helper()
	shards, err := c.Primaries(t.Context(), index)
	if err != nil || len(shards) != 1 {
		t.Fatalf("primaries of %s: %v, %v", index, shards, err)
	}
	return shards[0]
}

func TestNoIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		ctx, pattern := t.Context(), prefix+"nothing-*"
		shards, err := c.Primaries(ctx, pattern)
		ids, err2 := c.Indices(ctx, pattern)
		created, err3 := c.Created(ctx, pattern)
		if err := errors.Join(err, err2, err3, c.Refresh(ctx, pattern)); err != nil || len(shards)+len(ids)+len(created) != 0 {
			t.Errorf("a pattern that matches nothing: %v %v %v %v", shards, ids, created, err)
		}
		if err := c.Refresh(ctx, prefix+"nothing"); !opensearch.Gone(err) {
			t.Errorf("a name that is not there: %v", err)
		}
		gone := opensearch.Shard{Index: prefix + "nothing"}
		if _, err := c.ReadPage(ctx, gone, -1, 10, 10); !opensearch.Gone(err) {
			t.Errorf("a page of an index that is not there: %v", err)
		}
	})
}

// TestAddressable names as many indices in one address as may be, and a third more: that is refused, here as there.
func TestAddressable(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, prefix string) {
		names := prefix + "0"
		for i := 1; opensearch.Addressable(names); i++ {
			names += fmt.Sprintf(",%s%d", prefix, i)
		}
		if _, err := c.Primaries(t.Context(), names[:strings.LastIndex(names, ",")]); err != nil {
			t.Errorf("as many as can be named: %v", err)
		}
		var fault *opensearch.Fault
		if _, err := c.Primaries(t.Context(), names+names[:1500]); !errors.As(err, &fault) || fault.Status != http.StatusBadRequest {
			t.Errorf("a third more: %v, want status 400", err)
		}
	})
}

// TestUnknownIsRefused asks the stand-in for what it does not know: it must never answer as if it did.
func TestUnknownIsRefused(t *testing.T) {
	c := open(t, opensearchtest.NewServer(t).URL)
	if _, err := c.Create(t.Context(), "notes", "a", note{"x", 1}); err != nil {
		t.Fatal(err)
	}
	for _, body := range []map[string]any{
		{"query": map[string]any{"fuzzy": map[string]any{"text": "x"}}},
		{"query": map[string]any{"term": map[string]any{"n": map[string]any{"value": 1, "odd": 2}}}},
		{"query": map[string]any{"bool": map[string]any{"filters": []any{}}}},
		{"query": map[string]any{"query_string": map[string]any{"query": "text:/regex/"}}},
		{"query": map[string]any{"query_string": map[string]any{"query": "text:a~2"}}},
		{"aggs": map[string]any{"x": map[string]any{"percentiles": map[string]any{"field": "n"}}}},
		{"sort": []any{map[string]string{"_shard_doc": "asc"}}},
		{"highlight": map[string]any{}},
		{"size": 10001},
	} {
		var r opensearch.Result
		var fault *opensearch.Fault
		if err := c.Search(t.Context(), "notes", body, &r); !errors.As(err, &fault) || fault.Status != 400 {
			t.Errorf("%v: %v, want status 400", body, err)
		}
	}
}
