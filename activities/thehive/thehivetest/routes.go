package thehivetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

func (h *Hive) route(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/status", h.status)
	mux.HandleFunc("GET /api/v1/status/public", h.publicStatus)
	mux.HandleFunc("GET /api/v1/user/current", h.account)
	mux.HandleFunc("POST /api/v1/query", h.query)
	mux.HandleFunc("POST /api/v1/alert", h.createAlert)
	mux.HandleFunc("POST /api/v1/alert/{id}/case", h.promote)
	mux.HandleFunc("POST /api/v1/alert/{id}/merge/{case}", h.merge)
	mux.HandleFunc("POST /api/v1/alert/merge/_bulk", h.bulkMerge)
	mux.HandleFunc("POST /api/v1/case", h.createCase)
	mux.HandleFunc("PATCH /api/v1/case/{id}/page/{page}", h.updatePage)
	mux.HandleFunc("GET /api/v1/case/{id}/timeline", h.timeline)
	for path, kind := range map[string]string{"alert": "Alert", "case": "Case", "task": "Task"} {
		mux.HandleFunc("GET /api/v1/"+path+"/{id}", h.get(kind))
		mux.HandleFunc("PATCH /api/v1/"+path+"/{id}", h.update(kind))
		mux.HandleFunc("DELETE /api/v1/"+path+"/{id}", h.delete(kind))
	}
	mux.HandleFunc("POST /api/v1/alert/{id}/observable", h.createObservable("Alert"))
	mux.HandleFunc("POST /api/v1/case/{id}/observable", h.createObservable("Case"))
	mux.HandleFunc("POST /api/v1/case/{id}/comment", h.createPart("Case", "Comment", "message"))
	mux.HandleFunc("POST /api/v1/case/{id}/task", h.createPart("Case", "Task", "title"))
	mux.HandleFunc("POST /api/v1/case/{id}/page", h.createPart("Case", "Page", "title", "content", "category"))
	mux.HandleFunc("POST /api/v1/case/{id}/customEvent", h.createPart("Case", "CustomEvent", "title", "date"))
	mux.HandleFunc("POST /api/v1/task/{id}/log", h.createPart("Task", "Log", "message"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "NotFoundError", r.URL.Path+" not found")
	})
}

func (h *Hive) get(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if o := h.find(kind, r.PathValue("id")); o != nil {
			answer(w, http.StatusOK, h.show(o))
			return
		}
		missing(w, kind)
	}
}

func (h *Hive) delete(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o := h.find(kind, r.PathValue("id"))
		if o == nil {
			missing(w, kind)
			return
		}
		h.remove(o.text("_id"))
		w.WriteHeader(http.StatusNoContent)
	}
}

// show is an object as TheHive answers it: with what it derives.
func (h *Hive) show(o *object) map[string]any {
	shown := maps.Clone(o.data)
	for field, labels := range map[string][]string{"severity": severities, "tlp": tlps, "pap": paps} {
		if n, ok := shown[field].(int); ok && n >= 0 && n < len(labels) {
			shown[field+"Label"] = labels[n]
		}
	}
	if o.kind != "CustomEvent" {
		shown["extraData"] = map[string]any{}
	}
	if o.kind == "Alert" {
		shown["observableCount"] = len(h.below(o.text("_id"), "Observable"))
	}
	return shown
}

var (
	severities = []string{"", "LOW", "MEDIUM", "HIGH", "CRITICAL"}
	tlps       = []string{"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"}
	paps       = []string{"CLEAR", "GREEN", "AMBER", "RED"}
)

// createAlert makes an alert, once per type, source and sourceRef.
func (h *Hive) createAlert(w http.ResponseWriter, r *http.Request) {
	in, ok := body(w, r, "type", "source", "sourceRef", "title", "description")
	if !ok {
		return
	}
	name := fmt.Sprintf("%v;%v;%v", in["type"], in["source"], in["sourceRef"])
	if h.find("Alert", name) != nil {
		refuse(w, http.StatusBadRequest, "CreateError", "Alert "+strings.ReplaceAll(name, ";", ":")+" already exist in organisation sallyport")
		return
	}
	observables, _ := in["observables"].([]any)
	delete(in, "observables")
	rated(in)
	fill(in, map[string]any{"date": now(), "status": "New", "tags": []string{}, "follow": true, "newDate": now(), "timeToDetect": 0, "customFields": []any{}})
	in["stage"] = stageOf("Alert", in["status"].(string))
	made := h.add("Alert", "", in)
	for _, one := range observables {
		if fields, ok := one.(map[string]any); ok {
			h.observe(made.text("_id"), fields)
		}
	}
	answer(w, http.StatusCreated, h.show(made))
}

