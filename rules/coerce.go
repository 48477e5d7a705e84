package rules

import (
	"encoding/json"
	"strconv"
	"strings"
)

// coerce gives a value its declared type, or nil.
func coerce(value any, kind string) any {
	if kind == "list" {
		var texts []string
		all, isList := value.([]any)
		if !isList && value != nil {
			all = []any{value}
		}
		for _, each := range all {
			texts = append(texts, textOf(each))
		}
		if texts == nil {
			return nil
		}
		return texts
	}
	switch value.(type) {
	case string, json.Number, bool:
	default:
		return nil
	}
	t := textOf(value)
	switch kind {
	case "string":
		return t
	case "int":
		if n, err := strconv.Atoi(strings.TrimSpace(t)); err == nil {
			return n
		}
	case "float":
		if n, err := strconv.ParseFloat(strings.TrimSpace(t), 64); err == nil {
			return n
		}
	case "bool":
		if b, err := strconv.ParseBool(strings.ToLower(t)); err == nil {
			return b
		}
	}
	return nil
}
