package cortextest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (c *Cortex) route(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"versions": map[string]string{"Cortex": "4.1.0-1", "Elastic4Play": "1.13.6", "Play": "2.8.21"},
			"config":   map[string]any{"protectDownloadsWith": "malware", "authType": []string{"local"}, "capabilities": []string{"authByKey"}},
		})
	})
	for _, kind := range []string{"analyzer", "responder"} {
		mux.HandleFunc("GET /api/"+kind, c.workersOf(kind))
		mux.HandleFunc("POST /api/"+kind+"/_search", c.workersOf(kind))
		mux.HandleFunc("GET /api/"+kind+"/type/{type}", c.forType(kind))
		mux.HandleFunc("POST /api/"+kind+"/{id}/run", c.run(kind))
		mux.HandleFunc("GET /api/"+kind+"/{id}", func(w http.ResponseWriter, r *http.Request) {
			if found := c.worker(kind, r.PathValue("id")); found != nil {
				answer(w, http.StatusOK, found.shown())
				return
			}
			missing(w, kind)
		})
	}
	mux.HandleFunc("POST /api/job/_search", c.search)
	mux.HandleFunc("POST /api/job/status", c.statuses)
	mux.HandleFunc("GET /api/job/{id}/waitreport", c.waitReport)
	mux.HandleFunc("GET /api/job/{id}", c.withJob(func(w http.ResponseWriter, j *job) { answer(w, http.StatusOK, j.shown()) }))
	mux.HandleFunc("GET /api/job/{id}/report", c.withJob(func(w http.ResponseWriter, j *job) { answer(w, http.StatusOK, j.reported()) }))
	mux.HandleFunc("GET /api/job/{id}/artifacts", c.withJob(func(w http.ResponseWriter, _ *job) { answer(w, http.StatusOK, []any{}) }))
	mux.HandleFunc("DELETE /api/job/{id}", c.withJob(func(w http.ResponseWriter, j *job) {
		c.mu.Lock()
		defer c.mu.Unlock()
		j.deleted = true
		w.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { missing(w, r.URL.Path) })
}

func (c *Cortex) withJob(do func(http.ResponseWriter, *job)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		j := c.job(r.PathValue("id"))
		if j == nil {
			missing(w, "job")
			return
		}
		do(w, j)
	}
}

func (c *Cortex) forType(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found := []map[string]any{}
		for _, one := range c.workers {
			if one.kind == kind && slices.Contains(one.dataTypes, r.PathValue("type")) {
				found = append(found, one.shown())
			}
		}
		answer(w, http.StatusOK, found)
	}
}

func (c *Cortex) workersOf(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var items []map[string]any
		for _, one := range c.workers {
			if one.kind == kind {
				items = append(items, one.shown())
			}
		}
		found(w, r, items)
	}
}

func (c *Cortex) search(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var items []map[string]any
	for _, j := range c.jobs {
		if !j.deleted { // only marked, but no longer listed
			items = append(items, j.shown())
		}
	}
	found(w, r, items)
}

// statuses says how jobs stand, by id.
func (c *Cortex) statuses(w http.ResponseWriter, r *http.Request) {
	var in struct{ JobIDs []string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "BadRequest", "Invalid JSON")
		return
	}
	out := map[string]string{}
	for _, id := range in.JobIDs {
		out[id] = "NotFound"
		if j := c.job(id); j != nil {
			out[id] = j.status()
		}
	}
	answer(w, http.StatusOK, out)
}

// found answers what matches the request's query, sorted and cut as it asks.
func found(w http.ResponseWriter, r *http.Request, items []map[string]any) {
	var in struct{ Query map[string]any }
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			refuse(w, http.StatusBadRequest, "BadRequest", "Invalid JSON")
			return
		}
	}
	items = slices.DeleteFunc(items, func(item map[string]any) bool { return !matches(item, in.Query) })
	if field, descending := strings.CutPrefix(r.URL.Query().Get("sort"), "-"); field != "" {
		slices.SortStableFunc(items, func(a, b map[string]any) int {
			x, _ := a[field].(int64)
			y, _ := b[field].(int64)
			if descending {
				x, y = y, x
			}
			return int(x - y)
		})
	}
	w.Header().Set("X-Total", strconv.Itoa(len(items)))
	from, to := bounds(r.URL.Query().Get("range"), len(items))
	answer(w, http.StatusOK, append([]map[string]any{}, items[from:to]...))
}

// bounds reads "0-10" (the default) and "all".
func bounds(text string, n int) (from, to int) {
	if text == "all" {
		return 0, n
	}
	first, last, ok := strings.Cut(text, "-")
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if !ok || err1 != nil || err2 != nil {
		from, to = 0, 10
	}
	from = min(max(from, 0), n)
	return from, max(min(to, n), from)
}

// matches evaluates Cortex's query: {} is all, {"_field","_value"} is equality.
func matches(item, query map[string]any) bool {
	if field, ok := query["_field"].(string); ok {
		return item[field] == query["_value"]
	}
	for operator, operand := range query {
		switch operator {
		case "_and":
			list, _ := operand.([]any)
			for _, one := range list {
				if inner, _ := one.(map[string]any); !matches(item, inner) {
					return false
				}
			}
		case "_in":
			on, _ := operand.(map[string]any)
			values, _ := on["_values"].([]any)
			field, _ := on["_field"].(string)
			if !slices.Contains(values, item[field]) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
