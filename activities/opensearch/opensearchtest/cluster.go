// Package opensearchtest is an OpenSearch 2.19 small enough to run inside a test, and stateful: what is written is
// kept apart from what a search sees, and what a primary has apart from what all copies have (its global checkpoint).
// It answers 400 to every query clause, aggregation and parameter of a body that it does not know, so that nothing
// passes because it was ignored. Faults are injected at the wire (Inject) or in the model (faults of shards).
//
// Reading order: cluster.go (requests), shard.go (the engine), index.go, resolve.go, document.go, search.go, query.go, field.go,
// aggregate.go, fault.go.
package opensearchtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// Cluster is the stand-in: an http.Handler with a memory.
type Cluster struct {
	mu        sync.Mutex
	now       func() time.Time
	user      string
	password  string
	indices   map[string]*index
	templates map[string]template
	aliases   map[string]map[string]bool // alias -> index -> is write index
	pits      map[string]*pit
	faults    []*Fault
	observers []Fault
	calls     map[string]int
	serial    int
	refresh   time.Duration
}

// Option changes how a cluster behaves.
type Option func(*Cluster)

// WithUser makes the cluster ask for HTTP basic authentication.
func WithUser(user, password string) Option {
	return func(c *Cluster) { c.user, c.password = user, password }
}

// WithRefresh sets the refresh interval of new indices; negative: only when asked. The default is 1 s, as the server's.
func WithRefresh(every time.Duration) Option { return func(c *Cluster) { c.refresh = every } }

// NewCluster returns an empty cluster of one node.
func NewCluster(options ...Option) *Cluster {
	c := &Cluster{
		now: time.Now, refresh: time.Second, indices: map[string]*index{}, templates: map[string]template{},
		aliases: map[string]map[string]bool{}, pits: map[string]*pit{}, calls: map[string]int{},
	}
	for _, option := range options {
		option(c)
	}
	return c
}

// Server is a cluster at an address of its own.
type Server struct {
	*httptest.Server
	*Cluster
}

// NewServer starts a cluster over plain HTTP that stops with the test.
func NewServer(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	c := NewCluster(options...)
	s := &Server{httptest.NewServer(c), c}
	tb.Cleanup(s.Close)
	return s
}

// NewTLSServer starts a cluster over TLS with a self-signed certificate.
func NewTLSServer(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	c := NewCluster(options...)
	s := &Server{httptest.NewTLSServer(c), c}
	tb.Cleanup(s.Close)
	return s
}

// Calls says how many requests of an operation came in: search, refresh, stats, bulk, doc, create, update, count, ...
func (c *Cluster) Calls(operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[operation]
}

// call is one request on its way through the stand-in.
type call struct {
	*http.Request
	operation string   // as Calls names it
	path      []string // unescaped path elements
	body      []byte
}

// reply is what a handler answers.
type reply struct {
	status int
	body   any
}

func ok(body any) reply { return reply{http.StatusOK, body} }

func (c *call) param(name string) string { return c.URL.Query().Get(name) }

// ServeHTTP implements http.Handler.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	in := &call{Request: r, body: body, path: elements(r)}
	in.operation = operationOf(in.path)
	if c.user != "" {
		if user, password, _ := r.BasicAuth(); user != c.user || password != c.password {
			w.Header().Set("WWW-Authenticate", `Basic realm="OpenSearch Security"`)
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
	}
	if len(r.Method+" "+r.RequestURI+" HTTP/1.1") > longestLine {
		write(w, in, refuse(http.StatusBadRequest, "too_long_http_line_exception", fmt.Sprintf("An HTTP line is larger than %d bytes.", longestLine)))
		return
	}
	fault, observers := c.take(in)
	if fault.before(w, r) {
		return
	}
	c.mu.Lock()
	c.calls[in.operation]++
	answer := c.route(in)
	c.mu.Unlock()
	for _, o := range observers {
		o.then()
	}
	fault.spoil(&answer)
	if fault.after(w) {
		return
	}
	write(w, in, answer)
}

