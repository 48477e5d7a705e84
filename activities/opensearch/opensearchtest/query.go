package opensearchtest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// predicate says whether a document of an index matches.
type predicate func(in *index, doc *document) bool

// clauses knows each clause of the query language that the stand-in speaks; any other is a 400.
func (c *Cluster) clause(query map[string]any) (predicate, error) {
	if len(query) != 1 {
		return nil, bad("query malformed, want one clause, found %d", len(query))
	}
	for name, body := range query {
		switch name {
		case "match_all":
			return func(*index, *document) bool { return true }, only(body, "boost")
		case "match_none":
			return func(*index, *document) bool { return false }, only(body)
		case "bool":
			return c.boolClause(body)
		case "constant_score":
			return c.clause(object(object(body)["filter"]))
		case "term":
			return termClause(body)
		case "terms":
			return termsClause(body)
		case "range":
			return c.rangeClause(body)
		case "exists":
			return existsClause(body)
		case "ids":
			return idsClause(body)
		case "prefix":
			return patternClause(body, func(v string) string { return "^" + regexp.QuoteMeta(v) })
		case "wildcard":
			return patternClause(body, wildcardPattern)
		case "match", "match_phrase":
			return matchClause(name, body)
		case "query_string":
			return c.queryStringClause(body)
		default:
			return nil, bad("unknown query [%s]", name)
		}
	}
	return nil, bad("empty query")
}

// only refuses members of a body that are not among the known.
func only(body any, known ...string) error {
	for name := range object(body) {
		if !slices.Contains(known, name) {
			return bad("[%s] is not known here", name)
		}
	}
	return nil
}

func (c *Cluster) boolClause(body any) (predicate, error) {
	if err := only(body, "must", "filter", "should", "must_not", "minimum_should_match", "boost"); err != nil {
		return nil, err
	}
	parts := object(body)
	all, err := c.clauses(parts["must"], parts["filter"])
	if err != nil {
		return nil, err
	}
	none, err := c.clauses(parts["must_not"])
	if err != nil {
		return nil, err
	}
	some, err := c.clauses(parts["should"])
	if err != nil {
		return nil, err
	}
	least := 0
	if len(some) > 0 && len(all) == 0 {
		least = 1
	}
	if set, has := parts["minimum_should_match"]; has {
		n, isNumber := number(set)
		if !isNumber {
			return nil, bad("minimum_should_match [%v]", set)
		}
		least = int(n)
	}
	return func(in *index, doc *document) bool {
		hit := func(p predicate) bool { return p(in, doc) }
		count := 0
		for _, p := range some {
			if count < least && hit(p) {
				count++
			}
		}
		return count >= least && !slices.ContainsFunc(none, hit) && !slices.ContainsFunc(all, func(p predicate) bool { return !hit(p) })
	}, nil
}

func (c *Cluster) clauses(bodies ...any) (found []predicate, err error) {
	for _, body := range bodies {
		if body == nil {
			continue
		}
		for _, single := range list(body) {
			p, err := c.clause(object(single))
			if err != nil {
				return nil, err
			}
			found = append(found, p)
		}
	}
	return found, nil
}

// oneField splits {"field": value} and {"field": {"value": value, ...}}.
func oneField(body any, key string, options ...string) (name string, value any, inner map[string]any, err error) {
	fields := object(body)
	for field, v := range fields {
		if field == "boost" {
			continue
		}
		if name != "" {
			return "", nil, nil, bad("query doesn't support multiple fields")
		}
		name, value = field, v
	}
	if m, is := value.(map[string]any); is {
		if err := only(m, append(options, key, "boost")...); err != nil {
			return "", nil, nil, err
		}
		return name, m[key], m, nil
	}
	if name == "" {
		return "", nil, nil, bad("query without a field")
	}
	return name, value, nil, nil
}

