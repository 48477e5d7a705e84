// Package wazuhtest is a Wazuh 4 server API with agents, small enough for a test and for the lab. Its agents run the real
// logic of sallyport-response on a packet filter in memory, and what they log becomes an alert as the manager would
// write it. It answers as a recorded 4.14.7 does.
package wazuhtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
)

// The API user that a new stand-in has.
const (
	User     = "sallyport"
	Password = "a-password-of-the-lab"
)

// Manager is the stand-in: an http.Handler that keeps state.
type Manager struct {
	// Faults are what it does wrong for the moment.
	Faults resttest.Faults

	handler http.Handler
	sink    func(alert json.RawMessage)

	mu         sync.Mutex
	now        func() time.Time
	version    string
	agents     []*Agent
	tokens     map[string]time.Time // token -> end
	life       time.Duration
	logins     int
	refused    int
	restarting bool
	limit      int // calls left in this window; -1: no limit
	window     time.Time
	rights     map[string]map[string]string
	serial     int
}

// New returns a stand-in without agents. Each alert that its agents cause goes to sink, as a document for the indexer.
func New(sink func(alert json.RawMessage)) *Manager {
	m := &Manager{
		sink: sink, now: time.Now, version: "4.14.7", tokens: map[string]time.Time{}, life: 15 * time.Minute, limit: -1,
		rights: map[string]map[string]string{
			"agent:read": {"agent:id:*": "allow", "group:id:*": "allow"}, "syscollector:read": {"agent:id:*": "allow"},
			"active-response:command": {"agent:group:default": "allow"},
		},
	}
	m.handler = m.Faults.Wrap(http.HandlerFunc(m.serve))
	return m
}

// ServeHTTP implements http.Handler.
func (m *Manager) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// Server is the stand-in on a port of its own.
type Server struct {
	*Manager
	URL string
	// CA is the file of the certificate that signs the server's, for a TLS one.
	CA string
}

// NewServer starts a stand-in that stops with the test.
func NewServer(tb testing.TB, sink func(alert json.RawMessage)) *Server {
	tb.Helper()
	m := New(sink)
	server := httptest.NewServer(m)
	tb.Cleanup(server.Close)
	return &Server{Manager: m, URL: server.URL}
}

// NewTLSServer starts one with a self-signed certificate, as a fresh Wazuh has it.
func NewTLSServer(tb testing.TB, sink func(alert json.RawMessage)) *Server {
	tb.Helper()
	m := New(sink)
	server := httptest.NewTLSServer(m)
	tb.Cleanup(server.Close)
	ca := filepath.Join(tb.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return &Server{Manager: m, URL: server.URL, CA: ca}
}

// SetClock replaces the clock of tokens, limits, agents' filters and alerts.
func (m *Manager) SetClock(now func() time.Time) { m.mu.Lock(); m.now = now; m.mu.Unlock() }

// SetVersion makes the API another version.
func (m *Manager) SetVersion(version string) { m.mu.Lock(); m.version = version; m.mu.Unlock() }

// SetTokenLife sets how long a new token is good.
func (m *Manager) SetTokenLife(life time.Duration) { m.mu.Lock(); m.life = life; m.mu.Unlock() }

// RevokeTokens makes every token void, as another worker's logout or a change of roles does.
func (m *Manager) RevokeTokens() { m.mu.Lock(); clear(m.tokens); m.mu.Unlock() }

// SetRestarting makes every call answer 500 with error 1017, as while the manager's daemons start.
func (m *Manager) SetRestarting(yes bool) { m.mu.Lock(); m.restarting = yes; m.mu.Unlock() }

// Limit lets so many calls through in each window; the rest gets 429.
func (m *Manager) Limit(calls int, window time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit, m.window = calls, m.now().Add(window)
}

// Deny takes a right from the API user: "active-response:command".
func (m *Manager) Deny(action string) { m.mu.Lock(); delete(m.rights, action); m.mu.Unlock() }

// Logins counts tokens that were given, and logins that were refused.
func (m *Manager) Logins() (given, refused int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.logins, m.refused
}

// newToken is a token with the claims that matter; its signature is a random text that the stand-in remembers.
func (m *Manager) newToken() string {
	end := m.now().Add(m.life)
	claims, _ := json.Marshal(map[string]any{"iss": "wazuh", "aud": "Wazuh API REST", "nbf": m.now().Unix(), "exp": end.Unix(), "sub": User, "run_as": false, "rbac_roles": []int{100}, "rbac_mode": "white"})
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES512","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims) + "." + rand.Text()
	m.tokens[token] = end
	m.logins++
	return token
}

