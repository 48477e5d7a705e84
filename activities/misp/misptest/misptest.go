// Package misptest is a MISP 2.5 small enough to run inside a test or a demo: events, attributes, tags, sightings,
// warninglists, and the search with its surprises (a filter that it does not understand is none). It answers as a real
// 2.5.1 was seen to, and is driven by PyMISP in the tests.
package misptest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
)

// Key is the API key that opens the stand-in: 40 characters, as MISP's are.
const Key = "standinstandinstandinstandinstandin00000"

// Org is the organisation of the stand-in's user.
const Org = "Sallyport"

// MISP is the stand-in, an http.Handler. Its faults come before every call.
type MISP struct {
	resttest.Faults

	mu         sync.Mutex
	events     []*event
	attributes []*attribute
	sightings  []*sighting
	tags       []string // a tag's id is its place, from 1
	blocked    map[string]bool
	lists      []*warninglist
	expires    time.Time
	limit      int // searches left; negative: no limit
	last       int // of all ids
	mux        http.Handler
}

// New returns a MISP without events, with four warninglists enabled.
func New() *MISP {
	m := &MISP{blocked: map[string]bool{}, lists: standardLists(), limit: -1, tags: []string{"tlp:amber"}, expires: time.Now().AddDate(1, 0, 0)}
	mux := http.NewServeMux()
	m.route(mux)
	m.mux = m.Wrap(m.guard(mux))
	return m
}

// ServeHTTP implements http.Handler.
func (m *MISP) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Server is a MISP on loopback.
type Server struct {
	*MISP
	*httptest.Server
}

// NewServer starts a MISP that stops with the test.
func NewServer(tb testing.TB) *Server {
	misp := New()
	server := &Server{MISP: misp, Server: httptest.NewServer(misp)}
	tb.Cleanup(server.Close)
	return server
}

// Indicator is what somebody put into MISP.
type Indicator struct {
	Type, Value string // ip-dst, "203.0.113.5"
	Org         string // empty: Org
	Info        string // of its event
	Age         time.Duration
	Context     bool  // true: to_ids is off, it is no indicator but context
	Unpublished bool  // true: the event is a draft
	Decayed     *bool // nil: no decaying model knows the type
}

// Add puts an indicator into an event of its own.
func (m *MISP) Add(i Indicator) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.newEvent("", cmp.Or(i.Info, "indicators"), cmp.Or(i.Org, Org))
	if !i.Unpublished {
		e.publishedAt = time.Now()
	}
	a := m.newAttribute(e, i.Type, i.Value)
	a.toIDs, a.decayed, a.timestamp = !i.Context, i.Decayed, time.Now().Add(-i.Age).Unix()
}

// SetKeyExpiry moves the day on which the key ends.
func (m *MISP) SetKeyExpiry(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expires = at
}

// SetLimit lets the role search so many times more, then answers 429.
func (m *MISP) SetLimit(searches int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = searches
}

// DisableWarninglists turns all of them off, as on a new server.
func (m *MISP) DisableWarninglists() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, list := range m.lists {
		list.enabled = false
	}
}

// guard answers what is no REST call or has no key, and serves one call at a time.
func (m *MISP) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		rest := r.Header.Get("Accept") == "application/json" || strings.HasSuffix(r.URL.Path, ".json") ||
			(r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"))
		if !rest {
			w.Header().Set("Location", "http://"+r.Host+"/users/login")
			w.WriteHeader(http.StatusFound)
			return
		}
		if r.Header.Get("Authorization") != Key {
			refuse(w, r, http.StatusForbidden, "Authentication failed. Please make sure you pass the API key of an API enabled user along in the Authorization header.")
			return
		}
		w.Header().Set("X-Auth-Key-Expiration", m.expires.UTC().Format("2006-01-02T15:04:05-07:00"))
		http.SetCookie(w, &http.Cookie{Name: "CAKEPHP", Value: "session", HttpOnly: true})
		next.ServeHTTP(w, r)
	})
}

func (m *MISP) id() int {
	m.last++
	return m.last
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

// refuse is MISP's error.
func refuse(w http.ResponseWriter, r *http.Request, code int, message string) {
	answer(w, code, map[string]string{"name": message, "message": message, "url": r.URL.Path})
}

// invalid is MISP's answer to values that it does not take: 403, like a wrong key.
func invalid(w http.ResponseWriter, what, path string, errors any) {
	answer(w, http.StatusForbidden, map[string]any{"saved": false, "name": what, "message": what, "url": path, "errors": errors})
}

// done is MISP's answer to a change that it took.
func done(w http.ResponseWriter, r *http.Request, message string) {
	answer(w, http.StatusOK, map[string]any{"saved": true, "success": true, "name": message, "message": message, "url": r.URL.Path})
}

// read decodes a JSON body; what is no JSON is 405, nothing at all is an empty value.
func read(w http.ResponseWriter, r *http.Request, out any) bool {
	if r.ContentLength == 0 {
		return true
	}
	if err := json.NewDecoder(r.Body).Decode(out); err != nil {
		refuse(w, r, http.StatusMethodNotAllowed, "Invalid JSON input. Make sure that the JSON input is a correctly formatted JSON string. This request has been blocked to avoid an unfiltered request.")
		return false
	}
	return true
}

func text(n int) string { return strconv.Itoa(n) }
