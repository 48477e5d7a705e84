package misptest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

func (m *MISP) route(mux *http.ServeMux) {
	mux.HandleFunc("GET /servers/getVersion", version)
	mux.HandleFunc("GET /servers/getVersion.json", version)
	mux.HandleFunc("GET /servers/getPyMISPVersion.json", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"version": "2.5.1"})
	})
	mux.HandleFunc("GET /users/view/me", me)
	mux.HandleFunc("GET /attributes/describeTypes.json", describeTypes)
	mux.HandleFunc("POST /events/add", m.addEvent)
	mux.HandleFunc("GET /events/view/{id}", m.viewEvent)
	mux.HandleFunc("POST /events/publish/{id}", m.publish)
	mux.HandleFunc("POST /events/delete/{id}", m.deleteEvent)
	mux.HandleFunc("POST /events/index", m.index)
	mux.HandleFunc("POST /events/restSearch", m.searchEvents)
	mux.HandleFunc("POST /attributes/add/{id}", m.addAttribute)
	mux.HandleFunc("GET /attributes/view/{id}", m.viewAttribute)
	mux.HandleFunc("POST /attributes/edit/{id}", m.editAttribute)
	mux.HandleFunc("POST /attributes/delete/{id}", m.deleteAttribute)
	mux.HandleFunc("POST /attributes/restSearch", m.searchAttributes)
	mux.HandleFunc("POST /tags/attachTagToObject", m.attachTag)
	mux.HandleFunc("GET /taxonomies/index", taxonomies)
	mux.HandleFunc("POST /sightings/add", m.addSighting)
	mux.HandleFunc("POST /sightings/add/{id}", m.addSighting)
	mux.HandleFunc("POST /sightings/listSightings", m.listSightings)
	mux.HandleFunc("POST /warninglists/checkValue", m.checkValue)
	mux.HandleFunc("GET /warninglists/index", m.warninglists)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { refuse(w, r, http.StatusNotFound, "Not Found") })
}

func version(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"version": "2.5.1", "pymisp_recommended_version": "2.5.1", "perm_sync": false, "perm_sighting": true, "perm_galaxy_editor": false,
		"perm_analyst_data": false, "uuid": "-", "request_encoding": []string{"gzip"}, "filter_sightings": true,
	})
}

func me(w http.ResponseWriter, _ *http.Request) {
	role := map[string]any{"id": "7", "name": "sallyport", "enforce_rate_limit": false, "rate_limit_count": "0", "permission": "3", "permission_description": "publish"}
	for _, right := range []string{"add", "modify", "modify_org", "publish", "auth", "tagger", "tag_editor", "sighting"} {
		role["perm_"+right] = true
	}
	for _, right := range []string{"sync", "admin", "audit", "site_admin", "warninglist", "galaxy_editor"} {
		role["perm_"+right] = false
	}
	answer(w, http.StatusOK, map[string]any{
		"User":        map[string]any{"id": "2", "org_id": "2", "email": "sallyport@example.org", "role_id": "7", "disabled": false, "password": "*****", "change_pw": false},
		"Role":        role,
		"UserSetting": []any{}, "Organisation": shownOrg(Org),
	})
}

// describeTypes is what PyMISP reads of the types on connecting.
func describeTypes(w http.ResponseWriter, _ *http.Request) {
	types, categories := []string{}, []string{}
	defaults, mappings := map[string]any{}, map[string][]string{}
	for name, kind := range kinds {
		types = append(types, name)
		toIDs := 0
		if kind.toIDs {
			toIDs = 1
		}
		defaults[name] = map[string]any{"default_category": kind.category, "to_ids": toIDs}
		if !slices.Contains(categories, kind.category) {
			categories = append(categories, kind.category)
		}
		mappings[kind.category] = append(mappings[kind.category], name)
	}
	slices.Sort(types)
	answer(w, http.StatusOK, map[string]any{"result": map[string]any{"sane_defaults": defaults, "types": types, "categories": categories, "category_type_mappings": mappings}})
}

func taxonomies(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, []map[string]any{{
		"Taxonomy":    map[string]any{"id": "1", "namespace": "tlp", "description": "The Traffic Light Protocol", "version": "10", "enabled": true, "exclusive": true, "required": false, "highlighted": false},
		"total_count": 7, "current_count": 1,
	}})
}

func (m *MISP) shownTags(names []string) []map[string]any {
	shown := []map[string]any{}
	for _, name := range names {
		shown = append(shown, map[string]any{"id": text(slices.Index(m.tags, name) + 1), "name": name, "colour": "#b1eacd", "numerical_value": nil, "is_galaxy": false, "local": false})
	}
	return shown
}

