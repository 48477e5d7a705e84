package engine

import (
	"bytes"
	"encoding/json"
)

// decoded takes a field's values from the decoded event: lists of objects lead to more than one of its places, and each
// element decides for itself which counts.
func (m *Matcher) decoded(names []string) {
	var root map[string]any
	decoder := json.NewDecoder(bytes.NewReader(m.in))
	decoder.UseNumber()
	if decoder.Decode(&root) != nil {
		return
	}
	for _, name := range names {
		if all := walk(root, name); len(all) > 0 {
			for _, found := range all {
				m.flatten(found)
			}
			return
		}
	}
}

// walk finds a dotted name; a list on the way stands for its elements that are objects.
func walk(at map[string]any, name string) []any {
	if found, ok := at[name]; ok {
		return []any{found}
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		elements, isList := at[name[:i]].([]any)
		if !isList {
			elements = []any{at[name[:i]]}
		}
		var all []any
		for _, element := range elements {
			if inner, ok := element.(map[string]any); ok {
				all = append(all, walk(inner, name[i+1:])...)
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return nil
}

func (m *Matcher) flatten(found any) {
	switch found := found.(type) {
	case nil:
		m.values = append(m.values, value{kind: kindNull, at: -1})
	case string:
		text := []byte(found)
		m.values = append(m.values, value{raw: text, at: -1, plain: text, kind: kindString, how: strange})
	case json.Number:
		m.values = append(m.values, value{raw: []byte(found), at: -1, plain: []byte(found), kind: kindNumber})
	case bool:
		kind, text := byte('f'), "false"
		if found {
			kind, text = 't', "true"
		}
		m.values = append(m.values, value{raw: []byte(text), at: -1, plain: []byte(text), kind: kind})
	case []any:
		for _, element := range found {
			m.flatten(element)
		}
	case map[string]any:
		for _, element := range found {
			m.flatten(element)
		}
	}
}
