package opensearchtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Secure is a real OpenSearch with its security plugin, and its administrator.
type Secure struct {
	URL   string
	Trust rest.TLS

	http           *http.Client
	user, password string
}

// Role is a role of the security plugin, as deploy/opensearch/roles.yml has it.
type Role struct {
	Cluster []string     `yaml:"cluster_permissions" json:"cluster_permissions"`
	Index   []Permission `yaml:"index_permissions" json:"index_permissions"`
}

// Permission is what a role may do to indices.
type Permission struct {
	Patterns []string `yaml:"index_patterns" json:"index_patterns"`
	Actions  []string `yaml:"allowed_actions" json:"allowed_actions"`
}

// Without is the role without one action, wherever it stands.
func (r Role) Without(action string) Role {
	drop := func(a string) bool { return a == action }
	less := Role{Cluster: slices.DeleteFunc(slices.Clone(r.Cluster), drop)}
	for _, p := range r.Index {
		less.Index = append(less.Index, Permission{p.Patterns, slices.DeleteFunc(slices.Clone(p.Actions), drop)})
	}
	return less
}

// RealSecure returns the server that SALLYPORT_SECURE_OPENSEARCH_URL names, which this test has to itself until its end.
// Without it the test is skipped by name; where CI is set it fails. When the test ends, what Sallyport keeps on it is deleted.
func RealSecure(tb testing.TB) *Secure {
	tb.Helper()
	of := func(name string) string { return os.Getenv("SALLYPORT_SECURE_OPENSEARCH_" + name) }
	if of("URL") == "" && os.Getenv("CI") != "" {
		tb.Fatal("no OpenSearch with users: set SALLYPORT_SECURE_OPENSEARCH_URL, or run make lab")
	} else if of("URL") == "" {
		tb.Skip("no OpenSearch with users: set SALLYPORT_SECURE_OPENSEARCH_URL (deploy/lab starts one)")
	}
	s := &Secure{URL: of("URL"), Trust: rest.TLS{CA: of("CA")}, user: of("ADMIN_USER"), password: of("ADMIN_PASSWORD")}
	transport, err := rest.Transport(s.Trust)
	if err != nil {
		tb.Fatal(err)
	}
	s.http = &http.Client{Transport: transport, Timeout: time.Minute}
	haveAlone(tb, s.URL)
	s.clear(tb)
	tb.Cleanup(func() { s.clear(tb) })
	return s
}

// clear deletes indices and templates of Sallyport.
func (s *Secure) clear(tb testing.TB) {
	tb.Helper()
	s.Do(tb, http.MethodDelete, "/sallyport-*?expand_wildcards=all", nil)
	s.Do(tb, http.MethodDelete, "/_index_template/sallyport-*", nil)
}

// Do asks as the administrator. A status from 400 on, but 404, fails the test.
func (s *Secure) Do(tb testing.TB, method, path string, body any) []byte {
	tb.Helper()
	var sent []byte
	if body != nil {
		var err error
		if sent, err = json.Marshal(body); err != nil {
			tb.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(tb.Context()), method, s.URL+path, bytes.NewReader(sent))
	if err != nil {
		tb.Fatal(err)
	}
	req.SetBasicAuth(s.user, s.password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 400 && resp.StatusCode != http.StatusNotFound {
		tb.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, text, err)
	}
	return text
}

// KeyPair are the files of a certificate that the server's CA signed, and of its key: "node" is the server's own, "admin"
// one of a client that it knows by its name.
func (s *Secure) KeyPair(tb testing.TB, name string) (cert, key string) {
	tb.Helper()
	dir := filepath.Dir(s.Trust.CA)
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for _, file := range []string{cert, key} {
		if _, err := os.Stat(file); err != nil {
			tb.Fatalf("the lab has made no certificate: %v", err)
		}
	}
	return cert, key
}

// SetRole changes what a user of Grant may do.
func (s *Secure) SetRole(tb testing.TB, user string, role Role) {
	tb.Helper()
	s.Do(tb, http.MethodPut, "/_plugins/_security/api/roles/"+user, role)
}

// Grant makes a user of that name with this role alone, and returns its password.
func (s *Secure) Grant(tb testing.TB, user string, role Role) (password string) {
	tb.Helper()
	password = rand.Text() + "-1a"
	s.SetRole(tb, user, role)
	s.Do(tb, http.MethodPut, "/_plugins/_security/api/internalusers/"+user, map[string]any{"password": password})
	s.Do(tb, http.MethodPut, "/_plugins/_security/api/rolesmapping/"+user, map[string]any{"users": []string{user}})
	return password
}

// ShippedRole reads a role of deploy/opensearch/roles.yml, which lies below root.
func ShippedRole(tb testing.TB, root, name string) Role {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", "opensearch", "roles.yml"))
	if err != nil {
		tb.Fatal(err)
	}
	roles := map[string]Role{}
	if err := yaml.Unmarshal(text, &roles); err != nil {
		tb.Fatal(err)
	}
	role, there := roles[name]
	if !there || len(role.Index) == 0 || strings.Contains(strings.Join(role.Cluster, " "), "*") {
		tb.Fatalf("role %s is not there, or too wide: %+v", name, role)
	}
	return role
}
