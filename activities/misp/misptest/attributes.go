package misptest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

type attribute struct {
	id                      int
	event                   *event
	uuid, category, comment string
	kind, value             string
	toIDs, deleted          bool
	decayed                 *bool
	timestamp               int64
	tags                    []string
}

// kinds are the attribute types that the stand-in knows, with MISP's default category and to_ids.
var kinds = map[string]struct {
	category string
	toIDs    bool
}{
	"ip-src": {"Network activity", true}, "ip-dst": {"Network activity", true}, "domain": {"Network activity", true},
	"hostname": {"Network activity", true}, "url": {"Network activity", true}, "ip-dst|port": {"Network activity", true},
	"domain|ip": {"Network activity", true}, "email-src": {"Payload delivery", true}, "md5": {"Payload delivery", true},
	"sha1": {"Payload delivery", true}, "sha256": {"Payload delivery", true}, "filename": {"Payload delivery", true},
	"filename|sha256": {"Payload delivery", true}, "comment": {"Other", false}, "text": {"Other", false},
	"vulnerability": {"External analysis", false},
}

func (m *MISP) newAttribute(e *event, kind, value string) *attribute {
	a := &attribute{
		id: m.id(), event: e, uuid: newUUID(), category: kinds[kind].category, kind: kind, value: value,
		toIDs: kinds[kind].toIDs, timestamp: time.Now().Unix(),
	}
	m.attributes = append(m.attributes, a)
	return a
}

func (m *MISP) attribute(idOrUUID string) *attribute {
	for _, a := range m.attributes {
		if text(a.id) == idOrUUID || a.uuid == idOrUUID {
			return a
		}
	}
	return nil
}

func (a *attribute) shown() map[string]any {
	return map[string]any{
		"id": text(a.id), "event_id": text(a.event.id), "object_id": "0", "object_relation": nil, "category": a.category,
		"type": a.kind, "to_ids": a.toIDs, "uuid": a.uuid, "timestamp": strconv.FormatInt(a.timestamp, 10), "distribution": "5",
		"sharing_group_id": "0", "comment": a.comment, "deleted": a.deleted, "disable_correlation": false, "first_seen": nil,
		"last_seen": nil, "value": a.value,
	}
}

// saved is an attribute as it comes back from a write: with both halves of its value.
func (a *attribute) saved() map[string]any {
	shown := a.shown()
	shown["value1"], shown["value2"], _ = strings.Cut(a.value, "|")
	return shown
}

type attributeInput struct {
	UUID      string    `json:"uuid"`
	Type      string    `json:"type"`
	Category  string    `json:"category"`
	Value     anyTexts  `json:"value"`
	ToIDs     *flag     `json:"to_ids"`
	Comment   *string   `json:"comment"`
	Timestamp *flexible `json:"timestamp"`
}

// check is what MISP says against an attribute; nothing when it takes it.
func (m *MISP) check(e *event, in attributeInput) map[string]any {
	if len(in.Value) == 0 || in.Value[0] == "" {
		return map[string]any{"value": []string{"Value cannot be empty."}}
	}
	if _, known := kinds[in.Type]; !known {
		return map[string]any{"type": []string{"Invalid type."}}
	}
	for _, value := range in.Value {
		if _, err := netip.ParseAddr(value); err != nil && strings.HasPrefix(in.Type, "ip-") && !strings.Contains(value, "|") {
			if _, err := netip.ParsePrefix(value); err != nil {
				return map[string]any{"value": []string{"IP address has an invalid format."}}
			}
		}
		for _, a := range m.of(e) {
			if a.value == normal(in.Type, value) && a.kind == in.Type && a.category == cmp.Or(in.Category, kinds[in.Type].category) {
				return map[string]any{"value": []string{"A similar attribute already exists for this event."}}
			}
		}
	}
	return nil
}

// normal is the value as MISP keeps it.
func normal(kind, value string) string {
	value = strings.TrimSpace(value)
	switch kind {
	case "domain", "hostname", "md5", "sha1", "sha256", "email-src":
		return strings.ToLower(value)
	}
	return value
}

