package opensearchtest

import (
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

// Tests of the real server come one after the other, and each leaves it as it was: its own indices, and those and the
// templates that a Sallyport keeps, are gone.
func TestRealLeavesTheServerAsItWas(t *testing.T) {
	address := os.Getenv("SALLYPORT_OPENSEARCH_URL")
	var inside atomic.Int64
	t.Run("tests", func(t *testing.T) {
		for _, name := range []string{"one", "two"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				_, prefix := Real(t)
				if inside.Add(1) != 1 {
					t.Error("two tests use the server at once")
				}
				defer inside.Add(-1)
				for _, index := range []string{prefix + "events", "sallyport-detections-2026.01", "sallyport-cursors"} {
					if err := askReal(http.MethodPut, address, "/"+index, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
	})
	if address == "" {
		return // the tests inside were skipped, by name
	}
	var left []struct{ Index string }
	if err := askReal(http.MethodGet, address, "/_cat/indices?format=json&h=index&expand_wildcards=all", &left); err != nil {
		t.Fatal(err)
	}
	for _, index := range left {
		if strings.HasPrefix(index.Index, "it-") || strings.HasPrefix(index.Index, "sallyport-") {
			t.Errorf("%s is left", index.Index)
		}
	}
}
