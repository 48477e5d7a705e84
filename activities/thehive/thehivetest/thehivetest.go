// Package thehivetest is a TheHive 5 small enough to run inside a test or a demo: alerts, cases, observables, tasks,
// comments and pages, with its query language. It answers as the vendor's OpenAPI description of 5.7.3 says, and is
// driven by the vendor's own Python client in the tests. Where the vendor is silent it is pessimistic: an alert that is
// promoted twice makes two cases.
package thehivetest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
)

// Key is the API key that opens the stand-in.
const Key = "thehive-stand-in-key"

// Hive is the stand-in, an http.Handler. Its faults come before every call.
type Hive struct {
	resttest.Faults

	mu       sync.Mutex
	objects  []*object // in the order in which they were made
	last     int       // of the ids
	cases    int       // of the numbers
	licensed bool
	mux      http.Handler
}

// New returns an empty, licensed TheHive.
func New() *Hive {
	h := &Hive{last: 4096, licensed: true}
	mux := http.NewServeMux()
	h.route(mux)
	h.mux = h.Wrap(h.guard(mux))
	return h
}

// ServeHTTP implements http.Handler.
func (h *Hive) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Server is a Hive on loopback.
type Server struct {
	*Hive
	*httptest.Server
}

// NewServer starts an empty TheHive that stops with the test.
func NewServer(tb testing.TB) *Server { return serve(tb, httptest.NewServer) }

// NewTLSServer is NewServer over TLS, with httptest's self-signed certificate.
func NewTLSServer(tb testing.TB) *Server { return serve(tb, httptest.NewTLSServer) }

func serve(tb testing.TB, start func(http.Handler) *httptest.Server) *Server {
	hive := New()
	server := &Server{Hive: hive, Server: start(hive)}
	tb.Cleanup(server.Close)
	return server
}

// Expire ends the licence: from then on TheHive is read-only.
func (h *Hive) Expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.licensed = false
}

// Case is a case as tests look at it.
type Case struct {
	ID, Title, Status, Stage, Summary string
	Number                            int
	Tags                              []string
}

// Cases are all cases, oldest first.
func (h *Hive) Cases() (cases []Case) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.all("Case") {
		cases = append(cases, Case{
			ID: o.text("_id"), Title: o.text("title"), Status: o.text("status"), Stage: o.text("stage"),
			Summary: o.text("summary"), Number: o.data["number"].(int), Tags: o.tags(),
		})
	}
	return cases
}

// Comments are the texts of a case's comments, oldest first.
func (h *Hive) Comments(caseID string) (texts []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.below(caseID, "Comment") {
		texts = append(texts, o.text("message"))
	}
	return texts
}

// Observables are those of a case, as "ip 192.0.2.1", oldest first.
func (h *Hive) Observables(caseID string) (texts []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.below(caseID, "Observable") {
		texts = append(texts, o.text("dataType")+" "+o.text("data"))
	}
	return texts
}

// object is anything that TheHive keeps: what it shows of it, and what it hangs on.
type object struct {
	kind   string
	parent string
	data   map[string]any
}

func (o *object) text(field string) string {
	text, _ := o.data[field].(string)
	return text
}

func (o *object) tags() []string {
	tags, _ := o.data["tags"].([]string)
	return tags
}

func (h *Hive) all(kind string) (found []*object) {
	for _, o := range h.objects {
		if o.kind == kind {
			found = append(found, o)
		}
	}
	return found
}

func (h *Hive) below(parent, kind string) (found []*object) {
	for _, o := range h.all(kind) {
		if o.parent == parent {
			found = append(found, o)
		}
	}
	return found
}

// find is the object by its _id, or by its name: a case's number, an alert's type;source;sourceRef.
func (h *Hive) find(kind, idOrName string) *object {
	for _, o := range h.all(kind) {
		if o.text("_id") == idOrName || (kind == "Case" && strconv.Itoa(o.data["number"].(int)) == idOrName) ||
			(kind == "Alert" && alertName(o) == idOrName) {
			return o
		}
	}
	return nil
}

func alertName(o *object) string {
	return o.text("type") + ";" + o.text("source") + ";" + o.text("sourceRef")
}

// add keeps a new object with an id and its history's fields.
func (h *Hive) add(kind, parent string, data map[string]any) *object {
	h.last += 8
	data["_id"], data["_type"] = "~"+strconv.Itoa(h.last), kind
	if kind == "Comment" {
		data["createdBy"], data["createdAt"] = login, now()
	} else {
		data["_createdBy"], data["_createdAt"] = login, now()
	}
	made := &object{kind: kind, parent: parent, data: data}
	h.objects = append(h.objects, made)
	return made
}

// remove forgets an object and all that hangs on it.
func (h *Hive) remove(id string) {
	var kept []*object
	for _, o := range h.objects {
		if o.text("_id") != id && o.parent != id {
			kept = append(kept, o)
		}
	}
	h.objects = kept
}

const login = "sallyport@example.org"

func now() int64 { return time.Now().UnixMilli() }

// guard answers what needs no object: the key and the licence.
func (h *Hive) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		open := r.URL.Path == "/api/v1/status/public"
		reads := r.Method == http.MethodGet || r.URL.Path == "/api/v1/query"
		switch {
		case !open && r.Header.Get("Authorization") != "Bearer "+Key:
			refuse(w, http.StatusUnauthorized, "AuthenticationError", "Authentication failure")
		case !reads && !h.licensed:
			refuse(w, http.StatusForbidden, "AuthorizationError", "Your license is invalid: the platform is read-only")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, code int, kind, message string) {
	answer(w, code, map[string]string{"type": kind, "message": message})
}

func missing(w http.ResponseWriter, kind string) {
	refuse(w, http.StatusNotFound, "NotFoundError", strings.ToLower(kind)+" not found")
}
