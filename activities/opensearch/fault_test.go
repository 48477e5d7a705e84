package opensearch_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

func TestFaults(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	if _, err := c.Create(t.Context(), "notes", "a", note{"x", 1}); err != nil {
		t.Fatal(err)
	}
	search := func() error {
		var r opensearch.Result
		return c.Search(t.Context(), "notes", map[string]any{}, &r)
	}
	for name, test := range map[string]struct {
		fault                 opensearchtest.Fault
		permanent, overloaded bool
		text                  string
	}{
		"forbidden":    {opensearchtest.Fault{Status: http.StatusForbidden}, true, false, "status 403 security_exception"},
		"throttled":    {opensearchtest.Fault{Status: http.StatusTooManyRequests}, false, true, "circuit_breaking_exception"},
		"backpressure": {opensearchtest.Fault{Status: 500, Type: "task_cancelled_exception"}, false, true, "status 500"},
		"of a shard":   {opensearchtest.Fault{Status: 500, Type: "task_cancelled_exception", EachShard: true}, false, true, "search_phase_execution_exception (task_cancelled_exception)"},
		"rejected":     {opensearchtest.Fault{Status: 429, Type: "opensearch_rejected_execution_exception"}, false, true, "status 429"},
		"unavailable":  {opensearchtest.Fault{Status: http.StatusServiceUnavailable}, false, false, "status 503"},
		"odd type":     {opensearchtest.Fault{Status: 500, Type: "<script>"}, false, false, "status 500"},
		"partial":      {opensearchtest.Fault{Partial: true}, false, false, "incomplete"},
		"timed out":    {opensearchtest.Fault{TimedOut: true}, false, false, "incomplete"},
		"empty body":   {opensearchtest.Fault{Body: "{}"}, false, false, "incomplete"},
		"HTML":         {opensearchtest.Fault{Body: "<html>secret</html>"}, false, false, "not the JSON"},
		"cut":          {opensearchtest.Fault{CutAfter: true}, false, false, "EOF"},
	} {
		test.fault.Times = 1
		server.Inject(test.fault)
		err := search()
		var permanent interface{ Permanent() bool }
		is := errors.As(err, &permanent) && permanent.Permanent()
		if err == nil || is != test.permanent || opensearch.Overloaded(err) != test.overloaded || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v, permanent %v, overloaded %v", name, err, is, opensearch.Overloaded(err))
		}
		for _, leak := range []string{"injected", "script", "secret", server.URL} {
			if err != nil && strings.Contains(err.Error(), leak) {
				t.Errorf("%s: the error shows %q: %v", name, leak, err)
			}
		}
		if err := search(); err != nil {
			t.Errorf("%s: afterwards: %v", name, err)
		}
	}
}

// TestUnknownOutcome cuts the connection after a create: repeating it meets what the first attempt wrote.
func TestUnknownOutcome(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	docs := []opensearch.NewDocument{{Index: "notes", ID: "a", Doc: note{"x", 1}}}
	server.Inject(opensearchtest.Fault{Operation: "bulk", CutAfter: true, Times: 1})
	if _, err := c.CreateAll(t.Context(), docs); err == nil {
		t.Fatal("a cut connection is no success")
	}
	if server.Calls("bulk") != 1 {
		t.Fatalf("%d requests: the client repeats nothing by itself", server.Calls("bulk"))
	}
	again, err := c.CreateAll(t.Context(), docs)
	if err != nil || again[0].Created {
		t.Errorf("again: %+v %v, want what was there", again, err)
	}
}

