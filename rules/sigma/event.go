package sigma

import (
	"encoding/json"
	"strings"
)

// Lookup finds the value of a rule's field in an event; false says that the event has no such field.
type Lookup func(field string) (value any, present bool)

// Event is one decoded event while rules look at it; what they look at is folded once. Not safe for concurrent use.
type Event struct {
	root   map[string]any
	lookup Lookup
	fields map[string]field
	every  []value
	listed bool
}

// field is what an event has at a name.
type field struct {
	present bool
	values  []value
}

// value is one scalar: a number keeps its text.
type value struct {
	text, folded string
	null, number bool
}

// NewEvent returns an event of encoding/json's decoded form (numbers as json.Number). A nil lookup finds a field by its
// exact name, then as a dotted path.
func NewEvent(root map[string]any, lookup Lookup) *Event {
	e := &Event{root: root, lookup: lookup, fields: map[string]field{}}
	if lookup == nil {
		e.lookup = func(name string) (any, bool) { return Path(root, name) }
	}
	return e
}

// Path finds a value by exact name, then by dotted path. A list on the way stands for all of its elements.
func Path(root map[string]any, name string) (any, bool) {
	if found, ok := root[name]; ok {
		return found, true
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		switch inner := root[name[:i]].(type) {
		case map[string]any:
			if found, ok := Path(inner, name[i+1:]); ok {
				return found, true
			}
		case []any:
			var all []any
			for _, element := range inner {
				if m, ok := element.(map[string]any); ok {
					if found, ok := Path(m, name[i+1:]); ok {
						all = append(all, found)
					}
				}
			}
			if len(all) > 0 {
				return all, true
			}
		}
	}
	return nil, false
}

func (e *Event) field(name string) field {
	if known, ok := e.fields[name]; ok {
		return known
	}
	found, present := e.lookup(name)
	made := field{present: present}
	if present {
		made.values = scalars(found, nil)
	}
	e.fields[name] = made
	return made
}

// all is every scalar of the event, for keywords.
func (e *Event) all() []value {
	if !e.listed {
		e.every, e.listed = scalars(e.root, nil), true
	}
	return e.every
}

func scalars(v any, into []value) []value {
	switch v := v.(type) {
	case nil:
		return append(into, value{null: true})
	case string:
		return append(into, value{text: v, folded: strings.ToLower(v)})
	case json.Number:
		return append(into, value{text: v.String(), folded: strings.ToLower(v.String()), number: true})
	case bool:
		if v {
			return append(into, value{text: "true", folded: "true"})
		}
		return append(into, value{text: "false", folded: "false"})
	case []any:
		for _, element := range v {
			into = scalars(element, into)
		}
	case map[string]any:
		for _, element := range v {
			into = scalars(element, into)
		}
	}
	return into
}
