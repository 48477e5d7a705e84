package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// CommentedFile is the file that `sallyport config init` writes: every key of config with its sentence above it, its
// default as value, and what has no default commented out. It loads as it is.
func CommentedFile(config any) string {
	var out strings.Builder
	writeStruct(&out, reflect.Indirect(reflect.ValueOf(config)), 0, false)
	return out.String()
}

func writeStruct(out *strings.Builder, v reflect.Value, depth int, off bool) {
	for _, f := range fieldsOf(v.Type()) {
		writeField(out, f, v.FieldByIndex(f.index), depth, off)
	}
}

func writeField(out *strings.Builder, f field, v reflect.Value, depth int, off bool) {
	indent := strings.Repeat("  ", depth)
	if f.doc != "" {
		fmt.Fprintf(out, "%s# %s\n", indent, f.doc)
	}
	off = off || (v.IsZero() && v.Kind() != reflect.Struct)
	prefix := indent
	if off {
		prefix = indent + "# "
	}
	kind := v.Type()
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case kind.Kind() == reflect.Struct && kind != reflect.TypeFor[time.Time]():
		inner := reflect.Indirect(v)
		if !inner.IsValid() {
			inner = reflect.Zero(kind)
		}
		bare := off || inner.IsZero()
		if bare {
			prefix = indent + "# "
		}
		fmt.Fprintf(out, "%s%s:\n", prefix, f.name)
		writeStruct(out, inner, depth+1, bare)
	case kind.Kind() == reflect.Map || kind.Kind() == reflect.Slice:
		writeMany(out, f, v, depth, prefix, off)
	default:
		fmt.Fprintf(out, "%s%s: %s\n", prefix, f.name, scalar(f, v))
	}
}

// writeMany shows a list or map: its defaults, or one commented example element.
func writeMany(out *strings.Builder, f field, v reflect.Value, depth int, prefix string, off bool) {
	element := v.Type().Elem()
	if element.Kind() != reflect.Struct {
		fmt.Fprintf(out, "%s%s: %s\n", prefix, f.name, flow(f, v))
		return
	}
	fmt.Fprintf(out, "%s%s:\n", prefix, f.name)
	indent := strings.Repeat("  ", depth+1)
	if v.Type().Kind() == reflect.Map {
		fmt.Fprintf(out, "%s# NAME:\n", indent)
		writeStruct(out, reflect.Zero(element), depth+2, true)
		return
	}
	if v.Len() == 0 {
		fmt.Fprintf(out, "%s# -\n", indent)
		writeStruct(out, reflect.Zero(element), depth+2, true)
		return
	}
	for i := range v.Len() {
		fmt.Fprintf(out, "%s-\n", indent)
		writeStruct(out, v.Index(i), depth+2, off)
	}
}

func flow(f field, v reflect.Value) string {
	if v.Kind() == reflect.Map {
		if v.Len() == 0 && f.example != "" {
			return "{" + f.example + "}"
		}
		return "{}"
	}
	items := make([]string, v.Len())
	for i := range items {
		items[i] = fmt.Sprint(v.Index(i).Interface())
	}
	if len(items) == 0 && f.example != "" {
		return "[" + f.example + "]"
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func scalar(f field, v reflect.Value) string {
	v = reflect.Indirect(v)
	if !v.IsValid() || v.IsZero() {
		if f.example != "" {
			return f.example
		}
		if !v.IsValid() {
			return `""`
		}
	}
	switch value := v.Interface().(type) {
	case time.Duration:
		return shortDuration(value)
	case Secret:
		return fmt.Sprintf("%q", string(value))
	}
	if v.Kind() == reflect.String {
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprint(v.Interface())
}

// shortDuration drops the zero minutes and seconds that Duration.String adds: 24h, not 24h0m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Reference is the page docs/config.md: every key of config, its type, default and sentence.
func Reference(config any) string {
	var out strings.Builder
	out.WriteString("# Configuration\n\nEvery key of `sallyport.yaml`. This page is made from the program: `sallyport config reference`.\n\n" +
		"Secrets are references: `env:NAME`, `file:/path` or `cmd:program argument`. Durations are written `90s`, `10m`, `24h`.\n\n" +
		"| key | type | default | meaning |\n|---|---|---|---|\n")
	referenceRows(&out, reflect.Indirect(reflect.ValueOf(config)), "")
	return out.String()
}

func referenceRows(out *strings.Builder, v reflect.Value, path string) {
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		key := join(path, f.name)
		kind, suffix := f.kind, ""
		for kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		switch kind.Kind() {
		case reflect.Slice:
			kind, suffix = kind.Elem(), "[]"
		case reflect.Map:
			kind, suffix = kind.Elem(), ".NAME"
		default: // the field itself
		}
		if kind.Kind() == reflect.Struct {
			fmt.Fprintf(out, "| `%s` | | | %s |\n", key, cell(f.doc))
			inner := reflect.Indirect(value)
			if suffix != "" || !inner.IsValid() {
				inner = reflect.Zero(kind)
			}
			referenceRows(out, inner, key+suffix)
			continue
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", key, typeWord(f.kind), defaultWord(f, value), cell(f.doc))
	}
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

func typeWord(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[Secret]():
		return "secret"
	case t.Kind() == reflect.Slice:
		return "list of " + typeWord(t.Elem())
	case t.Kind() == reflect.Map:
		return "map of " + typeWord(t.Elem())
	case t.Kind() == reflect.Bool:
		return "yes/no"
	case t.Kind() == reflect.String:
		return "text"
	}
	return "number"
}

func defaultWord(f field, v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return "`" + flow(f, v) + "`"
	}
	return "`" + strings.Trim(scalar(f, v), `"`) + "`"
}
