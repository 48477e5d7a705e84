package misptest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type event struct {
	id                             int
	uuid, info, org                string
	distribution, threat, analysis int
	timestamp                      int64
	publishedAt                    time.Time // zero: a draft
	tags                           []string
}

// published is true a moment after publishing: workers do it.
func (e *event) published() bool { return !e.publishedAt.IsZero() && !time.Now().Before(e.publishedAt) }

// touch is what each change of an attribute does: it un-publishes the event.
func (e *event) touch() { e.publishedAt, e.timestamp = time.Time{}, time.Now().Unix() }

var orgs = map[string]string{Org: "f4d08e67-1987-4098-9b1a-83d246b63d8b"}

// shownOrg numbers organisations: ours is 2, all others are 3.
func shownOrg(name string) map[string]any {
	id := "3"
	if name == Org {
		id = "2"
	}
	return map[string]any{"id": id, "name": name, "uuid": cmp.Or(orgs[name], "55f6ea5e-2c60-40e5-964f-47a8950d210f"), "local": name == Org}
}

func (m *MISP) newEvent(uuid, info, org string) *event {
	e := &event{id: m.id(), uuid: cmp.Or(uuid, newUUID()), info: info, org: org, distribution: 1, threat: 4, timestamp: time.Now().Unix()}
	m.events = append(m.events, e)
	return e
}

func (m *MISP) event(idOrUUID string) *event {
	for _, e := range m.events {
		if text(e.id) == idOrUUID || e.uuid == idOrUUID {
			return e
		}
	}
	return nil
}

func (m *MISP) of(e *event) (found []*attribute) {
	for _, a := range m.attributes {
		if a.event == e && !a.deleted {
			found = append(found, a)
		}
	}
	return found
}

// metadata is an event without its attributes.
func (m *MISP) metadata(e *event) map[string]any {
	published := "0"
	if e.published() {
		published = strconv.FormatInt(e.publishedAt.Unix(), 10)
	}
	org := shownOrg(e.org)
	return map[string]any{
		"id": text(e.id), "orgc_id": org["id"], "org_id": org["id"], "date": time.Unix(e.timestamp, 0).UTC().Format(time.DateOnly),
		"threat_level_id": text(e.threat), "info": e.info, "published": e.published(), "uuid": e.uuid, "attribute_count": text(len(m.of(e))),
		"analysis": text(e.analysis), "timestamp": strconv.FormatInt(e.timestamp, 10), "distribution": text(e.distribution),
		"proposal_email_lock": false, "locked": false, "publish_timestamp": published, "sharing_group_id": "0",
		"disable_correlation": false, "extends_uuid": "", "protected": nil, "Org": org, "Orgc": org,
	}
}

// whole is an event with all that it holds.
func (m *MISP) whole(e *event) map[string]any {
	shown := m.metadata(e)
	attributes := []map[string]any{}
	for _, a := range m.of(e) {
		one := a.shown()
		one["Galaxy"], one["ShadowAttribute"] = []any{}, []any{}
		if len(a.tags) > 0 {
			one["Tag"] = m.shownTags(a.tags)
		}
		attributes = append(attributes, one)
	}
	shown["Attribute"] = attributes
	for _, empty := range []string{"ShadowAttribute", "RelatedEvent", "Galaxy", "Object", "EventReport", "CryptographicKey"} {
		shown[empty] = []any{}
	}
	if len(e.tags) > 0 {
		shown["Tag"] = m.shownTags(e.tags)
	}
	return shown
}

type eventInput struct {
	UUID         string           `json:"uuid"`
	Info         string           `json:"info"`
	Distribution *flexible        `json:"distribution"`
	Threat       *flexible        `json:"threat_level_id"`
	Analysis     *flexible        `json:"analysis"`
	Attribute    []attributeInput `json:"Attribute"`
	Event        *eventInput      `json:"Event"`
}

// addEvent makes an event. Attributes in it that MISP does not take vanish without a word.
func (m *MISP) addEvent(w http.ResponseWriter, r *http.Request) {
	var in eventInput
	if !read(w, r, &in) {
		return
	}
	if in.Event != nil {
		in = *in.Event
	}
	existing := m.event(in.UUID)
	switch {
	case m.blocked[in.UUID]:
		refuse(w, r, http.StatusForbidden, "Event blocked by event blocklist.")
		return
	case in.UUID != "" && existing != nil:
		w.Header().Set("Location", "http://"+r.Host+"/events/"+text(existing.id))
		refuse(w, r, http.StatusNotFound, "Event already exists, if you would like to edit it, use the url in the location header.")
		return
	case in.Info == "":
		invalid(w, "Could not add Event", "/events/add", map[string]any{"Event": map[string]any{"info": []string{"valueNotEmpty"}}})
		return
	}
	e := m.newEvent(in.UUID, in.Info, Org)
	e.distribution, e.threat, e.analysis = in.Distribution.or(1), in.Threat.or(4), in.Analysis.or(0)
	for _, one := range in.Attribute {
		if len(m.check(e, one)) == 0 {
			m.take(e, one)
		}
	}
	answer(w, http.StatusOK, map[string]any{"Event": m.whole(e)})
}

func (m *MISP) viewEvent(w http.ResponseWriter, r *http.Request) {
	if e := m.event(r.PathValue("id")); e != nil {
		answer(w, http.StatusOK, map[string]any{"Event": m.whole(e)})
		return
	}
	refuse(w, r, http.StatusNotFound, "Invalid event")
}

func (m *MISP) publish(w http.ResponseWriter, r *http.Request) {
	e := m.event(r.PathValue("id"))
	if e == nil {
		refuse(w, r, http.StatusNotFound, "Invalid event.")
		return
	}
	e.publishedAt = time.Now().Add(50 * time.Millisecond)
	done(w, r, "Job queued")
}

// deleteEvent forgets an event; its uuid can never be used again.
func (m *MISP) deleteEvent(w http.ResponseWriter, r *http.Request) {
	e := m.event(r.PathValue("id"))
	if e == nil {
		invalid(w, "Could not delete Event", "/events/delete", "Event was not deleted.")
		return
	}
	m.blocked[e.uuid] = true
	m.attributes = slices.DeleteFunc(m.attributes, func(a *attribute) bool { return a.event == e })
	m.events = slices.DeleteFunc(m.events, func(one *event) bool { return one == e })
	done(w, r, "Event deleted.")
}

// index lists events by their info.
func (m *MISP) index(w http.ResponseWriter, r *http.Request) {
	var in struct{ EventInfo string }
	if !read(w, r, &in) {
		return
	}
	found := []map[string]any{}
	for _, e := range m.events {
		if strings.Contains(strings.ToLower(e.info), strings.ToLower(in.EventInfo)) {
			found = append(found, m.metadata(e))
		}
	}
	answer(w, http.StatusOK, found)
}
