package pipeline

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// ruleTests are conditions on a rule.
var ruleTests = map[string]tester{
	"logsource":                 {sourceWords, (*reader).ofSource},
	"contains_field":            {[]string{"field"}, (*reader).containsField},
	"contains_detection_item":   {[]string{"field", "value"}, (*reader).containsItem},
	"is_sigma_rule":             {nil, isRule(true)},
	"is_sigma_correlation_rule": {nil, isRule(false)},
	"tag":                       {[]string{"tag"}, (*reader).tagged},
	"rule_attribute":            {[]string{"attribute", "value", "op"}, (*reader).attribute},
	"processing_item_applied":   {[]string{"processing_item_id"}, (*reader).ruleApplied},
	"processing_state":          {[]string{"key", "val", "value", "op"}, (*reader).stateIs},
}

// itemTests are conditions on an item of a detection.
var itemTests = map[string]tester{
	"match_string":            {[]string{"cond", "pattern", "negate"}, (*reader).matchString},
	"match_value":             {[]string{"cond", "value"}, (*reader).matchValue},
	"contains_wildcard":       {[]string{"cond"}, (*reader).containsWildcard},
	"is_null":                 {[]string{"cond"}, (*reader).isNull},
	"processing_item_applied": {[]string{"processing_item_id"}, (*reader).itemApplied},
	"processing_state":        {[]string{"key", "val", "value", "op"}, (*reader).stateIs},
}

// fieldTests are conditions on a field's name.
var fieldTests = map[string]tester{
	"include_fields":          {[]string{"fields", "mode"}, (*reader).includes},
	"exclude_fields":          {[]string{"fields", "mode"}, (*reader).excludes},
	"processing_item_applied": {[]string{"processing_item_id"}, (*reader).fieldApplied},
	"processing_state":        {[]string{"key", "val", "value", "op"}, (*reader).stateIs},
}

// ofSource compares what the condition names with the rule's log source. A correlation is of the sources of its rules.
func (rd *reader) ofSource(tree *document.Node) judge {
	holds := func(word func(string) string) bool {
		return !slices.ContainsFunc(sourceWords, func(key string) bool {
			want := tree.Word(key)
			return want != "" && !strings.EqualFold(want, word(key))
		})
	}
	return func(r *run, _ *subject) (bool, error) {
		if r.correlation() == nil {
			return holds(r.source), nil
		}
		return slices.ContainsFunc(r.correlated(r.tree, 0), func(rule *document.Node) bool { return holds(rule.Child("logsource").Word) }), nil
	}
}

// correlated are the rules of the same file that a correlation joins, also through other correlations.
func (r *run) correlated(of *document.Node, depth int) (rules []*document.Node) {
	names := of.Child("correlation").Child("rules").Words()
	for _, one := range r.beside {
		named := contains(names, one.Word("id")) || contains(names, one.Word("name")) || contains(names, one.Word("title"))
		switch {
		case !named:
		case one.Child("correlation") == nil:
			rules = append(rules, one)
		case depth < len(r.beside):
			rules = append(rules, r.correlated(one, depth+1)...)
		}
	}
	return rules
}

func (rd *reader) containsField(tree *document.Node) judge {
	field := rd.text(tree, "field")
	return func(r *run, _ *subject) (bool, error) { return contains(r.fields(), field), nil }
}

func (rd *reader) containsItem(tree *document.Node) judge {
	field, want := rd.text(tree, "field"), rd.value(tree)
	return func(r *run, _ *subject) (found bool, err error) {
		err = r.items(func(i *item) error {
			found = found || i.field == field && slices.ContainsFunc(i.values, func(v *document.Node) bool { return i.is(v, want) })
			return nil
		})
		return found, err
	}
}

// value is what a condition compares with.
func (rd *reader) value(tree *document.Node) *document.Node {
	if rd.text(tree, "value"); tree.Child("value") == nil {
		return &document.Node{}
	}
	return tree.Child("value")
}

// is reports whether a value of the item is that one, of the same type.
func (i *item) is(value, want *document.Node) bool {
	if made, ok := i.text(value); ok {
		return want.Kind == document.Text && slices.Equal(made, read(want.Text))
	}
	return value.Kind == want.Kind && value.Text == want.Text
}

func isRule(want bool) func(*reader, *document.Node) judge {
	return func(*reader, *document.Node) judge {
		return func(r *run, _ *subject) (bool, error) { return (r.correlation() == nil) == want, nil }
	}
}

func (rd *reader) tagged(tree *document.Node) judge {
	tag := rd.text(tree, "tag")
	return func(r *run, _ *subject) (bool, error) { return contains(r.tree.Child("tags").Words(), tag), nil }
}

func (rd *reader) ruleApplied(tree *document.Node) judge {
	id := rd.text(tree, "processing_item_id")
	return func(r *run, _ *subject) (bool, error) { return r.applied[id], nil }
}

func (rd *reader) itemApplied(tree *document.Node) judge {
	id := rd.text(tree, "processing_item_id")
	return func(_ *run, on *subject) (bool, error) { return on.item.ids[id], nil }
}

func (rd *reader) fieldApplied(tree *document.Node) judge {
	id := rd.text(tree, "processing_item_id")
	return func(r *run, on *subject) (bool, error) {
		return on.item != nil && on.item.ids[id] || on.field != "" && r.renamed[on.field][id], nil
	}
}

// comparisons are the words of op.
var comparisons = []string{"eq", "ne", "gte", "gt", "lte", "lt"}

