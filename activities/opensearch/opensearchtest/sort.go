package opensearchtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// order is one sort key.
type order struct {
	name         string
	down         bool
	missingFirst bool
}

func readSort(body any) (orders []order, err error) {
	if body == nil {
		return nil, nil
	}
	for _, key := range list(body) {
		if name, is := key.(string); is {
			orders = append(orders, order{name: name})
			continue
		}
		for name, how := range object(key) {
			o := order{name: name, down: how == "desc"}
			if m, is := how.(map[string]any); is {
				if err := only(m, "order", "unmapped_type", "missing", "mode", "numeric_type", "format"); err != nil {
					return nil, err
				}
				o.down, o.missingFirst = m["order"] == "desc", m["missing"] == "_first"
			}
			orders = append(orders, o)
		}
	}
	for _, o := range orders {
		if o.name == "_shard_doc" {
			return nil, bad("No mapping found for [_shard_doc] in order to sort on")
		}
	}
	return orders, nil
}

// key is a document's value for one sort key; nil when it has none.
func (o order) key(f found) (any, error) {
	switch o.name {
	case "_seq_no", "_doc":
		return float64(f.doc.seq), nil
	case "_id":
		return f.doc.id, nil
	case "_index":
		return f.index.name, nil
	}
	field := f.index.mapping.look(o.name)
	values := field.values(f.doc)
	if len(values) == 0 {
		return nil, nil
	}
	if field.wordwise(values[0]) {
		return nil, failure{refuse(http.StatusBadRequest, "illegal_argument_exception", "Text fields are not optimised for operations that require per-document field data like aggregations and sorting ["+o.name+"]")}
	}
	least := slices.MinFunc(values, func(a, b any) int { return compareAs(field.kind, a, b) })
	if o.down {
		least = slices.MaxFunc(values, func(a, b any) int { return compareAs(field.kind, a, b) })
	}
	if at, is := instant(least); is && (field.kind == "date" || field.kind == "") {
		if _, isText := least.(string); isText {
			return float64(at.UnixMilli()), nil
		}
	}
	return least, nil
}

func (s *search) compare(a, b []any) int {
	for i, o := range s.sort {
		x, y := a[i], b[i]
		switch {
		case x == nil && y == nil:
			continue
		case x == nil || y == nil:
			if (x == nil) != o.missingFirst {
				return 1
			}
			return -1
		}
		if way := compareAs("", x, y); way != 0 {
			if o.down {
				return -way
			}
			return way
		}
	}
	return 0
}

// page sorts, skips what search_after has seen and cuts.
func (s *search) page(seen []found) ([]any, error) {
	for i := range seen {
		seen[i].sort = make([]any, len(s.sort))
		for k, o := range s.sort {
			value, err := o.key(seen[i])
			if err != nil {
				return nil, err
			}
			seen[i].sort[k] = value
		}
	}
	slices.SortStableFunc(seen, func(a, b found) int { return s.compare(a.sort, b.sort) })
	if s.after != nil {
		seen = slices.DeleteFunc(seen, func(f found) bool { return s.compare(f.sort, s.after) <= 0 })
	}
	seen = seen[min(s.from, len(seen)):min(s.from+s.size, len(seen))]
	page := make([]any, len(seen))
	for i, f := range seen {
		page[i] = s.hit(f)
	}
	return page, nil
}

func (s *search) hit(f found) map[string]any {
	hit := map[string]any{"_index": f.index.name, "_id": f.doc.id, "_score": nil}
	if len(s.sort) > 0 {
		hit["sort"] = f.sort
	}
	if s.body["seq_no_primary_term"] == true {
		hit["_seq_no"], hit["_primary_term"] = f.doc.seq, f.doc.term
	}
	if s.body["version"] == true {
		hit["_version"] = f.doc.version
	}
	if source, wanted := filterSource(f.doc, s.source); wanted && object(f.index.mapping.body["_source"])["enabled"] != false {
		hit["_source"] = source
	}
	return hit
}

func filterSource(doc *document, filter any) (any, bool) {
	var includes, excludes []string
	switch f := filter.(type) {
	case nil:
		return doc.asSent(), true
	case bool:
		return doc.asSent(), f
	case string, []any:
		includes = texts(f)
	case map[string]any:
		includes, excludes = texts(f["includes"]), texts(f["excludes"])
	}
	var parsed map[string]any
	_ = json.Unmarshal(doc.source, &parsed)
	return prune("", parsed, includes, excludes), true
}

func texts(v any) (all []string) {
	if v == nil {
		return nil
	}
	for _, item := range list(v) {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

func prune(prefix string, doc map[string]any, includes, excludes []string) map[string]any {
	named := func(patterns []string, path string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, path) || strings.HasPrefix(path, p+".") })
	}
	kept := map[string]any{}
	for name, value := range doc {
		path := prefix + name
		if named(excludes, path) {
			continue
		}
		if inner, is := value.(map[string]any); is {
			if sub := prune(path+".", inner, includes, excludes); len(sub) > 0 {
				kept[name] = sub
			}
			continue
		}
		if len(includes) == 0 || named(includes, path) {
			kept[name] = value
		}
	}
	return kept
}
