package slacktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/websocket"
)

// ackWithin is how long Slack waits for an acknowledgement; then the person sees that it did not work.
const ackWithin = 3 * time.Second

// click is a press on its way.
type click struct {
	envelope string
	payload  map[string]any
	acked    chan struct{}
}

// upgrader takes any origin: clients say that they are api.slack.com.
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
	at := slices.IndexFunc(s.clicks, func(c *click) bool { return c.envelope == envelope })
	if at < 0 || s.deaf {
		return
	}
	close(s.clicks[at].acked)
	s.clicks = slices.Delete(s.clicks, at, at+1)
}

// LoseAcks makes acknowledgements get lost, as when the connection ends just before one arrives.
func (s *Server) LoseAcks(lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = lost
}

// Connected reports whether a client listens by Socket Mode.
func (s *Server) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets) > 0
}

// CutSockets ends every connection, as Slack does now and then.
func (s *Server) CutSockets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.sockets {
		_ = conn.Close()
	}
}

// SetClock makes Slack's clock another one than ours.
func (s *Server) SetClock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// Press lets a user press the button with that action id on a message, and reports whether the press was acknowledged
// within Slack's three seconds.
func (s *Server) Press(user, ts, actionID string) (acknowledged bool, err error) {
	value, err := s.Value(ts, actionID)
	if err != nil {
		return false, err
	}
	return s.PressValue(user, ts, actionID, value)
}

// PressValue presses a button whose value somebody made up, or kept from an older card.
func (s *Server) PressValue(user, ts, actionID, value string) (acknowledged bool, err error) {
	return s.PressAs(Team, user, ts, actionID, value)
}

// PressAs is PressValue by a user of any workspace.
func (s *Server) PressAs(team, user, ts, actionID, value string) (acknowledged bool, err error) {
	s.mu.Lock()
	now := fmt.Sprintf("%.6f", float64(s.now().UnixMicro())/1e6)
	s.count++
	c := &click{envelope: fmt.Sprintf("E%d", s.count), acked: make(chan struct{}), payload: map[string]any{
		"type": "block_actions", "user": map[string]any{"id": user, "team_id": team}, "api_app_id": "A0SALLYPORT",
		"container": map[string]any{"type": "message", "message_ts": ts, "channel_id": Channel},
		"team":      map[string]any{"id": Team}, "channel": map[string]any{"id": Channel}, "message": map[string]any{"ts": ts},
		"trigger_id": "tr", "actions": []map[string]any{{"action_id": actionID, "block_id": "sallyport_decide", "value": value, "type": "button", "action_ts": now}},
	}}
	s.clicks = append(s.clicks, c)
	err = s.deliver(c)
	s.mu.Unlock()
	if err != nil {
		return false, err
	}
	return c.wait(), nil
}

// Redeliver sends every click that was not acknowledged again, to whoever listens now, and reports whether each was
// acknowledged.
func (s *Server) Redeliver() (acknowledged bool, err error) {
	s.mu.Lock()
	again := slices.Clone(s.clicks)
	for _, c := range again {
		if err = s.deliver(c); err != nil {
			break
		}
	}
	s.mu.Unlock()
	acknowledged = len(again) > 0
	for _, c := range again {
		acknowledged = err == nil && c.wait() && acknowledged
	}
	return acknowledged, err
}

// deliver sends a click to one of those who listen: to the newest.
func (s *Server) deliver(c *click) error {
	if len(s.sockets) == 0 {
		return fmt.Errorf("nobody listens")
	}
	return s.sockets[len(s.sockets)-1].WriteJSON(map[string]any{
		"type": "interactive", "envelope_id": c.envelope, "accepts_response_payload": false, "payload": c.payload,
	})
}

func (c *click) wait() bool {
	select {
	case <-c.acked:
		return true
	case <-time.After(ackWithin):
		return false
	}
}

// Value is what the button with that action id on a message carries.
func (s *Server) Value(ts, actionID string) (string, error) {
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
