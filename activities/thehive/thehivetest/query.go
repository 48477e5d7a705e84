package thehivetest

import (
	"encoding/json"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// parts are the query language's names for what hangs on an object.
var parts = map[string]string{"observables": "Observable", "tasks": "Task", "comments": "Comment", "pages": "Page", "logs": "Log"}

// query runs TheHive's query language: a list, then filters, sorts, pages, counts. An unknown step is 400.
func (h *Hive) query(w http.ResponseWriter, r *http.Request) {
	var in struct{ Query []map[string]any }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Query) == 0 {
		refuse(w, http.StatusBadRequest, "BadRequest", "query is missing")
		return
	}
	var found []*object
	for _, step := range in.Query {
		name, _ := step["_name"].(string)
		if name == "count" {
			answer(w, http.StatusOK, len(found))
			return
		}
		var known bool
		if found, known = h.step(name, step, found); !known {
			refuse(w, http.StatusBadRequest, "BadRequest", "operation "+name+" is not known, or not with these parameters")
			return
		}
	}
	shown := make([]map[string]any, len(found))
	for i, o := range found {
		shown[i] = h.show(o)
	}
	answer(w, http.StatusOK, shown)
}

func (h *Hive) step(name string, step map[string]any, found []*object) (next []*object, known bool) {
	switch {
	case strings.HasPrefix(name, "list"):
		return h.all(strings.TrimPrefix(name, "list")), true
	case strings.HasPrefix(name, "get"):
		id, _ := step["idOrName"].(string)
		if o := h.find(strings.TrimPrefix(name, "get"), id); o != nil {
			return []*object{o}, true
		}
		return nil, true
	case parts[name] != "":
		for _, o := range found {
			next = append(next, h.below(o.text("_id"), parts[name])...)
		}
		return next, true
	case name == "filter":
		for _, o := range found {
			passed, ok := matches(o.data, step)
			if !ok {
				return nil, false
			}
			if passed {
				next = append(next, o)
			}
		}
		return next, true
	case name == "sort":
		return sorted(found, step), true
	case name == "page":
		return page(found, step)
	}
	return nil, false
}

// page takes [from, to): "to" is exclusive.
func page(found []*object, step map[string]any) ([]*object, bool) {
	from, ok1 := step["from"].(float64)
	to, ok2 := step["to"].(float64)
	if !ok1 || !ok2 || from > to {
		return nil, false
	}
	first, last := min(int(from), len(found)), min(int(to), len(found))
	return found[first:last], true
}

func sorted(found []*object, step map[string]any) []*object {
	fields, _ := step["_fields"].([]any)
	out := slices.Clone(found)
	slices.SortStableFunc(out, func(a, b *object) int {
		for _, one := range fields {
			for field, direction := range one.(map[string]any) {
				c := compare(a.data[field], b.data[field])
				if direction == "desc" {
					c = -c
				}
				if c != 0 {
					return c
				}
			}
		}
		return 0
	})
	return out
}

// compare orders numbers and texts.
func compare(a, b any) int {
	x, ok1 := number(a)
	y, ok2 := number(b)
	switch {
	case ok1 && ok2 && x < y:
		return -1
	case ok1 && ok2 && x > y:
		return 1
	case ok1 && ok2:
		return 0
	}
	s, _ := a.(string)
	t, _ := b.(string)
	return strings.Compare(s, t)
}

func number(v any) (float64, bool) {
	r := reflect.ValueOf(v)
	switch {
	case v == nil:
		return 0, false
	case r.CanInt():
		return float64(r.Int()), true
	case r.CanFloat():
		return r.Float(), true
	}
	return 0, false
}

// matches evaluates a filter; known is false for an operator that TheHive does not have.
func matches(data, filter map[string]any) (passed, known bool) {
	passed = true
	for operator, operand := range filter {
		if operator == "_name" {
			continue
		}
		one, ok := matchesOne(data, operator, operand)
		if !ok {
			return false, false
		}
		passed = passed && one
	}
	return passed, true
}

func matchesOne(data map[string]any, operator string, operand any) (passed, known bool) {
	switch operator {
	case "_and", "_or":
		return matchesMany(data, operator, operand)
	case "_not":
		inner, _ := operand.(map[string]any)
		passed, known = matches(data, inner)
		return !passed, known
	case "_has":
		_, has := data[operand.(string)]
		return has, true
	case "_id":
		return data["_id"] == operand, true
	}
	on, _ := operand.(map[string]any)
	field, _ := on["_field"].(string)
	values, isList := data[field].([]string)
	if !isList {
		return compareField(data[field], operator, on)
	}
	for _, v := range values { // a list passes when one of its values does
		if passed, known = compareField(v, operator, on); passed || !known {
			return passed, known
		}
	}
	return false, true
}

func matchesMany(data map[string]any, operator string, operand any) (passed, known bool) {
	list, _ := operand.([]any)
	passed = operator == "_and"
	for _, one := range list {
		inner, _ := one.(map[string]any)
		this, ok := matches(data, inner)
		if !ok {
			return false, false
		}
		if operator == "_and" {
			passed = passed && this
		} else {
			passed = passed || this
		}
	}
	return passed, true
}

func compareField(have any, operator string, on map[string]any) (passed, known bool) {
	want := on["_value"]
	text, _ := have.(string)
	pattern, _ := want.(string)
	switch operator {
	case "_eq":
		return have != nil && compare(have, want) == 0, true
	case "_ne":
		return have == nil || compare(have, want) != 0, true
	case "_gt":
		return have != nil && compare(have, want) > 0, true
	case "_gte":
		return have != nil && compare(have, want) >= 0, true
	case "_lt":
		return have != nil && compare(have, want) < 0, true
	case "_lte":
		return have != nil && compare(have, want) <= 0, true
	case "_between":
		return have != nil && compare(have, on["_from"]) >= 0 && compare(have, on["_to"]) < 0, true
	case "_in":
		values, _ := on["_values"].([]any)
		return slices.ContainsFunc(values, func(v any) bool { return have != nil && compare(have, v) == 0 }), true
	case "_startsWith":
		return strings.HasPrefix(text, pattern), true
	case "_endsWith":
		return strings.HasSuffix(text, pattern), true
	case "_like":
		like, err := path.Match(pattern, text)
		return err == nil && like, true
	case "_match":
		expression, err := regexp.Compile(pattern)
		return err == nil && expression.MatchString(text), true
	}
	return false, false
}