func (h *Hive) createCase(w http.ResponseWriter, r *http.Request) {
	if in, ok := body(w, r, "title", "description"); ok {
		answer(w, http.StatusCreated, h.show(h.newCase(in)))
	}
}

func (h *Hive) newCase(in map[string]any) *object {
	h.cases++
	rated(in)
	fill(in, map[string]any{
		"startDate": now(), "status": "New", "tags": []string{}, "flag": false, "newDate": now(), "timeToDetect": 0,
		"customFields": []any{}, "access": map[string]any{"_kind": "OrganisationAccessKind"}, "assignee": login,
	})
	in["number"], in["stage"] = h.cases, stageOf("Case", in["status"].(string))
	return h.add("Case", "", in)
}

// createPart makes what hangs on a case or a task.
func (h *Hive) createPart(above, kind string, required ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		parent := h.find(above, r.PathValue("id"))
		if parent == nil {
			missing(w, above)
			return
		}
		in, ok := body(w, r, required...)
		if !ok {
			return
		}
		fill(in, partDefaults(kind))
		answer(w, http.StatusCreated, h.show(h.add(kind, parent.text("_id"), in)))
	}
}

func partDefaults(kind string) map[string]any {
	switch kind {
	case "Comment":
		return map[string]any{"isEdited": false, "external": false}
	case "Task":
		return map[string]any{"group": "default", "status": "Waiting", "flag": false, "order": 0, "mandatory": false}
	case "Page":
		return map[string]any{"order": 0}
	case "Log":
		return map[string]any{"date": now(), "owner": login}
	}
	return nil
}

// update changes fields of an object; a status moves its stage.
func (h *Hive) update(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		o := h.find(kind, r.PathValue("id"))
		if o == nil {
			missing(w, kind)
			return
		}
		if in, ok := body(w, r); ok {
			change(o, in)
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

func (h *Hive) updatePage(w http.ResponseWriter, r *http.Request) {
	o := h.find("Page", r.PathValue("page"))
	if o == nil || o.parent != r.PathValue("id") {
		missing(w, "Page")
		return
	}
	if in, ok := body(w, r); ok {
		change(o, in)
		w.WriteHeader(http.StatusNoContent)
	}
}

func change(o *object, in map[string]any) {
	added, _ := in["addTags"].([]string)
	gone, _ := in["removeTags"].([]string)
	delete(in, "addTags")
	delete(in, "removeTags")
	maps.Copy(o.data, in)
	if len(added)+len(gone) > 0 {
		tags := slices.DeleteFunc(slices.Clone(o.tags()), func(t string) bool { return slices.Contains(gone, t) })
		o.data["tags"] = union(tags, added)
	}
	o.data["_updatedBy"], o.data["_updatedAt"] = login, now()
	status, _ := in["status"].(string)
	if status == "" || o.kind == "Task" {
		return
	}
	o.data["stage"] = stageOf(o.kind, status)
	if o.data["stage"] == "Closed" && o.kind == "Case" {
		o.data["endDate"], o.data["closedDate"] = now(), now()
	}
}

// stageOf is the stage of TheHive's own statuses.
func stageOf(kind, status string) string {
	switch {
	case status == "New" || status == "InProgress":
		return status
	case kind == "Alert" && status == "Imported":
		return "Imported"
	}
	return "Closed"
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, one := range b {
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// body decodes a request into fields: whole numbers are int, tag lists are []string. Missing required fields are 400.
func body(w http.ResponseWriter, r *http.Request, required ...string) (map[string]any, bool) {
	in := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "BadRequest", "Invalid JSON")
		return nil, false
	}
	for field, value := range in {
		switch v := value.(type) {
		case float64:
			in[field] = int(v)
		case nil:
			delete(in, field)
		case []any:
			if strings.HasSuffix(strings.ToLower(field), "tags") {
				in[field] = texts(v)
			}
		}
	}
	for _, field := range required {
		if in[field] == nil || in[field] == "" {
			refuse(w, http.StatusBadRequest, "BadRequest", "Attribute "+field+" is missing")
			return nil, false
		}
	}
	return in, true
}

func texts(values []any) []string {
	out := []string{}
	for _, v := range values {
		if text, ok := v.(string); ok {
			out = union(out, []string{text})
		}
	}
	return out
}

func rated(in map[string]any) { fill(in, map[string]any{"severity": 2, "tlp": 2, "pap": 2}) }

func fill(in, defaults map[string]any) {
	for field, value := range defaults {
		if _, given := in[field]; !given {
			in[field] = value
		}
	}
}