func TestTLS(t *testing.T) {
	server := opensearchtest.NewTLSServer(t, opensearchtest.WithUser("reader", "s3cret"))
	sum := sha256.Sum256(server.Certificate().Raw)
	t.Setenv("SALLYPORT_TEST_PASSWORD", "s3cret")
	t.Setenv("SALLYPORT_TEST_WRONG", "wrong")
	good := opensearch.Config{
		URL: server.URL, User: "reader", Password: config.Secret("env:SALLYPORT_TEST_PASSWORD"), TLS: rest.TLS{SHA256: hex.EncodeToString(sum[:])},
	}
	ping := func(c opensearch.Config) error {
		client, err := opensearch.Open(t.Context(), c)
		if err != nil {
			return err
		}
		_, err = client.Ping(t.Context())
		return err
	}
	if err := ping(good); err != nil {
		t.Fatal(err)
	}
	unknown := good
	unknown.TLS = rest.TLS{}
	if err := ping(unknown); rest.Mend(err, "") == "" {
		t.Errorf("an unknown CA: %v, with no mend", err)
	}
	wrong := good
	wrong.Password = "env:SALLYPORT_TEST_WRONG"
	if err := ping(wrong); err == nil || !strings.Contains(err.Error(), "status 401") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password: %v", err)
	}
	missing := good
	missing.Password = "env:SALLYPORT_TEST_UNSET"
	if err := ping(missing); err == nil || !strings.Contains(err.Error(), "SALLYPORT_TEST_UNSET is not set") {
		t.Errorf("a missing secret: %v", err)
	}
}

func TestCheckStream(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	server.CreateIndex("logs-1", 2, time.Time{})
	if faults := c.CheckStream(t.Context(), "logs-*"); len(faults) > 0 {
		t.Errorf("a stream that can be read: %v", faults)
	}
	if faults := c.CheckStream(t.Context(), "absent-*"); len(faults) != 1 || faults[0].Error() != "refused: pattern absent-* matches no open index, alias or data stream of "+server.URL {
		t.Errorf("no index: %v", faults)
	}
	for operation, privilege := range map[string]string{
		"stats": "indices:monitor/stats", "settings": "indices:monitor/settings/get",
		"search": "indices:data/read/search", "refresh": "indices:admin/refresh",
	} {
		reason := "no permissions for [" + privilege + "] and User [name=sp_reader, backend_roles=[], requestedTenant=null]"
		lift := server.Inject(opensearchtest.Fault{Operation: operation, Status: http.StatusForbidden, Reason: reason})
		faults := c.CheckStream(t.Context(), "logs-*")
		lift()
		if len(faults) != 1 || !strings.HasSuffix(faults[0].Error(), "the user lacks the privilege "+privilege) {
			t.Errorf("without %s: %v", privilege, faults)
		}
	}
}

func TestPingRefusesOthers(t *testing.T) {
	server := opensearchtest.NewServer(t)
	c := open(t, server.URL)
	if info, err := c.Ping(t.Context()); err != nil || info.Version != "2.19.4" {
		t.Fatalf("%+v %v", info, err)
	}
	for body, want := range map[string]string{
		`{"cluster_name":"x","version":{"number":"8.11.0"}}`:                            "Elasticsearch 8.11.0",
		`{"cluster_name":"x","version":{"distribution":"opensearch","number":"1.3.0"}}`: "reads versions 2 and 3",
		`{"hello":"world"}`:  "is no OpenSearch",
		`<html>login</html>`: "not the JSON",
	} {
		server.Inject(opensearchtest.Fault{Operation: "info", Body: body, Times: 1})
		if _, err := c.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func TestConfigFaults(t *testing.T) {
	for want, c := range map[string]opensearch.Config{
		"url: is empty":                     {},
		"url: is no address":                {URL: "indexer:9200"},
		"url: holds a user":                 {URL: "https://me:pw@indexer:9200"},
		"url: holds more than one":          {URL: "https://a:9200/?pretty=true"},
		"user and password belong together": {URL: "https://a:9200", User: "x"},
		"client_cert and client_key belong": {URL: "https://a:9200", ClientKey: "k.pem"},
	} {
		if text := c.Validate().Error(); !strings.Contains(text, want) || strings.Contains(text, "pw") {
			t.Errorf("%+v: %q, want %q", c, text, want)
		}
	}
}