// attachTag puts a tag on an event or an attribute; a new name makes a new tag.
func (m *MISP) attachTag(w http.ResponseWriter, r *http.Request) {
	var in struct{ UUID, Tag string }
	if !read(w, r, &in) {
		return
	}
	e, a := m.event(in.UUID), m.attribute(in.UUID)
	var tags *[]string
	var what string
	switch {
	case in.Tag == "":
		refuse(w, r, http.StatusMethodNotAllowed, "Invalid tag")
		return
	case e != nil:
		tags, what = &e.tags, "Event"
	case a != nil:
		tags, what = &a.tags, "Attribute"
		e = a.event
	default:
		refuse(w, r, http.StatusNotFound, "Invalid Target.")
		return
	}
	if slices.Contains(*tags, in.Tag) {
		done(w, r, what+" already has the requested tag attached, no changes had to be made for tag "+in.Tag+".")
		return
	}
	if !slices.Contains(m.tags, in.Tag) {
		m.tags = append(m.tags, in.Tag)
	}
	*tags = append(*tags, in.Tag)
	e.touch()
	done(w, r, "Global tag "+in.Tag+" successfully attached to "+what+".")
}

type sighting struct {
	id           int
	of           *attribute
	kind, source string
	uuid         string
	at           int64
}

func (s *sighting) shown() map[string]any {
	return map[string]any{
		"id": text(s.id), "attribute_id": text(s.of.id), "event_id": text(s.of.event.id), "org_id": "2",
		"date_sighting": strconv.FormatInt(s.at, 10), "uuid": s.uuid, "source": s.source, "type": s.kind,
	}
}

// addSighting answers 200 to a failure, too.
func (m *MISP) addSighting(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID     *flexible
		Values anyTexts
		Type   string
		Source string
	}
	if !read(w, r, &in) {
		return
	}
	no := func(reason string) {
		answer(w, http.StatusOK, map[string]string{"message": "Could not add the Sighting. Reason: " + reason})
	}
	if !slices.Contains([]string{"", "0", "1", "2"}, in.Type) {
		no("Invalid type, please change it before you POST 1000000 sightings.")
		return
	}
	var last *sighting
	for _, a := range m.attributes {
		named := a.uuid == r.PathValue("id") || text(a.id) == r.PathValue("id") || (in.ID != nil && a.id == in.ID.or(0)) || slices.Contains(in.Values, a.value)
		if named && !a.deleted {
			last = &sighting{id: m.id(), of: a, kind: in.Type, source: in.Source, uuid: newUUID(), at: time.Now().Unix()}
			m.sightings = append(m.sightings, last)
		}
	}
	if last == nil {
		no("No valid attributes found that match the criteria.")
		return
	}
	answer(w, http.StatusOK, map[string]any{"Sighting": last.shown()})
}

func (m *MISP) listSightings(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Context string
		ID      any
	}
	if !read(w, r, &in) {
		return
	}
	id := (filters{"id": in.ID}).texts("id")
	if len(id) == 0 || (m.event(id[0]) == nil && m.attribute(id[0]) == nil) {
		refuse(w, r, http.StatusMethodNotAllowed, "Invalid object.")
		return
	}
	found := []map[string]any{}
	for _, s := range slices.Backward(m.sightings) {
		if (in.Context == "event" && text(s.of.event.id) == id[0]) || (in.Context == "attribute" && text(s.of.id) == id[0]) {
			found = append(found, map[string]any{"Sighting": s.shown(), "Organisation": map[string]string{"name": Org}})
		}
	}
	answer(w, http.StatusOK, found)
}

// checkValue answers [] when no list names a value: an empty PHP array.
func (m *MISP) checkValue(w http.ResponseWriter, r *http.Request) {
	var in json.RawMessage
	if !read(w, r, &in) {
		return
	}
	var values anyTexts
	if len(in) == 0 || json.Unmarshal(in, &values) != nil || len(values) == 0 {
		refuse(w, r, http.StatusNotFound, "No valid data received.")
		return
	}
	found := map[string][]map[string]string{}
	for _, value := range values {
		for _, hit := range m.hits(value) {
			found[value] = append(found[value], map[string]string{"id": hit.list.id, "name": hit.list.name, "matched": hit.matched})
		}
	}
	if len(found) == 0 {
		answer(w, http.StatusOK, []any{})
		return
	}
	answer(w, http.StatusOK, found)
}

func (m *MISP) warninglists(w http.ResponseWriter, _ *http.Request) {
	lists := []map[string]any{}
	for _, l := range m.lists {
		lists = append(lists, map[string]any{"Warninglist": map[string]any{
			"id": l.id, "name": l.name, "type": l.kind, "description": l.name, "version": "20240615", "enabled": l.enabled, "default": true,
			"category": l.category, "warninglist_entry_count": text(len(l.entries)), "valid_attributes": "ip-src, ip-dst, domain|ip, ip-dst|port, ip-src|port",
		}})
	}
	answer(w, http.StatusOK, map[string]any{"Warninglists": lists})
}
