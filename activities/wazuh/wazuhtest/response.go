package wazuhtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// activeResponse sends a program's order to agents. Without agents_list it is every active one, as at the vendor's.
func (m *Manager) activeResponse(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Command   string         `json:"command"`
		Arguments []string       `json:"arguments"`
		Alert     map[string]any `json:"alert"`
	}
	body, _ := io.ReadAll(r.Body)
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&in) != nil || in.Command == "" || strings.ContainsAny(in.Command, "/") || strings.Contains(in.Command, "..") || !known(w, r, "agents_list") {
		problem(w, http.StatusBadRequest, "Bad Request", 0)
		return
	}
	if m.rights["active-response:command"] == nil {
		problem(w, http.StatusForbidden, "Permission Denied", 4000)
		return
	}
	ids := strings.Split(r.URL.Query().Get("agents_list"), ",")
	if !r.URL.Query().Has("agents_list") {
		ids = nil
		for _, a := range m.agents {
			ids = append(ids, a.id)
		}
	}
	program, direct := strings.CutPrefix(in.Command, "!")
	var affected []any
	var failures []failure
	for _, id := range ids {
		switch code := m.send(id, direct, line(program, in.Arguments, anyOf(in.Alert)), program); code {
		case sent:
			affected = append(affected, id)
		case nobody:
		case 3021:
			problem(w, http.StatusInternalServerError, "Wazuh Internal Error", 3021)
			return
		default:
			failures = append(failures, failed(code, id))
		}
	}
	items(w, affected, len(affected), failures, "AR command was sent to the agents that affected_items names")
}

func anyOf(alert map[string]any) any {
	if alert == nil {
		return nil
	}
	return alert
}

// What became of an order, beside Wazuh's error numbers.
const (
	sent   = 0
	nobody = -1
)

func (m *Manager) send(id string, direct bool, stdin []byte, program string) int {
	a := m.agent(id)
	switch {
	case id == "000":
		return nobody
	case a == nil:
		return 1701
	case !direct:
		return 1652 // the stand-in's ar.conf names no command
	}
	a.mu.Lock()
	status, execd, off, cut := a.status, a.execd, a.off, a.cut
	if cut {
		a.queue = append(a.queue, stdin)
	}
	a.mu.Unlock()
	switch {
	case status != "active":
		return 1707
	case cut:
		return 3021
	case !execd:
		return 1116
	case off:
		return 1750
	}
	if program == "sallyport-response" { // a program that the agent does not have is no error
		m.run(a, stdin)
	}
	return sent
}

func (m *Manager) run(a *Agent, stdin []byte) {
	if logged := a.execute(stdin); logged != nil && m.sink != nil {
		m.serial++
		m.sink(a.alert(logged, m.now(), m.serial))
	}
}

// Reconnect brings an agent that was Cut back: what was asked meanwhile runs now.
func (m *Manager) Reconnect(a *Agent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a.mu.Lock()
	queue := a.queue
	a.queue, a.cut = nil, false
	a.mu.Unlock()
	for _, stdin := range queue {
		m.run(a, stdin)
	}
}