// longestLine is the server's http.max_initial_line_length.
const longestLine = 4096

func elements(r *http.Request) []string {
	path := strings.Trim(r.URL.EscapedPath(), "/")
	if path == "" {
		return nil
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = unescape(part)
	}
	return parts
}

// operationOf names a request by its first element with an underscore, without it.
func operationOf(path []string) string {
	for i, element := range path {
		if name, found := strings.CutPrefix(element, "_"); found && (i < 2) {
			return name
		}
	}
	if len(path) == 0 {
		return "info"
	}
	return "index"
}

func write(w http.ResponseWriter, in *call, answer reply) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if raw, isText := answer.body.(rawBody); isText {
		w.WriteHeader(answer.status)
		_, _ = io.WriteString(w, string(raw))
		return
	}
	text, err := json.Marshal(answer.body)
	if err != nil {
		panic(fmt.Sprintf("opensearchtest: %v", err)) // a bug of the stand-in
	}
	text = asSent(text)
	if paths := in.param("filter_path"); paths != "" && answer.status < 300 {
		text = filterPath(text, strings.Split(paths, ","))
	}
	w.WriteHeader(answer.status)
	if in.Method != http.MethodHead {
		_, _ = w.Write(text)
	}
}

type rawBody string

// route finds the handler. The cluster is locked.
func (c *Cluster) route(in *call) reply {
	if len(in.path) == 0 {
		return ok(map[string]any{
			"name": "stand-in", "cluster_name": "opensearchtest", "cluster_uuid": "opensearchtest-cluster-1",
			"version": map[string]any{"distribution": "opensearch", "number": "2.19.4"},
		})
	}
	first := in.path[0]
	if !strings.HasPrefix(first, "_") || first == "_all" {
		return c.routeIndex(in)
	}
	switch first {
	case "_bulk":
		return c.bulk(in, "")
	case "_mget":
		return c.getMany(in)
	case "_search":
		return c.searchPIT(in)
	case "_cluster":
		return c.health(in)
	case "_index_template":
		return c.routeTemplate(in)
	case "_aliases":
		return c.changeAliases(in)
	case "_stats":
		in.path = append([]string{"*"}, in.path...)
		return c.stats(in)
	}
	return unknownPath(in)
}

func (c *Cluster) routeIndex(in *call) reply {
	if len(in.path) == 1 {
		return c.manageIndex(in)
	}
	switch in.path[1] {
	case "_doc":
		return c.document(in)
	case "_create":
		return c.create(in)
	case "_update":
		return c.update(in)
	case "_bulk":
		return c.bulk(in, in.path[0])
	case "_search":
		return c.searchOrPIT(in)
	case "_count":
		return c.count(in)
	case "_field_caps":
		return c.fieldCaps(in)
	case "_refresh":
		return c.refreshIndices(in)
	case "_stats":
		return c.stats(in)
	case "_mapping", "_settings", "_alias":
		return c.describe(in)
	case "_close", "_open":
		return c.openOrClose(in, in.path[1] == "_close")
	case "_rollover":
		return c.rollover(in)
	}
	return unknownPath(in)
}

func unknownPath(in *call) reply {
	return refuse(http.StatusBadRequest, "illegal_argument_exception", "the stand-in has no handler for "+in.Method+" /"+strings.Join(in.path, "/"))
}

// refuse is an error as the server words it.
func refuse(status int, kind, reason string) reply {
	return reply{status, map[string]any{"status": status, "error": map[string]any{
		"type": kind, "reason": reason, "root_cause": []any{map[string]any{"type": kind, "reason": reason}},
	}}}
}

// failure lets deep code refuse a request; reply turns it into an answer.
type failure struct{ reply }

// Error implements error.
func (f failure) Error() string { return fmt.Sprint(f.body) }

func bad(format string, args ...any) error {
	return failure{refuse(http.StatusBadRequest, "parsing_exception", fmt.Sprintf(format, args...))}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
