package opensearchtest

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
)

// fieldCaps answers how indices map fields. With an index_filter it leaves out indices without a document that the filter
// finds, as the server does where it can tell by the bounds of a field.
func (c *Cluster) fieldCaps(in *call) reply {
	indices, err := c.find(in.path[0], wantingOf(in, false))
	if err != nil {
		return replyTo(err)
	}
	var body map[string]any
	if len(in.body) > 0 && json.Unmarshal(in.body, &body) != nil {
		return refuse(http.StatusBadRequest, "parse_exception", "body is no JSON")
	}
	if err := only(body, "index_filter"); err != nil {
		return replyTo(err)
	}
	if filter, set := body["index_filter"]; set {
		query, err := c.clause(object(filter))
		if err != nil {
			return replyTo(err)
		}
		indices = slices.DeleteFunc(indices, func(index *index) bool {
			return !slices.ContainsFunc(c.visible(index), func(f found) bool { return query(f.index, f.doc) })
		})
	}
	names, fields := []string{}, map[string]any{}
	for _, index := range indices {
		names = append(names, index.name)
	}
	for name := range strings.SplitSeq(in.param("fields"), ",") {
		if kinds := c.kindsOf(indices, name); len(kinds) > 0 {
			fields[name] = kinds
		}
	}
	return ok(map[string]any{"indices": names, "fields": fields})
}

func (c *Cluster) visible(in *index) []found {
	return c.see([]*index{in}, nil, math.MinInt64, math.MaxInt64)
}

// kindsOf are the types that indices give a field; which index has which is told when they differ.
func (c *Cluster) kindsOf(indices []*index, name string) map[string]any {
	having := map[string][]string{}
	for _, index := range indices {
		if kind := c.kindOf(index, name); kind != "" {
			having[kind] = append(having[kind], index.name)
		}
	}
	kinds := map[string]any{}
	for kind, names := range having {
		one := map[string]any{"type": kind, "searchable": true, "aggregatable": kind != "text"}
		if len(having) > 1 {
			one["indices"] = names
		}
		kinds[kind] = one
	}
	return kinds
}

// kindOf is a field's type: the mapping's, or what the server would have made of the first value.
func (c *Cluster) kindOf(in *index, name string) string {
	field := in.mapping.look(name)
	if field.kind != "" || field.missing {
		return field.kind
	}
	for _, f := range c.visible(in) {
		values := field.values(f.doc)
		if len(values) == 0 {
			continue
		}
		switch value := values[0].(type) {
		case string:
			if _, isDate := instantText(value); isDate {
				return "date"
			}
			return "text"
		case bool:
			return "boolean"
		}
		return "long"
	}
	return ""
}
