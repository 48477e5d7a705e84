package wazuhtest

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func (m *Manager) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.allow() {
		problem(w, http.StatusTooManyRequests, "Too Many Requests", 6001)
		return
	}
	call := r.Method + " " + r.URL.Path
	if call == "POST /security/user/authenticate" {
		m.authenticate(w, r)
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if end, known := m.tokens[token]; !known || !end.After(m.now()) {
		problem(w, http.StatusUnauthorized, "Unauthorized", 0)
		return
	}
	if m.restarting {
		problem(w, http.StatusInternalServerError, "Wazuh Internal Error", 1017)
		return
	}
	m.route(w, r, call)
}

func (m *Manager) route(w http.ResponseWriter, r *http.Request, call string) {
	switch {
	case call == "GET /":
		answer(w, map[string]any{"data": map[string]any{"title": "Wazuh API REST", "api_version": m.version, "revision": "rc1", "license_name": "GPL 2.0", "license_url": "https://github.com/wazuh/wazuh/blob/v4.14.7/LICENSE", "hostname": "wazuh-manager", "timestamp": "2026-11-23T05:31:56Z"}, "error": 0})
	case call == "GET /security/users/me/policies":
		data := map[string]any{"rbac_mode": "white"}
		for action, resources := range m.rights {
			data[action] = resources
		}
		answer(w, map[string]any{"data": data, "message": "Current user processed policies information was returned", "error": 0})
	case call == "GET /agents":
		m.listAgents(w, r)
	case call == "PUT /active-response":
		m.activeResponse(w, r)
	case r.Method == http.MethodGet && portsPath.MatchString(r.URL.Path):
		m.listPorts(w, r, portsPath.FindStringSubmatch(r.URL.Path)[1])
	default:
		problem(w, http.StatusNotFound, "Not Found", 0)
	}
}

var portsPath = regexp.MustCompile(`^/syscollector/([0-9]{3,})/ports$`)

// allow counts the call against the window's limit.
func (m *Manager) allow() bool {
	if m.limit < 0 || !m.now().Before(m.window) {
		m.limit = -1
		return true
	}
	if m.limit == 0 {
		return false
	}
	m.limit--
	return true
}

func (m *Manager) authenticate(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	switch {
	case m.refused >= 50:
		problem(w, http.StatusForbidden, "Permission Denied", 6000)
	case user != User || password != Password:
		m.refused++
		problem(w, http.StatusUnauthorized, "Unauthorized", 0)
	case r.URL.Query().Get("raw") == "true":
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, m.newToken())
	default:
		answer(w, map[string]any{"data": map[string]any{"token": m.newToken()}, "error": 0})
	}
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// problem answers application/problem+json; number 0 is left out, as Wazuh does for 401 and schema errors.
func problem(w http.ResponseWriter, status int, title string, number int) {
	body := map[string]any{"title": title, "detail": title}
	if number != 0 {
		body["error"] = number
	}
	w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

type failure struct {
	Error struct {
		Code        int    `json:"code"`
		Message     string `json:"message"`
		Remediation string `json:"remediation"`
	} `json:"error"`
	ID []string `json:"id"`
}

func failed(code int, id string) (f failure) {
	f.Error.Code, f.Error.Message, f.Error.Remediation, f.ID = code, "as error "+strconv.Itoa(code)+" says", "none", []string{id}
	return f
}

// items answers the envelope of a list: error 0 all, 1 none, 2 some.
func items(w http.ResponseWriter, affected []any, total int, failures []failure, message string) {
	code := 0
	switch {
	case len(failures) > 0 && len(affected) == 0:
		code = 1
	case len(failures) > 0:
		code = 2
	}
	answer(w, map[string]any{
		"data":    map[string]any{"affected_items": append([]any{}, affected...), "total_affected_items": total, "total_failed_items": len(failures), "failed_items": append([]failure{}, failures...)},
		"message": message, "error": code,
	})
}

// known refuses what the vendor's description does not have, as the server does.
func known(w http.ResponseWriter, r *http.Request, names ...string) bool {
	for name := range r.URL.Query() {
		if !slices.Contains(names, name) {
			problem(w, http.StatusBadRequest, "Bad Request", 0)
			return false
		}
	}
	return true
}

// paged is the part of all that offset and limit ask for; nil after an answer of its own.
func paged(w http.ResponseWriter, r *http.Request, all []any) ([]any, bool) {
	limit, offset := 500, 0
	var err error
	for name, into := range map[string]*int{"limit": &limit, "offset": &offset} {
		if text := r.URL.Query().Get(name); text != "" && err == nil {
			*into, err = strconv.Atoi(text)
		}
	}
	if err != nil || limit < 1 || limit > 100_000 || offset < 0 {
		problem(w, http.StatusBadRequest, "Bad Request", 0)
		return nil, false
	}
	offset = min(offset, len(all))
	return all[offset:min(offset+limit, len(all))], true
}

func (m *Manager) listAgents(w http.ResponseWriter, r *http.Request) {
	if !known(w, r, "select", "offset", "limit", "ip", "name", "agents_list", "status") {
		return
	}
	all := []any{}
	if m.rights["agent:read"] != nil {
		manager := newAgent("000", "wazuh-manager", "127.0.0.1", m.now)
		for _, a := range append([]*Agent{manager}, m.agents...) {
			state := a.state()
			if q := r.URL.Query(); (!q.Has("ip") || q.Get("ip") == a.ip) && (!q.Has("name") || q.Get("name") == a.name) {
				all = append(all, chosen(state, q.Get("select")))
			}
		}
	}
	if some, ok := paged(w, r, all); ok {
		items(w, some, len(all), nil, "All selected agents information was returned")
	}
}

// chosen keeps the fields that select names, "os.name" among them.
func chosen(state map[string]any, names string) map[string]any {
	if names == "" {
		return state
	}
	some := map[string]any{"id": state["id"]}
	for name := range strings.SplitSeq(names, ",") {
		outer, inner, nested := strings.Cut(name, ".")
		value, there := state[outer]
		switch {
		case !there:
		case !nested:
			some[outer] = value
		default:
			if some[outer] == nil {
				some[outer] = map[string]any{}
			}
			some[outer].(map[string]any)[inner] = value.(map[string]any)[inner]
		}
	}
	return some
}

func (m *Manager) listPorts(w http.ResponseWriter, r *http.Request, id string) {
	if !known(w, r, "offset", "limit", "state", "protocol") {
		return
	}
	a := m.agent(id)
	if a == nil || m.rights["syscollector:read"] == nil {
		items(w, nil, 0, []failure{failed(1701, id)}, "No syscollector information was returned")
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.status == "never_connected" {
		problem(w, http.StatusBadRequest, "Bad Request", 2007)
		return
	}
	all := []any{}
	for _, socket := range a.sockets {
		if state := r.URL.Query().Get("state"); state == "" || state == socket["state"] {
			all = append(all, socket)
		}
	}
	if some, ok := paged(w, r, all); ok {
		items(w, some, len(all), nil, "All specified syscollector information was returned")
	}
}
