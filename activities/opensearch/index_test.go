package opensearch_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// closeIndex does what an administrator or a retention policy does.
func closeIndex(t *testing.T, address, index string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/"+index+"/_close", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatalf("close %s: status %d", index, resp.StatusCode)
	}
}

// TestListedIndices: of a list, what is closed or not there keeps nobody from the rest; a closed one still says up to where
// it goes.
func TestListedIndices(t *testing.T) {
	onBothAt(t, func(t *testing.T, address, prefix string) {
		c, ctx, web, db := open(t, address), t.Context(), prefix+"web", prefix+"db"
		settings := map[string]any{"settings": map[string]any{"number_of_shards": 2, "number_of_replicas": 0}}
		for _, name := range []string{web, db} {
			if err := c.CreateIndex(ctx, name, settings); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.CreateAll(ctx, []opensearch.NewDocument{{Index: db, ID: "a", Doc: note{}}, {Index: db, ID: "b", Doc: note{}}, {Index: db, ID: "c", Doc: note{}}}); err != nil {
			t.Fatal(err)
		}
		want := func(list, shards, indices, unseen string) {
			t.Helper()
			primaries, err := c.Primaries(ctx, list)
			known, err2 := c.Indices(ctx, list)
			not, err3 := c.Unseen(ctx, list, known)
			if err := errors.Join(err, err2, err3); err != nil {
				t.Error(err)
			}
			var p, i []string
			for _, one := range primaries {
				p = append(p, fmt.Sprintf("%s[%d]", strings.TrimPrefix(one.Index, prefix), one.Number))
			}
			for _, one := range known {
				i = append(i, fmt.Sprintf("%s/%d/%v", strings.TrimPrefix(one.Name, prefix), one.Shards, one.Closed))
			}
			if fmt.Sprint(p) != shards || fmt.Sprint(i) != indices || strings.ReplaceAll(fmt.Sprint(not), prefix, "") != unseen {
				t.Errorf("%s: shards %v, indices %v, unseen %v; want %s, %s, %s", list, p, i, not, shards, indices, unseen)
			}
		}
		want(web+","+db, "[db[0] db[1] web[0] web[1]]", "[db/2/false web/2/false]", "[]")
		want(web+","+prefix+"nope", "[web[0] web[1]]", "[web/2/false]", "[nope]")
		want(prefix+"w*,"+prefix+"x-*", "[web[0] web[1]]", "[web/2/false]", "[x-*]")
		want(prefix+"nope", "[]", "[]", "[nope]")
		closeIndex(t, address, db)
		want(web+","+db, "[web[0] web[1]]", "[db/2/true web/2/false]", "[db]")
		want(db, "[]", "[db/2/true]", "[db]")
		want(prefix+"*", "[web[0] web[1]]", "[db/2/true web/2/false]", "[]")
		for _, list := range []string{web + "," + db, prefix + "*"} {
			sum, found := int64(0), 0
			for begin := time.Now(); found < 2 && time.Since(begin) < time.Minute; { // a shard opens again to answer as a closed one
				closed, err := c.ClosedPrimaries(ctx, list)
				if err != nil {
					t.Fatal(err)
				}
				sum, found = 0, 0
				for _, shard := range closed {
					if shard.Index == db {
						sum, found = sum+shard.Checkpoint+1, found+1
					}
				}
			}
			if found != 2 || sum != 3 {
				t.Errorf("%s: %d closed shards hold %d operations, want 2 and 3", list, found, sum)
			}
		}
	})
}
