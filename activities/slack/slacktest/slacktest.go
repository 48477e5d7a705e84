// Package slacktest is a Slack small enough to run inside a test or the lab: one workspace that keeps its messages, lets
// people press buttons through Socket Mode, expects the acknowledgement in three seconds, and has faults.
//
// Shapes of requests and answers follow Slack's Web API and Socket Mode pages; success is HTTP 200 with ok:true.
package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Channel and Team are the stand-in's only ones.
const (
	Channel = "C0SALLYPORT"
	Team    = "T0OFFICE"
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
}

// Server is the stand-in.
type Server struct {
	mu       sync.Mutex
	messages []Message
	sockets  []*websocket.Conn
	acks     map[string]chan struct{}
	faults   map[string]*fault
	count    int
}

type fault struct {
	left     int
	code     int
	answer   string
	cutAfter bool
}

// New returns a stand-in that listens nowhere yet; it is an http.Handler. Base is the address it will be reached at,
// for the websocket's URL.
func New() *Server { return &Server{acks: map[string]chan struct{}{}, faults: map[string]*fault{}} }

// NewServer starts a stand-in that stops with the test, and returns it with its API address.
func NewServer(tb testing.TB) (*Server, string) {
	s := New()
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	return s, server.URL + "/"
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
	answer := s.call(r)
	if s.faulty(w, r.URL.Path, true) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) call(r *http.Request) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Path {
	case "/auth.test":
		return map[string]any{"ok": true, "user": "sallyport", "team": "office", "user_id": "U0BOT", "team_id": Team}
	case "/apps.connections.open":
		scheme := "ws"
		if r.TLS != nil {
			scheme = "wss"
		}
		return map[string]any{"ok": true, "url": scheme + "://" + r.Host + "/socket"}
	case "/chat.postMessage", "/chat.postEphemeral":
		return s.post(r)
	case "/chat.update":
		return s.update(r)
	case "/conversations.history":
		newest := slices.Clone(s.messages)
		slices.Reverse(newest)
		return map[string]any{"ok": true, "messages": newest, "has_more": false}
	}
	return map[string]any{"ok": false, "error": "unknown_method"}
}

func (s *Server) post(r *http.Request) map[string]any {
	if r.FormValue("channel") != Channel {
		return map[string]any{"ok": false, "error": "channel_not_found"}
	}
	s.count++
	m := Message{
		Channel: Channel, TS: fmt.Sprintf("1700000000.%06d", s.count), Text: r.FormValue("text"), Only: r.FormValue("user"),
		Blocks: raw(r.FormValue("blocks")), Metadata: raw(r.FormValue("metadata")),
	}
	s.messages = append(s.messages, m)
	return map[string]any{"ok": true, "channel": Channel, "ts": m.TS, "message_ts": m.TS}
}

func (s *Server) update(r *http.Request) map[string]any {
	at := slices.IndexFunc(s.messages, func(m Message) bool { return m.TS == r.FormValue("ts") })
	if at < 0 || r.FormValue("channel") != Channel {
		return map[string]any{"ok": false, "error": "message_not_found"}
	}
	s.messages[at].Text, s.messages[at].Blocks = r.FormValue("text"), raw(r.FormValue("blocks"))
	s.messages[at].Edits++
	return map[string]any{"ok": true, "channel": Channel, "ts": s.messages[at].TS, "text": s.messages[at].Text}
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
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": f.answer})
	return true
}

// upgrader takes any origin, as Slack does: clients are no browsers.
var upgrader = websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}

func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	s.mu.Lock()
	s.sockets = append(s.sockets, conn)
	err = conn.WriteJSON(map[string]any{"type": "hello", "num_connections": len(s.sockets)})
	s.mu.Unlock()
	for err == nil {
		var ack struct {
			EnvelopeID string `json:"envelope_id"`
		}
		if err = conn.ReadJSON(&ack); err == nil {
			s.acknowledged(ack.EnvelopeID)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = slices.DeleteFunc(s.sockets, func(c *websocket.Conn) bool { return c == conn })
}

func (s *Server) acknowledged(envelope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waiting, ok := s.acks[envelope]; ok {
		close(waiting)
		delete(s.acks, envelope)
	}
}

// Connected reports whether a client listens by Socket Mode.
func (s *Server) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets) > 0
}

// Press lets a user press the button with that action id on a message, and reports whether the press was acknowledged
// within Slack's three seconds.
func (s *Server) Press(user, ts, actionID string) (acknowledged bool, err error) {
	value, err := s.buttonValue(ts, actionID)
	if err != nil {
		return false, err
	}
	return s.PressValue(user, ts, actionID, value)
}

// PressValue presses a button whose value somebody made up.
func (s *Server) PressValue(user, ts, actionID, value string) (acknowledged bool, err error) {
	s.mu.Lock()
	if len(s.sockets) == 0 {
		s.mu.Unlock()
		return false, fmt.Errorf("nobody listens")
	}
	s.count++
	envelope := fmt.Sprintf("E%d", s.count)
	acked := make(chan struct{})
	s.acks[envelope] = acked
	err = s.sockets[0].WriteJSON(map[string]any{
		"type": "interactive", "envelope_id": envelope, "accepts_response_payload": false,
		"payload": map[string]any{
			"type": "block_actions", "user": map[string]any{"id": user, "team_id": Team}, "api_app_id": "A0SALLYPORT",
			"container": map[string]any{"type": "message", "message_ts": ts, "channel_id": Channel},
			"team":      map[string]any{"id": Team}, "channel": map[string]any{"id": Channel}, "message": map[string]any{"ts": ts},
			"trigger_id": "tr", "actions": []map[string]any{{"action_id": actionID, "block_id": "sallyport_decide", "value": value, "type": "button", "action_ts": "1.2"}},
		},
	})
	s.mu.Unlock()
	if err != nil {
		return false, err
	}
	select {
	case <-acked:
		return true, nil
	case <-time.After(3 * time.Second):
		return false, nil
	}
}

func (s *Server) buttonValue(ts, actionID string) (string, error) {
	for _, m := range s.Messages() {
		var blocks []struct {
			Elements []struct {
				ActionID string `json:"action_id"`
				Value    string `json:"value"`
			} `json:"elements"`
		}
		if m.TS != ts || json.Unmarshal(m.Blocks, &blocks) != nil {
			continue
		}
		for _, b := range blocks {
			for _, e := range b.Elements {
				if e.ActionID == actionID {
					return e.Value, nil
				}
			}
		}
	}
	return "", fmt.Errorf("message %s has no button %s", ts, actionID)
}
