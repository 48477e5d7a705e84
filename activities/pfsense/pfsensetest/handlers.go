package pfsensetest

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// handle answers one call: status, the vendor's response id, data. It runs with the lock held.
type handle func(r *http.Request) (int, string, any)

func (f *Firewall) routes() map[string]handle {
	return map[string]handle{
		"GET /api/v2/firewall/aliases":   f.listAliases,
		"PATCH /api/v2/firewall/alias":   f.patchAlias,
		"GET /api/v2/firewall/apply":     f.showApply,
		"POST /api/v2/firewall/apply":    f.apply,
		"GET /api/v2/diagnostics/table":  f.showTable,
		"GET /api/v2/firewall/states":    f.listStates,
		"DELETE /api/v2/firewall/states": f.killStates,
		"GET /api/v2/system/version": func(*http.Request) (int, string, any) {
			return http.StatusOK, "SUCCESS", map[string]string{"version": "2.8.1-RELEASE", "base": "2.8", "patch": "1", "buildtime": "20250915-1729"}
		},
	}
}

// guard checks key and privilege before the call, and wraps its answer.
func (f *Firewall) guard(routes map[string]handle) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		call := r.Method + " " + r.URL.Path
		do, known := routes[call]
		switch {
		case !known:
			answer(w, http.StatusNotFound, "ENDPOINT_NOT_FOUND", nil)
		case r.Header.Get("X-API-Key") != Key:
			f.logins++
			answer(w, http.StatusUnauthorized, "AUTH_AUTHENTICATION_FAILED", nil)
		case slices.Contains(f.denied, call):
			answer(w, http.StatusForbidden, "AUTH_AUTHORIZATION_FAILED", nil)
		case f.locked && r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/states"):
			answer(w, http.StatusServiceUnavailable, "MODEL_WRITE_CONFIG_LOCKED", nil)
		default:
			status, id, data := do(r)
			answer(w, status, id, data)
		}
	}
}

// answer wraps data in the envelope that every answer has.
func answer(w http.ResponseWriter, code int, id string, data any) {
	if data == nil {
		data = []any{}
	}
	status := "ok"
	if code/100 != 2 {
		status = strings.ToLower(http.StatusText(code))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "status": status, "response_id": id, "message": "", "data": data})
}

func (f *Firewall) listAliases(r *http.Request) (int, string, any) {
	found := []alias{}
	for _, a := range f.aliases {
		if name := r.URL.Query().Get("name"); name == "" || name == a.Name {
			found = append(found, a)
		}
	}
	return http.StatusOK, "SUCCESS", found
}

func (f *Firewall) patchAlias(r *http.Request) (int, string, any) {
	var in struct {
		ID      *int     `json:"id"`
		Address []string `json:"address"`
		Detail  []string `json:"detail"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.ID == nil {
		return http.StatusBadRequest, "MODEL_REQUIRES_ID", nil
	}
	if *in.ID < 0 || *in.ID >= len(f.aliases) {
		return http.StatusNotFound, "MODEL_OBJECT_NOT_FOUND", nil
	}
	changed := &f.aliases[*in.ID]
	for _, address := range in.Address {
		if _, err := netip.ParseAddr(address); err != nil && changed.Type == "host" && !strings.Contains(address, ".") {
			return http.StatusBadRequest, "INVALID_HOST_ALIAS_ADDRESS", nil
		}
	}
	if len(in.Detail) > len(in.Address) {
		return http.StatusBadRequest, "TOO_MANY_ALIAS_DETAILS", nil
	}
	changed.Address, changed.Detail = in.Address, in.Detail
	f.dirty("aliases")
	return http.StatusOK, "SUCCESS", *changed
}

func (f *Firewall) showApply(*http.Request) (int, string, any) {
	if f.lag > 0 {
		if f.lag--; f.lag == 0 {
			f.applyNow()
		}
	}
	return http.StatusOK, "SUCCESS", f.applyState()
}

func (f *Firewall) applyState() map[string]any {
	return map[string]any{"applied": len(f.pending) == 0, "pending_subsystems": append([]string{}, f.pending...)}
}

func (f *Firewall) apply(*http.Request) (int, string, any) {
	f.applies++
	if f.applyLag > 0 {
		f.lag = f.applyLag
	} else {
		f.applyNow()
	}
	return http.StatusOK, "SUCCESS", f.applyState()
}

func (f *Firewall) showTable(r *http.Request) (int, string, any) {
	if name := r.URL.Query().Get("id"); name != Alias || f.table == nil {
		return http.StatusNotFound, "MODEL_OBJECT_NOT_FOUND", nil
	}
	return http.StatusOK, "SUCCESS", map[string]any{"id": Alias, "entries": append([]string{}, f.table...)}
}

type state struct {
	ID          int    `json:"id"`
	Interface   string `json:"interface"`
	Protocol    string `json:"protocol"`
	Direction   string `json:"direction"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	State       string `json:"state"`
	Age         string `json:"age"`
	Expires     string `json:"expires_in"`
}

func (f *Firewall) listStates(r *http.Request) (int, string, any) {
	found, id := f.query(r)
	if id != "" {
		return http.StatusBadRequest, id, nil
	}
	return http.StatusOK, "SUCCESS", found
}

// killStates kills by pairs of addresses, cut at the first colon as the vendor's handler does.
func (f *Firewall) killStates(r *http.Request) (int, string, any) {
	if r.URL.Query().Get("source__regex") == "" && r.URL.Query().Get("destination__regex") == "" {
		return http.StatusBadRequest, "ENDPOINT_DELETE_MANY_REQUIRES_QUERY_PARAMS", nil
	}
	found, id := f.query(r)
	if id != "" {
		return http.StatusBadRequest, id, nil
	}
	for _, s := range found {
		f.states = slices.DeleteFunc(f.states, func(other state) bool {
			return host(other.Source) == host(s.Source) && host(other.Destination) == host(s.Destination)
		})
	}
	return http.StatusOK, "SUCCESS", found
}

func host(address string) string {
	before, _, _ := strings.Cut(address, ":")
	return before
}

// query returns the states that match, at most limit; or the id of what is wrong with the question.
func (f *Firewall) query(r *http.Request) (found []state, wrong string) {
	limit, patterns := 100, map[string]*regexp.Regexp{}
	for name, values := range r.URL.Query() {
		var err error
		switch name {
		case "limit":
			limit, err = strconv.Atoi(values[0])
		case "source__regex", "destination__regex":
			patterns[name], err = regexp.Compile(values[0])
		default:
			return nil, "QUERY_FIELD_UNKNOWN"
		}
		if err != nil {
			return nil, "QUERY_VALUE_INVALID"
		}
	}
	found = []state{}
	for i, s := range f.states {
		if len(found) == limit {
			break
		}
		source, destination := patterns["source__regex"], patterns["destination__regex"]
		if (source == nil || source.MatchString(s.Source)) && (destination == nil || destination.MatchString(s.Destination)) {
			s.ID = i
			found = append(found, s)
		}
	}
	return found, ""
}
