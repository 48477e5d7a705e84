package opensearchtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// labCluster is how deploy/lab names its cluster: what a killed test left there may be removed unasked.
const labCluster = "sallyport-lab"

// realWithin is how long a test waits for the real server: those of other packages have it meanwhile.
const realWithin = 20 * time.Minute

var realPrefix atomic.Int64

// Real returns the address of a real OpenSearch, which this test has to itself until its end, and a prefix for names of
// its indices. At the end what bears the prefix is deleted, and everything that a Sallyport keeps: a test leaves the
// server as it was. The address stands in SALLYPORT_OPENSEARCH_URL. Without one the test is skipped by name; where CI is
// set it fails.
func Real(tb testing.TB) (address, prefix string) {
	tb.Helper()
	address = os.Getenv("SALLYPORT_OPENSEARCH_URL")
	if address == "" {
		if os.Getenv("CI") != "" {
			tb.Fatal("no real OpenSearch: set SALLYPORT_OPENSEARCH_URL")
		}
		tb.Skip("no real OpenSearch: set SALLYPORT_OPENSEARCH_URL (deploy/lab starts one)")
	}
	haveAlone(tb, address)
	refuseForeign(tb, address)
	prefix = fmt.Sprintf("it-%d-%d-", time.Now().UnixNano(), realPrefix.Add(1))
	tb.Cleanup(func() { dropReal(tb, address, prefix+"*") })
	return address, prefix
}

// haveAlone waits until no other test uses the server, in this process or in another.
func haveAlone(tb testing.TB, address string) {
	tb.Helper()
	path := filepath.Join(os.TempDir(), "sallyport-test-"+url.QueryEscape(address)+".lock")
	for deadline := time.Now().Add(realWithin); ; {
		unlock, err := lockFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		if unlock != nil {
			tb.Cleanup(unlock)
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("another test has had %s for %s", address, realWithin)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// refuseForeign keeps the tests from a server that somebody's Sallyport uses. On the lab's own it removes what is left.
func refuseForeign(tb testing.TB, address string) {
	tb.Helper()
	var held struct {
		Count int `json:"count"`
	}
	var about struct {
		Cluster string `json:"cluster_name"`
	}
	err := errors.Join(askReal(http.MethodGet, address, "/sallyport-*/_count", &held), askReal(http.MethodGet, address, "/", &about))
	switch {
	case err != nil:
		tb.Fatal(err)
	case held.Count == 0:
	case about.Cluster == labCluster:
		dropReal(tb, address, "it-*")
	default:
		tb.Fatalf("%s (cluster %s) holds %d documents of a Sallyport: give the tests a server of their own, or delete sallyport-* there", address, about.Cluster, held.Count)
	}
}

// dropReal deletes the indices of pattern, and those and the templates that a Sallyport keeps.
func dropReal(tb testing.TB, address, pattern string) {
	tb.Helper()
	err := errors.Join(
		askReal(http.MethodDelete, address, "/"+pattern+",sallyport-*?expand_wildcards=all", nil),
		askReal(http.MethodDelete, address, "/_index_template/sallyport-*", nil),
	)
	if err != nil {
		tb.Errorf("clean up: %v", err)
	}
}

func askReal(method, address, path string, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusNotFound && method == http.MethodDelete:
		return nil // nothing is there to delete
	case resp.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, text)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(text, answer)
}