func anyValue(name string, test func(f field, v any) bool) predicate {
	return func(in *index, doc *document) bool {
		if name == "_id" {
			return test(field{kind: "keyword"}, doc.id)
		}
		if name == "_index" {
			return test(field{kind: "keyword"}, in.name)
		}
		if name == "_seq_no" {
			return test(field{kind: "long"}, float64(doc.seq))
		}
		f := in.mapping.look(name)
		return slices.ContainsFunc(f.values(doc), func(v any) bool { return test(f, v) })
	}
}

func termClause(body any) (predicate, error) {
	name, want, options, err := oneField(body, "value", "case_insensitive")
	if err != nil {
		return nil, err
	}
	fold, _ := options["case_insensitive"].(bool)
	return anyValue(name, func(f field, v any) bool {
		if fold {
			v, want = strings.ToLower(plain(v)), strings.ToLower(plain(want))
		}
		return f.equal(v, want)
	}), nil
}

func termsClause(body any) (predicate, error) {
	name, _, _, err := oneField(body, "")
	if err != nil {
		return nil, err
	}
	wanted, is := object(body)[name].([]any)
	if !is {
		return nil, bad("[terms] query requires an array")
	}
	return anyValue(name, func(f field, v any) bool {
		return slices.ContainsFunc(wanted, func(w any) bool { return f.equal(v, w) })
	}), nil
}

func (c *Cluster) rangeClause(body any) (predicate, error) {
	name, _, bounds, err := oneField(body, "gt", "gte", "lt", "lte", "format", "time_zone", "relation")
	if err != nil {
		return nil, err
	}
	if bounds == nil {
		return nil, bad("[range] query without bounds")
	}
	limits := map[string]any{}
	for verb, limit := range bounds {
		if text, is := limit.(string); is {
			if limit, err = c.dateMath(text); err != nil {
				return nil, err
			}
		}
		limits[verb] = limit
	}
	return anyValue(name, func(f field, v any) bool {
		for verb, limit := range limits {
			order := compareAs(f.kind, v, limit)
			if limit != nil && (verb == "gt" && order <= 0 || verb == "gte" && order < 0 || verb == "lt" && order >= 0 || verb == "lte" && order > 0) {
				return false
			}
		}
		return true
	}), nil
}

var mathExpression = regexp.MustCompile(`^now(?:([+-])(\d+)([smhdwMy]))?(?:/[smhdw])?$`)

// dateMath resolves now, now-2h and the like; any other text stays as it is.
func (c *Cluster) dateMath(text string) (any, error) {
	if !strings.HasPrefix(text, "now") {
		return text, nil
	}
	parts := mathExpression.FindStringSubmatch(text)
	if parts == nil {
		return nil, bad("date math [%s]", text)
	}
	units := map[string]time.Duration{
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
	}
	count, _ := strconv.Atoi(parts[2])
	shift := time.Duration(count) * units[parts[3]]
	if parts[1] == "-" {
		shift = -shift
	}
	return c.now().Add(shift).UTC().Format(time.RFC3339Nano), nil
}

func existsClause(body any) (predicate, error) {
	name, is := object(body)["field"].(string)
	if !is {
		return nil, bad("[exists] must be provided with a [field]")
	}
	return func(in *index, doc *document) bool {
		f := in.mapping.look(name)
		return len(f.values(doc)) > 0 || !f.missing && hasObject(f, doc)
	}, only(body, "field", "boost")
}

// hasObject reports whether the field is an object with any value in it.
func hasObject(f field, doc *document) bool {
	value := doc.parsed
	for element := range strings.SplitSeq(f.path, ".") {
		value = object(value)[element]
	}
	return len(object(value)) > 0
}

func idsClause(body any) (predicate, error) {
	wanted, is := object(body)["values"].([]any)
	if !is {
		return nil, bad("[ids] requires providing [values]")
	}
	return func(_ *index, doc *document) bool { return slices.Contains(wanted, any(doc.id)) }, only(body, "values", "boost")
}
