package document

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Decode reads one YAML document into what into points to, which has all of its keys. Why it can't is an Error.
func Decode(text []byte, into any) *Error {
	if _, err := Read(text); err != nil { // bounds what aliases stand for
		return Refusal(text, into, err)
	}
	if err := yaml.UnmarshalWithOptions(text, into, yaml.Strict()); err != nil {
		return Refusal(text, into, err)
	}
	return nil
}

// Refusal says in the words of the file why the decoder could not read text into what into points to: it speaks of types
// that are ours, and of a duration not even where it stands.
func Refusal(text []byte, into any, err error) *Error {
	trees, unread := Read(text)
	if wrong, ok := errors.AsType[*Error](unread); ok {
		return wrong
	}
	_, strict := errors.AsType[*yaml.UnknownFieldError](err)
	for _, tree := range trees {
		if wrong := (fitting{strict}).check(tree, reflect.TypeOf(into).Elem(), ""); wrong != nil {
			return wrong
		}
	}
	wrong := &Error{Place{1, 1}, "a value cannot be read as it is written", "correct the key or its value"}
	if placed, ok := errors.AsType[yaml.Error](err); ok {
		wrong.Place = placeOf(placed.GetToken().Position)
	}
	return wrong
}

// fitting looks for what of a document does not fit a type; strict, unknown keys too.
type fitting struct{ strict bool }

func (f fitting) check(n *Node, t reflect.Type, path string) *Error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == Null && path != "":
		return nil
	case !fits(n, t):
		return &Error{n.Place, fmt.Sprintf("%s is %s, not %s", named(path), kindNames[n.Kind], wanted(t)), "write it as " + example(keyOf(path), t)}
	case t.Kind() == reflect.Slice && n.Kind == List:
		for i, kid := range n.Kids {
			if wrong := f.check(kid, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); wrong != nil {
				return wrong
			}
		}
	case n.Kind == Mapping && t.Kind() != reflect.Interface:
		return f.keys(n, t, path)
	}
	return nil
}

func (f fitting) keys(n *Node, t reflect.Type, path string) *Error {
	for i, key := range n.Keys {
		kid, known := inside(t, key.Text)
		switch {
		case known:
			if wrong := f.check(n.Kids[i], kid, strings.TrimPrefix(path+"."+key.Text, ".")); wrong != nil {
				return wrong
			}
		case f.strict && key.Text != "<<":
			return &Error{key.Place, "unknown key " + key.Text, keyMend(key.Text, keysOf(t))}
		}
	}
	return nil
}

func keyMend(key string, known []string) string {
	if best := Nearest(key, known); best != "" {
		return "did you mean " + best + "?"
	}
	return "use one of " + strings.Join(known, ", ")
}

// inside is the type of a key's value.
func inside(t reflect.Type, key string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for field := range t.Fields() {
		if key != "" && keyName(field) == key {
			return field.Type, true
		}
	}
	return nil, false
}

func keysOf(t reflect.Type) (keys []string) {
	for field := range t.Fields() {
		if name := keyName(field); name != "" {
			keys = append(keys, name)
		}
	}
	return keys
}

// keyName is a field's key, "" if it is none of the file's.
func keyName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
	return strings.TrimPrefix(name, "-")
}

var duration = reflect.TypeFor[time.Duration]()

// kindOf is the kind in which a type is written.
func kindOf(t reflect.Type) Kind {
	switch t.Kind() { //nolint:exhaustive // the others are numbers
	case reflect.Struct, reflect.Map:
		return Mapping
	case reflect.Slice:
		return List
	case reflect.Bool:
		return Boolean
	case reflect.String, reflect.Interface:
		return Text
	}
	return Number
}

// fits reports whether the decoder takes a value for the type: any scalar is a text.
func fits(n *Node, t reflect.Type) bool {
	scalar := n.Kind != List && n.Kind != Mapping
	switch kind := kindOf(t); kind {
	case Text:
		return scalar || t.Kind() == reflect.Interface
	case List: // one with a reading of its own takes one value for a list of it
		return n.Kind == List || scalar && reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.InterfaceUnmarshaler]())
	case Number:
		_, err := strconv.ParseFloat(n.Text, 64)
		if t == duration && n.Kind == Text {
			_, err = time.ParseDuration(n.Text)
		}
		return n.Kind == Number || n.Kind == Text && err == nil
	default:
		return n.Kind == kind
	}
}

var kindNames = map[Kind]string{Null: "empty", Text: "a text", Number: "a number", Boolean: "true or false", List: "a list", Mapping: "a mapping of keys"}

// wanted is a type in words for people.
func wanted(t reflect.Type) string {
	if t == duration {
		return "a duration"
	}
	return kindNames[kindOf(t)]
}

// example is a value of a type, after its key if it has one.
func example(key string, t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return example(key, t.Elem())
	}
	made := "text"
	switch kind := kindOf(t); {
	case t.Kind() == reflect.Map:
		made = "{" + example("name", t.Elem()) + "}"
	case kind == Mapping:
		made = exampleKeys(t)
	case kind == List:
		made = "[" + example("", t.Elem()) + "]"
	case kind == Boolean:
		made = "true"
	case t == duration:
		made = "24h"
	case kind == Number:
		made = "10"
	}
	if key != "" {
		return key + ": " + made
	}
	return made
}

// exampleKeys shows a few keys of many.
func exampleKeys(t reflect.Type) string {
	var parts []string
	for _, key := range keysOf(t) {
		if len(parts) == 3 {
			parts = append(parts, "...")
			break
		}
		kid, _ := inside(t, key)
		parts = append(parts, example(key, kid))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// keyOf is the last key of a path, "" for an element of a list.
func keyOf(path string) string {
	if strings.HasSuffix(path, "]") {
		return ""
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}

// named is a path as people read it.
func named(path string) string {
	_, below, _ := strings.Cut(path, "].")
	switch {
	case path == "":
		return "the file"
	case path[0] != '[': // the file itself is no list
		return path
	case below == "":
		return "an element of the list"
	}
	return below
}
