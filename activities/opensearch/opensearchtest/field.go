package opensearchtest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// object is v as a JSON object, or an empty one.
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// merge lays b over a, without changing either.
func merge(a, b map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, a)
	for name, value := range b {
		if old, is := out[name].(map[string]any); is {
			if inner, is := value.(map[string]any); is {
				out[name] = merge(old, inner)
				continue
			}
		}
		out[name] = value
	}
	return out
}

// mapping is what an index says of its fields. A field that it does not name is mapped as the server would by itself:
// text becomes text with a sub-field keyword, and so on.
type mapping struct {
	body    map[string]any
	types   map[string]string // dotted path -> type
	off     map[string]bool   // dotted path of an object with enabled: false
	dynamic string            // "", strict, false
}

func newMapping(body map[string]any) mapping {
	m := mapping{body: body, types: map[string]string{}, off: map[string]bool{}}
	if dynamic, set := body["dynamic"]; set {
		m.dynamic = fmt.Sprint(dynamic)
	}
	m.read("", object(body["properties"]))
	return m
}

func (m *mapping) read(prefix string, properties map[string]any) {
	for name, value := range properties {
		path, field := prefix+name, object(value)
		if enabled, set := field["enabled"].(bool); set && !enabled {
			m.off[path] = true
		}
		if inner, has := field["properties"]; has {
			m.types[path] = "object"
			m.read(path+".", object(inner))
		} else if kind, has := field["type"].(string); has {
			m.types[path] = kind
		}
		for sub, inner := range object(field["fields"]) {
			kind, _ := object(inner)["type"].(string)
			m.types[path+"."+sub] = kind
		}
	}
}

// accept refuses a document that the mapping can't take.
func (m *mapping) accept(doc map[string]any) error { return m.acceptObject("", doc) }

func (m *mapping) acceptObject(prefix string, doc map[string]any) error {
	for name, value := range doc {
		path := prefix + name
		kind := m.types[path]
		switch {
		case m.off[path] || kind == "flat_object":
			continue
		case kind == "" && m.dynamic == "strict":
			return failure{refuse(http.StatusBadRequest, "strict_dynamic_mapping_exception", "mapping set to strict, dynamic introduction of ["+name+"] is not allowed")}
		case kind == "" && m.dynamic == "false":
			continue
		}
		if inner, is := value.(map[string]any); is {
			if err := m.acceptObject(path+".", inner); err != nil {
				return err
			}
			continue
		}
		for _, single := range list(value) {
			if err := fits(kind, path, single); err != nil {
				return err
			}
		}
	}
	return nil
}

func fits(kind, path string, value any) error {
	var fault bool
	switch text, isText := value.(string); kind {
	case "date":
		_, good := instant(value)
		fault = value != nil && !good
	case "long", "integer", "short", "double", "float":
		_, err := strconv.ParseFloat(text, 64)
		_, isNumber := value.(float64)
		fault = value != nil && !isNumber && (!isText || err != nil)
	case "boolean":
		_, isBool := value.(bool)
		fault = value != nil && !isBool && text != "true" && text != "false" && text != ""
	case "keyword", "text":
		_, isObject := value.(map[string]any)
		fault = isObject
	}
	if fault {
		return failure{refuse(http.StatusBadRequest, "mapper_parsing_exception", "failed to parse field ["+path+"] of type ["+kind+"]")}
	}
	return nil
}

func list(v any) []any {
	if many, is := v.([]any); is {
		return many
	}
	return []any{v}
}

// field is how a search sees one field of an index.
type field struct {
	path     string // in the source
	analysed bool   // text: compared word by word, can't be sorted or aggregated
	kind     string // date, keyword, text, long, ...; "" when the mapping leaves it to the value
	missing  bool   // never searchable here
}

// look finds how name is searched: as the mapping says, else as the server maps by itself.
func (m *mapping) look(name string) field {
	kind := m.types[name]
	if base, found := strings.CutSuffix(name, ".keyword"); found {
		if kind != "" || m.types[base] == "" && m.dynamic != "false" && m.dynamic != "strict" {
			return field{path: base, kind: "keyword"}
		}
		return field{path: name, missing: true}
	}
	for path := name; path != ""; path = path[:max(0, strings.LastIndexByte(path, '.'))] {
		if m.off[path] {
			return field{path: name, missing: true}
		}
		if m.types[path] == "flat_object" && path != name {
			return field{path: name, kind: "keyword"}
		}
	}
	if kind == "" && (m.dynamic == "false" || m.dynamic == "strict") {
		return field{path: name, missing: true}
	}
	return field{path: name, kind: kind, analysed: kind == "text" || kind == "match_only_text"}
}

// values are a document's values of a field, arrays flattened.
func (f field) values(doc *document) []any {
	if f.missing {
		return nil
	}
	if doc.parsed == nil {
		_ = json.Unmarshal(doc.source, &doc.parsed) // it was parsed when it was stored
	}
	var found []any
	collect(doc.parsed, f.path, &found)
	return found
}

// collect walks objects, dotted names in the source included.
func collect(value any, path string, found *[]any) {
	switch v := value.(type) {
	case []any:
		for _, inner := range v {
			collect(inner, path, found)
		}
	case map[string]any:
		if path == "" {
			return
		}
		for at := 0; at <= len(path); at++ {
			if at < len(path) && path[at] != '.' {
				continue
			}
			if inner, there := v[path[:at]]; there {
				collect(inner, strings.TrimPrefix(path[at:], "."), found)
			}
		}
	default:
		if path == "" && v != nil {
			*found = append(*found, v)
		}
	}
}

// wordwise reports whether a value is compared word by word: text that the mapping does not call keyword.
func (f field) wordwise(value any) bool {
	text, isText := value.(string)
	_, isDate := instantText(text)
	return isText && (f.analysed || f.kind == "" && !isDate)
}

func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '.' && r != ':' && r != '\''
	})
}

// equal compares a stored value with a term.
func (f field) equal(value, term any) bool {
	if f.wordwise(value) {
		for _, word := range words(value.(string)) {
			if word == fmt.Sprint(term) {
				return true
			}
		}
		return false
	}
	return compareAs(f.kind, value, term) == 0
}

// compareAs orders two values: as times, numbers, booleans or text, whatever both can be.
func compareAs(kind string, a, b any) int {
	if kind == "date" || kind == "" {
		at, aIs := instant(a)
		bt, bIs := instant(b)
		_, aText := a.(string)
		_, bText := b.(string)
		if aIs && bIs && (kind == "date" || aText || bText) {
			return at.Compare(bt)
		}
	}
	if kind != "keyword" && kind != "text" {
		x, xIs := number(a)
		y, yIs := number(b)
		if xIs && yIs {
			return cmp.Compare(x, y)
		}
	}
	return strings.Compare(plain(a), plain(b))
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case string:
		f, err := strconv.ParseFloat(n, 64)
		return f, err == nil
	}
	return 0, false
}

func plain(v any) string {
	if f, is := v.(float64); is {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// instant reads a date as the default format does: strict ISO 8601 or milliseconds.
func instant(v any) (time.Time, bool) {
	switch value := v.(type) {
	case string:
		return instantText(value)
	case float64:
		return time.UnixMilli(int64(value)).UTC(), true
	case int64:
		return time.UnixMilli(value).UTC(), true
	}
	return time.Time{}, false
}

func instantText(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02") {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	if millis, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) >= 12 {
		return time.UnixMilli(millis).UTC(), true
	}
	return time.Time{}, false
}