// AddAgent enrols a Linux agent that has our program, active and with an empty packet filter.
func (m *Manager) AddAgent(id, name, ip string) *Agent {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := newAgent(id, name, ip, func() time.Time { return m.now() })
	m.agents = append(m.agents, a)
	return a
}

// Agent returns the agent with that id; nil if there is none.
func (m *Manager) Agent(id string) *Agent {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.agent(id)
}

func (m *Manager) agent(id string) *Agent {
	at := slices.IndexFunc(m.agents, func(a *Agent) bool { return a.id == id })
	if at < 0 {
		return nil
	}
	return m.agents[at]
}

// Templates are index templates for an indexer that knows nothing of Wazuh: fields that are searched and sorted get the
// types that Wazuh's own templates give them.
func Templates() map[string]json.RawMessage {
	keyword, date := map[string]any{"type": "keyword"}, map[string]any{"type": "date"}
	fields := func(properties map[string]any) map[string]any { return map[string]any{"properties": properties} }
	template := func(pattern string, properties map[string]any) json.RawMessage {
		text, _ := json.Marshal(map[string]any{
			"index_patterns": []string{pattern},
			"template":       map[string]any{"mappings": fields(properties)},
		})
		return text
	}
	agent := fields(map[string]any{"id": keyword, "name": keyword, "ip": keyword})
	windows := fields(map[string]any{ // Wazuh's own template makes every string a keyword
		"system":    fields(map[string]any{"eventID": keyword, "channel": keyword}),
		"eventdata": fields(map[string]any{"parentImage": keyword, "image": keyword}),
	})
	return map[string]json.RawMessage{
		"wazuh-alerts": template("wazuh-alerts-4.x-*", map[string]any{
			"@timestamp": date, "timestamp": date, "id": keyword, "agent": agent, "decoder": fields(map[string]any{"name": keyword}),
			"rule": fields(map[string]any{"id": keyword, "groups": keyword, "level": map[string]any{"type": "long"}}),
			"data": fields(map[string]any{
				"srcip": keyword, "srcuser": keyword, "dstuser": keyword, "win": windows,
				"sallyport": fields(map[string]any{"nonce": keyword, "action": keyword, "verb": keyword, "target": keyword}),
			}),
		}),
		"wazuh-states-vulnerabilities": template("wazuh-states-vulnerabilities-*", map[string]any{
			"agent": agent, "package": fields(map[string]any{"name": keyword, "version": keyword}),
			"vulnerability": fields(map[string]any{
				"id": keyword, "severity": keyword, "detected_at": date, "score": fields(map[string]any{"base": map[string]any{"type": "float"}}),
			}),
		}),
	}
}

// Vulnerability is a document of wazuh-states-vulnerabilities-*: one open CVE of one package of one agent.
func Vulnerability(agentID, agentName, cve, severity string, score float64, name, version string) json.RawMessage {
	text, _ := json.Marshal(map[string]any{
		"agent":   map[string]any{"id": agentID, "name": agentName, "type": "Wazuh", "version": "v4.14.7"},
		"host":    map[string]any{"os": map[string]any{"full": "Debian GNU/Linux 12", "name": "Debian", "platform": "debian", "type": "debian", "version": "12"}},
		"package": map[string]any{"architecture": "amd64", "name": name, "type": "deb", "version": version},
		"vulnerability": map[string]any{
			"category": "Packages", "enumeration": "CVE", "id": cve, "severity": severity, "under_evaluation": false,
			"score": map[string]any{"base": score, "version": "3.1"}, "scanner": map[string]any{"source": "National Vulnerability Database", "vendor": "Wazuh"},
		},
		"wazuh": map[string]any{"cluster": map[string]any{"name": "lab"}, "schema": map[string]any{"version": "1.0.0"}},
	})
	return text
}

// String names the stand-in in a lab's log.
func (m *Manager) String() string { return fmt.Sprintf("Wazuh %s stand-in", m.version) }
