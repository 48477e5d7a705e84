package rules

import (
	"fmt"
	"maps"
	"slices"
)

// Asked is a field of the event that a part of a rule asks for.
type Asked struct {
	Name    string `json:"name"`           // as the rule names it
	Path    string `json:"path,omitempty"` // where a native rule's mapping says that it is
	Type    string `json:"type,omitempty"` // that the mapping declares
	Present bool   `json:"present"`
	Fault   string `json:"fault,omitempty"` // why the field counts as absent all the same
	Held    []Held `json:"values,omitempty"`
	Holds   int    `json:"count,omitempty"` // how many values there are, of which some are in Held
}

// Held is one value of the event.
type Held struct {
	At    string `json:"at"` // its place: names parted by dots, and places in lists
	Value any    `json:"value"`
}

// asked is what the event has at a field, by the way in which the rule finds it.
func (x *explainer) asked(field string, find func(s *shape, field string) (any, bool)) Asked {
	made := Asked{Name: field}
	value, present := find(x.shaped, field)
	place, _ := find(x.places, field)
	made.Present = present
	made.hold(value, place)
	return made
}

// hold takes the values in a value; place is the same with each one's place.
func (a *Asked) hold(value, place any) {
	switch value := value.(type) {
	case map[string]any:
		places, _ := place.(map[string]any)
		for _, name := range inOrder(value) {
			a.hold(value[name], places[name])
		}
		return
	case []any:
		places, _ := place.([]any)
		for i := range min(len(value), len(places)) {
			a.hold(value[i], places[i])
		}
		return
	case string:
		a.add(shown(value), place)
	default:
		a.add(value, place)
	}
}

func (a *Asked) add(value, place any) {
	at, _ := place.(string)
	if a.Present && (value != nil || at != "") {
		if a.Holds++; len(a.Held) < maxHeld {
			a.Held = append(a.Held, Held{shown(at), value})
		}
	}
}

// shown is a text within its bound.
func shown(text string) string {
	if len(text) <= maxShown {
		return text
	}
	return clip(text[:maxShown], maxShown) + fmt.Sprintf("... (%d bytes)", len(text))
}

// markedShape is the event with each value's place instead of the value, so that whatever finds a field finds its place.
func markedShape(s *shape) *shape {
	marked := *s
	marked.root, _ = marks(s.root, "").(map[string]any) // an object's marks are one
	if s.windows != nil {
		marked.windows = newShape(marked.root, nil, "").windows
	}
	return &marked
}

func marks(value any, at string) any {
	switch value := value.(type) {
	case map[string]any:
		made := maps.Clone(value)
		for name, inner := range made {
			place := name
			if at != "" {
				place = at + "." + name
			}
			made[name] = marks(inner, place)
		}
		return made
	case []any:
		made := slices.Clone(value)
		for i, inner := range made {
			made[i] = marks(inner, fmt.Sprintf("%s[%d]", at, i))
		}
		return made
	}
	return at
}
