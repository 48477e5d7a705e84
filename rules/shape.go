package rules

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/logsource"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// shape is an event as rules ask it: Windows' fields by their own names, wherever the event keeps them, and the taxonomy's
// where the event's mapping says.
type shape struct {
	root    map[string]any
	mapping string           // the mapping for events of this shape, "" if it is not known
	sigma   *logsource.Shape // of that mapping or of the one that was named, nil if it has none
	flat    bool             // Windows' fields are at the top
	windows map[string]any   // fields by name in lower case; nil for a flat event
}

// newShape recognises an event. named is the mapping that was named for the stream: if it says something to Sigma rules,
// it counts whatever the event looks like.
func newShape(root map[string]any, shapes []*logsource.Shape, named string) *shape {
	s := &shape{root: root}
	if event, ok := root["Event"].(map[string]any); ok {
		s.windows = map[string]any{}
		s.nested(event)
	} else if winlog, ok := root["winlog"].(map[string]any); ok {
		s.windows = map[string]any{}
		s.put(winlog["event_data"])
		s.put(winlog["user_data"])
	} else if win, ok := sigma.Path(root, "data.win"); ok {
		if win, ok := win.(map[string]any); ok {
			s.windows = map[string]any{}
			s.sections(win, "system", true)
			s.sections(win, "system", false)
			s.alias("providername", "provider_name")
		}
	}
	s.flat = s.windows == nil && root["Channel"] != nil && root["EventID"] != nil
	for _, of := range shapes {
		if slices.ContainsFunc(of.Marks, s.marked) {
			s.mapping, s.sigma = of.ID, of
			break
		}
	}
	for _, of := range shapes {
		if of.ID == named {
			s.sigma = of
		}
	}
	return s
}

// marked reports whether all signs hold for the event's own names.
func (s *shape) marked(marks logsource.Signs) bool {
	for name, values := range marks {
		found, _ := sigma.Path(s.root, name)
		if !signed(found, values) {
			return false
		}
	}
	return true
}

// tells reports whether all signs hold for the fields of the taxonomy, or the event's own names.
func (s *shape) tells(when logsource.Signs) bool {
	for name, values := range when {
		found, _ := s.lookup(name)
		if !signed(found, values) {
			return false
		}
	}
	return true
}

// signed reports whether one of the values is what was found, or stands for it.
func signed(found any, values []string) bool {
	_, object := found.(map[string]any)
	return slices.ContainsFunc(values, func(value string) bool {
		switch value {
		case logsource.There:
			return found != nil
		case logsource.Absent:
			return found == nil
		case logsource.Object:
			return object
		}
		return value != "" && textOf(found) == value
	})
}

// inOrder are the names of an object as rules count them: of two that mean the same field the last one holds.
func inOrder(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

func (s *shape) put(section any) {
	if fields, ok := section.(map[string]any); ok {
		for _, name := range inOrder(fields) {
			s.windows[strings.ToLower(name)] = fields[name]
		}
	}
}

// sections puts the section of that name, or all others.
func (s *shape) sections(all map[string]any, name string, that bool) {
	for _, section := range inOrder(all) {
		switch {
		case (strings.ToLower(section) == name) != that:
		case that:
			s.put(all[section])
		default:
			s.put(undoubled(all[section]))
		}
	}
}

// undoubled takes one level of escapes off the texts of a value: Wazuh 4 writes C:\\Windows for C:\Windows in all sections
// of data.win but system.
func undoubled(value any) any {
	switch value := value.(type) {
	case string:
		return levelOff.Replace(value)
	case []any:
		made := make([]any, 0, len(value))
		for _, element := range value {
			made = append(made, undoubled(element))
		}
		return made
	case map[string]any:
		made := map[string]any{}
		for name, element := range value {
			made[name] = undoubled(element)
		}
		return made
	}
	return value
}

var levelOff = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

func (s *shape) alias(from, to string) {
	if value, ok := s.windows[from]; ok {
		s.windows[to] = value
	}
}

// nested reads Event.System, Event.EventData and Event.UserData, as EVTX tools write them. A value of System counts
// before an attribute that would have its name.
func (s *shape) nested(event map[string]any) {
	system, _ := event["System"].(map[string]any)
	for _, name := range inOrder(system) {
		inner, _ := system[name].(map[string]any)
		if attributes, ok := inner["#attributes"].(map[string]any); ok {
			for _, attribute := range inOrder(attributes) {
				s.windows[strings.ToLower(name+"_"+attribute)] = attributes[attribute]
			}
		}
	}
	for _, name := range inOrder(system) {
		inner, isMap := system[name].(map[string]any)
		if text, ok := inner["#text"]; ok {
			s.windows[strings.ToLower(name)] = text
		} else if !isMap {
			s.windows[strings.ToLower(name)] = system[name]
		}
	}
	s.put(event["EventData"])
	if user, ok := event["UserData"].(map[string]any); ok {
		for _, section := range inOrder(user) {
			s.put(user[section])
		}
	}
}

// lookup finds the field of a Sigma rule. A flat event may write SourceName as "Source Name".
func (s *shape) lookup(field string) (found any, present bool) {
	last := ""
	if s.windows != nil {
		if value, ok := s.windows[strings.ToLower(field)]; ok {
			return value, true
		}
	}
	if s.sigma != nil {
		for _, place := range s.sigma.Fields[strings.ToLower(field)] {
			if value, ok := sigma.Path(s.root, place); ok {
				return value, true
			}
		}
	}
	if value, ok := sigma.Path(s.root, field); ok {
		return value, true
	}
	if !s.flat {
		return nil, false
	}
	for name, value := range s.root {
		if strings.Contains(name, " ") && strings.ReplaceAll(name, " ", "") == field && name > last {
			found, present, last = value, true, name
		}
	}
	return found, present
}

// word is a Windows field's text.
func (s *shape) word(field string) string {
	value, _ := s.lookup(field)
	return textOf(value)
}

// path is the text at a dotted path.
func (s *shape) path(path string) string {
	value, _ := sigma.Path(s.root, path)
	return textOf(value)
}

// textOf is a scalar's text; a list gives its first element's.
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		return strconv.FormatBool(value)
	case []any:
		if len(value) > 0 {
			return textOf(value[0])
		}
	}
	return ""
}