// take adds an attribute per value.
func (m *MISP) take(e *event, in attributeInput) (made []*attribute) {
	for _, value := range in.Value {
		a := m.newAttribute(e, in.Type, normal(in.Type, value))
		a.category = cmp.Or(in.Category, a.category)
		if len(in.Value) == 1 {
			a.uuid = cmp.Or(in.UUID, a.uuid)
		}
		if in.ToIDs != nil {
			a.toIDs = bool(*in.ToIDs)
		}
		if in.Comment != nil {
			a.comment = *in.Comment
		}
		made = append(made, a)
	}
	return made
}

// addAttribute answers an object when one was saved, an array when several were.
func (m *MISP) addAttribute(w http.ResponseWriter, r *http.Request) {
	e := m.event(r.PathValue("id"))
	if e == nil {
		refuse(w, r, http.StatusNotFound, "Invalid event")
		return
	}
	var in attributeInput
	if !read(w, r, &in) {
		return
	}
	if errors := m.check(e, in); len(errors) > 0 {
		invalid(w, "Could not add Attribute", "/attributes/add", errors)
		return
	}
	made := m.take(e, in)
	e.touch()
	if len(made) == 1 {
		answer(w, http.StatusOK, map[string]any{"Attribute": made[0].saved(), "AttributeTag": []any{}})
		return
	}
	var shown []map[string]any
	for _, a := range made {
		shown = append(shown, a.saved())
	}
	answer(w, http.StatusOK, map[string]any{"Attribute": shown})
}

func (m *MISP) viewAttribute(w http.ResponseWriter, r *http.Request) {
	a := m.attribute(r.PathValue("id"))
	switch {
	case a == nil:
		refuse(w, r, http.StatusNotFound, "Invalid attribute")
	case a.deleted:
		refuse(w, r, http.StatusMethodNotAllowed, "Invalid attribute")
	default:
		answer(w, http.StatusOK, map[string]any{"Attribute": a.shown()})
	}
}

func (m *MISP) editAttribute(w http.ResponseWriter, r *http.Request) {
	a := m.attribute(r.PathValue("id"))
	var in attributeInput
	if a == nil || a.deleted {
		refuse(w, r, http.StatusNotFound, "Invalid attribute")
		return
	}
	if !read(w, r, &in) {
		return
	}
	if in.Timestamp != nil && int64(in.Timestamp.or(0)) <= a.timestamp {
		refuse(w, r, http.StatusMethodNotAllowed, "Attribute could not be saved: Attribute in the request not newer than the local copy.")
		return
	}
	if in.ToIDs != nil {
		a.toIDs = bool(*in.ToIDs)
	}
	a.comment = ""
	if in.Comment != nil {
		a.comment = *in.Comment
	}
	a.timestamp = time.Now().Unix()
	a.event.touch()
	answer(w, http.StatusOK, map[string]any{"Attribute": a.shown()})
}

// deleteAttribute only marks; with /1 at the end it forgets.
func (m *MISP) deleteAttribute(w http.ResponseWriter, r *http.Request) {
	a := m.attribute(r.PathValue("id"))
	if a == nil || a.deleted {
		refuse(w, r, http.StatusNotFound, "Invalid attribute")
		return
	}
	a.deleted = true
	a.event.touch()
	answer(w, http.StatusOK, map[string]string{"message": "Attribute deleted."})
}

// flexible is a number that may come as text.
type flexible int

// UnmarshalJSON takes 1 and "1".
func (f *flexible) UnmarshalJSON(raw []byte) error {
	n, err := strconv.Atoi(strings.Trim(string(raw), `"`))
	*f = flexible(n)
	return err
}

func (f *flexible) or(standard int) int {
	if f == nil {
		return standard
	}
	return int(*f)
}

// flag is a truth value that may come as number or text.
type flag bool

// UnmarshalJSON takes true, 1 and "1".
func (f *flag) UnmarshalJSON(raw []byte) error {
	word := strings.Trim(string(raw), `"`)
	*f = word == "true" || word == "1"
	return nil
}

// anyTexts is a text or a list of texts.
type anyTexts []string

// UnmarshalJSON takes "x" and ["x","y"].
func (t *anyTexts) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = anyTexts{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}
