package opensearch_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// TestARealServerKnowsUs: a real server with TLS is trusted by its CA or its fingerprint and by nothing else, and it knows
// us by a password or by a client certificate and by nothing else. What it refuses is told with what to mend.
func TestARealServerKnowsUs(t *testing.T) {
	server := opensearchtest.RealSecure(t)
	t.Setenv("SALLYPORT_TEST_KNOWN", server.Grant(t, "it_known", opensearchtest.Role{Cluster: []string{"cluster:monitor/main"}, Index: []opensearchtest.Permission{}}))
	t.Cleanup(func() { server.Do(t, http.MethodDelete, "/_plugins/_security/api/internalusers/it_known", nil) })
	t.Setenv("SALLYPORT_TEST_WRONG", "wrong-password")
	cert, key := server.KeyPair(t, "admin")
	known := opensearch.Config{URL: server.URL, User: "it_known", Password: "env:SALLYPORT_TEST_KNOWN", TLS: server.Trust}
	for name, tt := range map[string]struct {
		change func(c *opensearch.Config)
		want   string // in the error or its mend; none: it answers
	}{
		"its CA and a password":        {func(*opensearch.Config) {}, ""},
		"its fingerprint":              {func(c *opensearch.Config) { c.TLS = rest.TLS{SHA256: fingerprint(t, server)} }, ""},
		"a client certificate":         {func(c *opensearch.Config) { c.User, c.Password, c.ClientCert, c.ClientKey = "", "", cert, key }, ""},
		"nobody":                       {func(c *opensearch.Config) { c.User, c.Password = "", "" }, "status 401"},
		"a wrong password":             {func(c *opensearch.Config) { c.Password = config.Secret("env:SALLYPORT_TEST_WRONG") }, "status 401: it refuses user and password"},
		"a CA of the system":           {func(c *opensearch.Config) { c.TLS = rest.TLS{} }, "set opensearch.tls.ca to that CA's file"},
		"another fingerprint":          {func(c *opensearch.Config) { c.TLS = rest.TLS{SHA256: strings.Repeat("ab", 32)} }, "another certificate than opensearch.tls.sha256 pins"},
		"a name that it does not have": {func(c *opensearch.Config) { c.TLS.ServerName = "indexer.example" }, "set opensearch.tls.server_name"},
		"no TLS":                       {func(c *opensearch.Config) { c.URL = strings.Replace(c.URL, "https:", "http:", 1) }, "ask for the version: "},
	} {
		t.Run(name, func(t *testing.T) {
			c := known
			tt.change(&c)
			client, err := opensearch.Open(t.Context(), c)
			if err == nil {
				_, err = client.Ping(t.Context())
			}
			said := rest.Mend(err, "opensearch")
			if err != nil {
				said += err.Error()
			}
			if (err != nil) != (tt.want != "") || !strings.Contains(said, tt.want) || strings.Contains(said, "wrong-password") {
				t.Errorf("%v, mend %q; want %q", err, said, tt.want)
			}
		})
	}
}

// fingerprint is the SHA-256 of the server's certificate.
func fingerprint(t *testing.T, server *opensearchtest.Secure) string {
	t.Helper()
	cert, _ := server.KeyPair(t, "node")
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is no PEM", cert)
	}
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:])
}
