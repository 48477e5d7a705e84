package opensearch_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestBacktestRoleIsEnoughAndNoMore reads a past with the shipped role, on a real server with users; without any one
// privilege of it the error names that one.
func TestBacktestRoleIsEnoughAndNoMore(t *testing.T) {
	server := opensearchtest.RealSecure(t)
	server.Do(t, http.MethodPut, "/logs-it-past", map[string]any{"mappings": map[string]any{"properties": map[string]any{"at": map[string]any{"type": "date"}}}})
	t.Cleanup(func() { server.Do(t, http.MethodDelete, "/logs-it-past", nil) })
	server.Do(t, http.MethodPut, "/logs-it-past/_doc/1?refresh=true", happened{noon.Format(time.RFC3339), 1})
	role := opensearchtest.ShippedRole(t, shared.Root(t), "sallyport_backtest")
	c := as(t, server, "it_backtest", role)
	w := opensearch.Window{Pattern: "logs-it-past", Fields: []string{"at"}, From: noon, To: noon.Add(time.Second)}
	read := func(ctx context.Context, w opensearch.Window) (documents int, err error) {
		h, err := c.OpenHistory(ctx, w)
		if err != nil {
			return 0, err
		}
		err = h.Read(ctx, (&clock{}).load(10, 10), func(page []opensearch.Past) error { documents += len(page); return nil })
		return documents, errors.Join(err, h.Close(ctx))
	}
	if n, err := read(t.Context(), w); n != 1 || err != nil {
		t.Fatalf("with the shipped role: %d documents, %v", n, err)
	}
	_, err := c.Create(t.Context(), "logs-it-past", "2", map[string]string{})
	refuses(t, err, "indices:data/write/")
	w.Pattern = "sallyport-cursors"
	if _, err := read(t.Context(), w); err == nil || !strings.Contains(err.Error(), "lacks the privilege") {
		t.Errorf("our own state: %v", err)
	}
	w.Pattern = "logs-it-past"
	for _, action := range role.Index[0].Actions {
		server.SetRole(t, "it_backtest", role.Without(action))
		namesMissing(t, action, func(ctx context.Context) []error {
			if _, err := read(ctx, w); err != nil {
				return []error{err}
			}
			return nil
		})
	}
}
