package opensearchtest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

var realPrefix atomic.Int64

// Real returns the address of a real OpenSearch and a prefix for names of indices that this test alone uses; they are
// deleted at its end. The address stands in SALLYPORT_OPENSEARCH_URL. Without one the test is skipped by name; where
// CI is set it fails.
func Real(tb testing.TB) (address, prefix string) {
	tb.Helper()
	address = os.Getenv("SALLYPORT_OPENSEARCH_URL")
	if address == "" {
		if os.Getenv("CI") != "" {
			tb.Fatal("no real OpenSearch: set SALLYPORT_OPENSEARCH_URL")
		}
		tb.Skip("no real OpenSearch: set SALLYPORT_OPENSEARCH_URL (deploy/lab starts one)")
	}
	prefix = fmt.Sprintf("it-%d-%d-", time.Now().UnixNano(), realPrefix.Add(1))
	tb.Cleanup(func() { dropReal(tb, address, prefix) })
	return address, prefix
}

func dropReal(tb testing.TB, address, prefix string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	target, err := url.JoinPath(address, prefix+"*")
	if err != nil {
		tb.Error(err)
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, target+"?expand_wildcards=all", nil)
	if err != nil {
		tb.Error(err)
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Error(err)
		return
	}
	_ = resp.Body.Close()
}
