// Package slacktest is a Slack small enough to run inside a test or the lab: one workspace that keeps its messages, lets
// people press buttons through Socket Mode, expects the acknowledgement in three seconds, knows tokens and scopes, and has faults.
//
// Shapes of requests and answers follow Slack's Web API and Socket Mode pages; success is HTTP 200 with ok:true.
package slacktest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// Channel and Team are the stand-in's only ones; BotToken and AppToken open it.
const (
	Channel  = "C0SALLYPORT"
	Team     = "T0OFFICE"
	BotToken = "xoxb-lab-2f8c1e7d"
	AppToken = "xapp-lab-91b4c06a"
)

// Scopes are what the app of deploy/slack/manifest.yaml has.
const (
	BotScopes = "chat:write,channels:history,groups:history"
	AppScopes = "connections:write"
)

// Message is one message as the channel shows it now.
type Message struct {
	Channel  string          `json:"-"`
	TS       string          `json:"ts"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Edits    int             `json:"-"`
	Only     string          `json:"-"` // the user that alone sees it, for ephemeral messages
	Thread   string          `json:"thread_ts,omitempty"`
}

// Server is the stand-in.
type Server struct {
	mu       sync.Mutex
	messages []Message
	sockets  []*websocket.Conn
	clicks   []*click // delivered and not acknowledged
	deaf     bool
	now      func() time.Time
	faults   map[string]*fault
	scopes   map[string]string // by token
	count    int
}

type fault struct {
	left     int
	code     int
	answer   string
	cutAfter bool
}

// New returns a stand-in that listens nowhere yet; it is an http.Handler.
func New() *Server {
	return &Server{now: time.Now, faults: map[string]*fault{}, scopes: map[string]string{BotToken: BotScopes, AppToken: AppScopes}}
}

// NewServer starts a stand-in that stops with the test, and returns it with its API address.
func NewServer(tb testing.TB) (*Server, string) {
	s := New()
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	return s, server.URL + "/"
}

// SetScopes says what a token may do; an empty text revokes it.
func (s *Server) SetScopes(token, granted string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delete(s.scopes, token); granted != "" {
		s.scopes[token] = granted
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/socket" {
		s.socket(w, r)
		return
	}
	_ = r.ParseForm()
	if s.faulty(w, r.URL.Path, false) {
		return
	}
	answer, granted := s.call(r)
	if s.faulty(w, r.URL.Path, true) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-OAuth-Scopes", granted)
	_ = json.NewEncoder(w).Encode(answer)
}

// needed is the scope that a method wants of its token; apps.connections.open wants the app's.
var needed = map[string]string{
	"/auth.test": "", "/apps.connections.open": "connections:write", "/chat.postMessage": "chat:write", "/chat.postEphemeral": "chat:write",
	"/chat.update": "chat:write", "/conversations.history": "channels:history",
}

func refusal(word string) map[string]any { return map[string]any{"ok": false, "error": word} }

func (s *Server) call(r *http.Request) (answer map[string]any, granted string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := cmp.Or(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.FormValue("token"))
	granted, known := s.scopes[token]
	scope, there := needed[r.URL.Path]
	switch {
	case !there:
		return refusal("unknown_method"), granted
	case !known:
		return refusal("invalid_auth"), ""
	case (r.URL.Path == "/apps.connections.open") != strings.HasPrefix(token, "xapp-"):
		return refusal("not_allowed_token_type"), granted
	case scope != "" && !slices.Contains(strings.Split(granted, ","), scope):
		return map[string]any{"ok": false, "error": "missing_scope", "needed": scope, "provided": granted}, granted
	}
	return s.method(r), granted
}

func (s *Server) method(r *http.Request) map[string]any {
	switch r.URL.Path {
	case "/auth.test":
		return map[string]any{"ok": true, "user": "sallyport", "team": "office", "user_id": "U0BOT", "team_id": Team}
	case "/apps.connections.open":
		scheme := "ws"
		if r.TLS != nil {
			scheme = "wss"
		}
		return map[string]any{"ok": true, "url": scheme + "://" + r.Host + "/socket"}
	case "/conversations.history":
		return s.history(r)
	case "/chat.update":
		return s.update(r)
	}
	return s.post(r)
}

// history shows what everybody sees, the newest first; metadata only to those who ask for it.
func (s *Server) history(r *http.Request) map[string]any {
	if r.FormValue("channel") != Channel {
		return refusal("channel_not_found")
	}
	var shown []Message
	for _, m := range slices.Backward(s.messages) {
		if m.Only != "" || m.Thread != "" {
			continue
		}
		if all := r.FormValue("include_all_metadata"); all != "true" && all != "1" {
			m.Metadata = nil
		}
		shown = append(shown, m)
	}
	return map[string]any{"ok": true, "messages": shown, "has_more": false}
}

func (s *Server) post(r *http.Request) map[string]any {
	if r.FormValue("channel") != Channel {
		return refusal("channel_not_found")
	}
	if !fits(r.FormValue("blocks")) {
		return refusal("invalid_blocks")
	}
	s.count++
	m := Message{
		Channel: Channel, TS: fmt.Sprintf("1700000000.%06d", s.count), Text: r.FormValue("text"), Only: r.FormValue("user"), Thread: r.FormValue("thread_ts"),
		Blocks: raw(r.FormValue("blocks")), Metadata: raw(r.FormValue("metadata")),
	}
	s.messages = append(s.messages, m)
	return map[string]any{"ok": true, "channel": Channel, "ts": m.TS, "message_ts": m.TS}
}

func (s *Server) update(r *http.Request) map[string]any {
	at := slices.IndexFunc(s.messages, func(m Message) bool { return m.TS == r.FormValue("ts") })
	if at < 0 || r.FormValue("channel") != Channel {
		return refusal("message_not_found")
	}
	if !fits(r.FormValue("blocks")) {
		return refusal("invalid_blocks")
	}
	s.messages[at].Text, s.messages[at].Blocks = r.FormValue("text"), raw(r.FormValue("blocks"))
	s.messages[at].Edits++
	return map[string]any{"ok": true, "channel": Channel, "ts": s.messages[at].TS, "text": s.messages[at].Text}
}

// fits holds blocks to Slack's bounds: 50 blocks, 3,000 characters in a section, 2,000 in a button's value, 300 in a
// confirmation.
func fits(text string) bool {
	if text == "" {
		return true
	}
	var blocks []struct {
		Text     *struct{ Text string }
		Elements []struct {
			Value   string
			Confirm *struct{ Text struct{ Text string } }
		}
	}
	if json.Unmarshal([]byte(text), &blocks) != nil || len(blocks) > 50 {
		return false
	}
	for _, b := range blocks {
		if b.Text != nil && (b.Text.Text == "" || utf8.RuneCountInString(b.Text.Text) > 3000) {
			return false
		}
		for _, e := range b.Elements {
			if len(e.Value) > 2000 || (e.Confirm != nil && utf8.RuneCountInString(e.Confirm.Text.Text) > 300) {
				return false
			}
		}
	}
	return true
}

func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// Messages is what the channel shows now, the oldest first, ephemeral ones included.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Delete removes a message, as an administrator may.
func (s *Server) Delete(ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m Message) bool { return m.TS == ts })
}

// Fail makes the next times calls of a method ("chat.update") answer with this status and error word.
func (s *Server) Fail(method string, times, status int, word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults["/"+method] = &fault{left: times, code: status, answer: word}
}

// CutAfter makes the next call of a method take effect and then lose its connection.
func (s *Server) CutAfter(method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults["/"+method] = &fault{left: 1, cutAfter: true}
}

func (s *Server) faulty(w http.ResponseWriter, path string, after bool) bool {
	s.mu.Lock()
	f := s.faults[path]
	if f == nil || f.left == 0 || f.cutAfter != after {
		s.mu.Unlock()
		return false
	}
	f.left--
	s.mu.Unlock()
	if f.cutAfter {
		panic(http.ErrAbortHandler)
	}
	if f.code == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.code)
	_ = json.NewEncoder(w).Encode(refusal(f.answer))
	return true
}
