package thehivetest

import (
	"net/http"
	"slices"
	"strings"
)

// promote makes a case of an alert, each time that it is asked.
func (h *Hive) promote(w http.ResponseWriter, r *http.Request) {
	alert := h.find("Alert", r.PathValue("id"))
	if alert == nil {
		missing(w, "Alert")
		return
	}
	in, ok := body(w, r)
	if !ok {
		return
	}
	answer(w, http.StatusCreated, h.show(h.caseOf(alert, in)))
}

// caseOf makes a case of an alert; what in does not say comes from the alert.
func (h *Hive) caseOf(alert *object, in map[string]any) *object {
	for _, field := range []string{"title", "description", "severity", "tlp", "pap", "tags"} {
		fill(in, map[string]any{field: alert.data[field]})
	}
	made := h.newCase(in)
	h.attach(alert, made)
	return made
}

// Promote makes a case of an alert as a request would whose answer nobody reads.
func (h *Hive) Promote(alert string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.caseOf(h.find("Alert", alert), map[string]any{})
}

func (h *Hive) merge(w http.ResponseWriter, r *http.Request) {
	alert, into := h.find("Alert", r.PathValue("id")), h.find("Case", r.PathValue("case"))
	if alert == nil || into == nil {
		missing(w, "Alert or case")
		return
	}
	h.attach(alert, into)
	answer(w, http.StatusOK, h.show(into))
}

func (h *Hive) bulkMerge(w http.ResponseWriter, r *http.Request) {
	in, ok := body(w, r, "caseId", "alertIds")
	if !ok {
		return
	}
	into := h.find("Case", in["caseId"].(string))
	ids, _ := in["alertIds"].([]any)
	if into == nil {
		missing(w, "Case")
		return
	}
	for _, id := range texts(ids) {
		alert := h.find("Alert", id)
		if alert == nil {
			missing(w, "Alert")
			return
		}
		h.attach(alert, into)
	}
	answer(w, http.StatusOK, h.show(into))
}

// attach makes the alert part of the case: the case gets its observables.
func (h *Hive) attach(alert, into *object) {
	alert.data["caseId"] = into.text("_id")
	change(alert, map[string]any{"status": "Imported", "importedDate": now()})
	for _, one := range h.below(alert.text("_id"), "Observable") {
		h.observe(into.text("_id"), map[string]any{"dataType": one.text("dataType"), "data": one.text("data"), "ioc": one.data["ioc"], "tags": one.tags()})
	}
}

// createObservable adds one observable per value; a value that is there already makes it 400, and what was new before
// it stays.
func (h *Hive) createObservable(above string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		parent := h.find(above, r.PathValue("id"))
		if parent == nil {
			missing(w, above)
			return
		}
		in, ok := body(w, r, "dataType", "data")
		if !ok {
			return
		}
		made := h.observe(parent.text("_id"), in)
		if len(made) == 0 {
			refuse(w, http.StatusBadRequest, "CreateError", "Observable already exists")
			return
		}
		shown := make([]map[string]any, len(made))
		for i, one := range made {
			shown[i] = h.show(one)
		}
		answer(w, http.StatusCreated, shown)
	}
}

// observe adds the values that the parent lacks.
func (h *Hive) observe(parent string, in map[string]any) (made []*object) {
	values := []string{}
	switch data := in["data"].(type) {
	case string:
		values = append(values, data)
	case []any:
		values = texts(data)
	}
	dataType, _ := in["dataType"].(string)
	for _, value := range values {
		known := func(o *object) bool { return o.text("dataType") == dataType && o.text("data") == value }
		if slices.ContainsFunc(h.below(parent, "Observable"), known) {
			continue
		}
		made = append(made, h.add("Observable", parent, observableFrom(in, dataType, value)))
	}
	return made
}

func observableFrom(in map[string]any, dataType, value string) map[string]any {
	tags, ok := in["tags"].([]string)
	if given, is := in["tags"].([]any); is {
		tags, ok = texts(given), true
	}
	if !ok {
		tags = []string{}
	}
	data := map[string]any{"dataType": dataType, "data": value, "tags": tags, "reports": map[string]any{}, "external": false}
	for field, standard := range map[string]any{"startDate": now(), "tlp": 2, "pap": 2, "ioc": false, "sighted": false, "ignoreSimilarity": false} {
		data[field] = standard
		if given, ok := in[field]; ok {
			data[field] = given
		}
	}
	for _, number := range []string{"tlp", "pap", "startDate"} {
		if n, ok := data[number].(float64); ok {
			data[number] = int(n)
		}
	}
	if message, ok := in["message"]; ok {
		data["message"] = message
	}
	return data
}

func (h *Hive) timeline(w http.ResponseWriter, r *http.Request) {
	of := h.find("Case", r.PathValue("id"))
	if of == nil {
		missing(w, "Case")
		return
	}
	events := []map[string]any{{"date": of.data["startDate"], "kind": "case", "entity": "Case", "entityId": of.text("_id"), "details": map[string]any{"title": of.text("title")}}}
	for _, o := range h.below(of.text("_id"), "CustomEvent") {
		events = append(events, map[string]any{"date": o.data["date"], "kind": "customEvent", "entity": "CustomEvent", "entityId": o.text("_id"), "details": map[string]any{"title": o.text("title")}})
	}
	answer(w, http.StatusOK, map[string]any{"events": events})
}

const version = "5.7.3-1"

func (h *Hive) status(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"version": version, "gitDescription": version, "connectors": map[string]any{}, "config": map[string]any{},
		"license": map[string]any{
			"id": "stand-in", "customer": "sallyport", "instance": "stand-in", "plan": "community", "kind": "community",
			"validFrom": 0, "expiresAt": 0, "capabilities": []string{}, "isValid": h.licensed, "quotas": map[string]any{},
		},
	})
}

func (h *Hive) publicStatus(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"sso": false, "version": version, "imports": map[string]any{"mitreCatalog": ""}})
}

func (h *Hive) account(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"_id": "~4096", "_createdBy": login, "_createdAt": now(), "login": login, "name": "Sallyport", "hasKey": true,
		"hasPassword": false, "hasMFA": false, "locked": false, "profile": "analyst", "organisation": "sallyport",
		"type": "Service", "extraData": map[string]any{},
		"permissions": strings.Fields("manageAlert/create manageAlert/import manageAlert/update manageCase/create manageCase/update manageObservable manageComment"),
	})
}
