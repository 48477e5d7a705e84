package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// walk visits every field below v with its path as the file spells it.
func walk(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), path, visit)
		}
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			walk(v.FieldByIndex(f.index), join(path, f.name), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), visit)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			walk(v.MapIndex(key), join(path, key.String()), visit)
		}
	default:
		visit(path, v)
	}
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// field is one settable field as the file spells it.
type field struct {
	name, doc, example string
	index              []int
	kind               reflect.Type
}

// fieldsOf lists a struct's fields that a file can set; inlined structs are flattened.
func fieldsOf(t reflect.Type) (fields []field) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if strings.Contains(options, "inline") {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		fields = append(fields, field{name: name, doc: f.Tag.Get("doc"), example: f.Tag.Get("example"), index: []int{i}, kind: f.Type})
	}
	return fields
}

// unknownKeys finds every key of the file that no field takes, with a suggestion, and every text that is no duration.
func unknownKeys(file *ast.File, config any) (faults Faults) {
	for _, doc := range file.Docs {
		if doc.Body != nil {
			checkKeys(doc.Body, reflect.TypeOf(config), "", &faults)
		}
	}
	return faults
}

func checkKeys(node ast.Node, t reflect.Type, path string, faults *Faults) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Duration]() { // the decoder's own error for it has no position
		if _, err := time.ParseDuration(strings.Trim(node.String(), `"' `)); err != nil {
			*faults = append(*faults, Fault{Field: path, Problem: "is no duration", Mend: "write it as 90s, 10m or 24h"})
		}
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		checkStruct(node, t, path, faults)
	case reflect.Map:
		for _, pair := range pairsOf(node) {
			checkKeys(pair.Value, t.Elem(), join(path, pair.Key.String()), faults)
		}
	case reflect.Slice:
		if list, ok := node.(*ast.SequenceNode); ok {
			for i, item := range list.Values {
				checkKeys(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i), faults)
			}
		}
	default: // a scalar has no keys
	}
}

func checkStruct(node ast.Node, t reflect.Type, path string, faults *Faults) {
	fields := fieldsOf(t)
	for _, pair := range pairsOf(node) {
		name := pair.Key.String()
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if at < 0 {
			*faults = append(*faults, Fault{Field: join(path, name), Problem: "unknown key", Mend: suggest(name, fields)})
			continue
		}
		checkKeys(pair.Value, fields[at].kind, join(path, name), faults)
	}
}

func pairsOf(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func suggest(name string, fields []field) string {
	best, distance := "", 3
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
		if d := editDistance(name, f.name); d < distance {
			best, distance = f.name, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known here are " + strings.Join(names, ", ")
}

// editDistance is Levenshtein's, for names of config keys.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, cost)
		}
	}
	return row[len(b)]
}