// ordered reports whether two texts stand in a relation: as numbers if both are some.
func ordered(a, op, b string) bool {
	order := strings.Compare(a, b)
	x, wrong := strconv.ParseFloat(a, 64)
	y, err := strconv.ParseFloat(b, 64)
	if wrong == nil && err == nil {
		order = compare(x, y)
	}
	return relation(order, op)
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func relation(order int, op string) bool {
	switch op {
	case "eq":
		return order == 0
	case "ne":
		return order != 0
	case "gte":
		return order >= 0
	case "gt":
		return order > 0
	case "lte":
		return order <= 0
	}
	return order < 0
}

func (rd *reader) stateIs(tree *document.Node) judge {
	key := "val"
	if tree.Child("val") == nil && tree.Child("value") != nil {
		key = "value"
	}
	name, want, op := rd.text(tree, "key"), rd.text(tree, key), rd.one(tree, "op", comparisons...)
	return func(r *run, _ *subject) (bool, error) {
		is, set := r.state[name]
		return set && ordered(is, op, want), nil
	}
}

// ranks are attributes whose words have an order.
var ranks = map[string][]string{
	"level":  {"informational", "low", "medium", "high", "critical"},
	"status": {"unsupported", "deprecated", "experimental", "test", "stable"},
}

// dates are attributes that are dates, as 2026-11-02 or 2026/11/02.
var dates = []string{"date", "modified"}

func (rd *reader) attribute(tree *document.Node) judge {
	name, op := rd.text(tree, "attribute"), rd.one(tree, "op", append(slices.Clone(comparisons), "in", "not_in")...)
	want := rd.value(tree).Text
	if order := ranks[name]; order != nil && !contains(order, strings.ToLower(want)) {
		rd.refuse(tree, "no "+name+" is "+want, "use one of "+strings.Join(order, ", "))
	}
	return func(r *run, _ *subject) (bool, error) {
		is := r.get(name)
		if is == nil {
			is = r.custom[name]
		}
		if is == nil {
			return false, nil
		}
		if is.Kind == document.List {
			listed := contains(is.Words(), want)
			return op == "ne" || op == "in" && listed || op == "not_in" && !listed, nil
		}
		switch order := ranks[name]; {
		case op == "in" || op == "not_in":
			return false, r.refusal(is, "the pipeline asks whether "+name+" contains a value, and it is no list", "use eq or ne in the pipeline")
		case order != nil:
			return relation(slices.Index(order, strings.ToLower(is.Text))-slices.Index(order, strings.ToLower(want)), op), nil
		case contains(dates, name):
			return relation(strings.Compare(strings.ReplaceAll(is.Text, "/", "-"), strings.ReplaceAll(want, "/", "-")), op), nil
		case is.Kind == document.Number:
			return ordered(is.Text, op, want), nil
		case op != "eq" && op != "ne":
			return false, r.refusal(is, "the pipeline orders "+name+" by "+op+", and it is a text", "use eq or ne in the pipeline")
		}
		return relation(strings.Compare(is.Text, want), op), nil
	}
}

// ofValues holds if it does for any, or for all, of an item's values.
func (rd *reader) ofValues(tree *document.Node, holds func(i *item, value *document.Node) bool) judge {
	rd.text(tree, "cond")
	all := rd.one(tree, "cond", "any", "all") == "all"
	return func(_ *run, on *subject) (bool, error) {
		for _, value := range on.item.values {
			if holds(on.item, value) != all {
				return !all, nil
			}
		}
		return all, nil
	}
}

func (rd *reader) matchString(tree *document.Node) judge {
	at := tree.Child("pattern")
	if at == nil {
		rd.refuse(tree, "match_string has no pattern", "add pattern:")
		return always
	}
	found, negate := rd.pattern(at, true), rd.flag(tree, "negate")
	return rd.ofValues(tree, func(i *item, value *document.Node) bool {
		made, ok := i.text(value)
		return (ok && found.MatchString(made.plain())) != negate
	})
}

func (rd *reader) matchValue(tree *document.Node) judge {
	want := rd.value(tree)
	return rd.ofValues(tree, func(i *item, value *document.Node) bool { return i.is(value, want) })
}

func (rd *reader) containsWildcard(tree *document.Node) judge {
	return rd.ofValues(tree, func(i *item, value *document.Node) bool {
		made, ok := i.text(value)
		return ok && made.wild()
	})
}

func (rd *reader) isNull(tree *document.Node) judge {
	return rd.ofValues(tree, func(_ *item, value *document.Node) bool { return value.Kind == document.Null })
}

func (rd *reader) includes(tree *document.Node) judge {
	names := tree.Child("fields").Words()
	if len(names) == 0 {
		rd.refuse(tree, "no fields of "+tree.Word("type"), "add fields: with names")
	}
	if rd.one(tree, "mode", "plain", "re") == "plain" {
		return func(_ *run, on *subject) (bool, error) { return on.field != "" && contains(names, on.field), nil }
	}
	var patterns []*regexp.Regexp
	for _, at := range tree.Child("fields").Kids {
		patterns = append(patterns, rd.pattern(at, true))
	}
	return func(_ *run, on *subject) (bool, error) {
		return on.field != "" && slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(on.field) }), nil
	}
}

func (rd *reader) excludes(tree *document.Node) judge {
	included := rd.includes(tree)
	return func(r *run, on *subject) (bool, error) {
		holds, err := included(r, on)
		return !holds, err
	}
}
