package sigma

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// Kinds of what a rule that loads may still have wrong.
const (
	Unused   = "unused-selection" // a selection that the condition never names
	NoEffect = "no-effect"        // a part that changes nothing, because another one covers it
	Repeated = "repeated-value"
	Never    = "never-true"
	Always   = "always-true"
	Broad    = "too-broad" // it asks for nothing specific

	NoList    = "no-list" // the placeholder of a modifier expand has no values
	EmptyList = "empty-list"
)

// Remark is something in a rule that loads, and how it is mended.
type Remark struct {
	document.Place
	Kind, Text, Mend string
}

// Examine says what in a detection, or in a filter's body, is of no use; only what can be proved from the text. It says
// nothing of one that Parse refuses.
func Examine(detection *document.Node, lists map[string][]string) []Remark {
	x := &examiner{ruleParser: &ruleParser{lists: lists}, tree: withoutRules(detection)}
	parser, err := x.selections(x.tree)
	if err != nil {
		return nil
	}
	x.remarks = x.warnings
	condition, err := parser.conditions(x.tree)
	if err != nil {
		return nil
	}
	x.condition(condition, parser.order)
	for i, key := range x.tree.Keys {
		if slices.Contains(parser.order, key.Text) {
			x.selection(x.tree.Kids[i])
		}
	}
	return x.remarks
}

type examiner struct {
	*ruleParser
	tree    *document.Node
	remarks []Remark
}

func (x *examiner) remark(at document.Place, kind, text, mend string) {
	x.remarks = append(x.remarks, Remark{at, kind, text, mend})
}

// condition looks at what the condition makes of the selections.
func (x *examiner) condition(condition expression, order []string) {
	t, formula, places := newTruths(condition)
	for _, name := range order {
		if !slices.Contains(t.names, name) {
			x.remark(x.keyOf(name), Unused, "the condition never uses the selection "+name, "name it in the condition, or take it out")
		}
	}
	at := x.tree.Child("condition").Place
	if broad(condition) {
		x.remark(at, Broad, "an event can match without having any specific value: by a wildcard, a single character, a field that is there, or what it lacks", "ask for a value too")
	}
	if len(t.valid) == 0 { // too many selections to try
		return
	}
	column := t.column(formula)
	switch {
	case !slices.Contains(column, true):
		x.remark(at, Never, "the condition can never be true", "correct it: one of its parts excludes another")
	case !slices.Contains(column, false):
		x.remark(at, Always, "the condition can never be false", "correct it: the rule matches every event of its log source")
	default:
		for _, place := range t.idle(formula, places, column) {
			text := "the selection " + t.names[place.variable] + " changes nothing in the condition"
			if named := func(other *clause) bool { return other != place && other.variable == place.variable }; slices.ContainsFunc(places, named) {
				text = "one of the places where the condition names " + t.names[place.variable] + " changes nothing"
			}
			if other := t.covers(place.variable); other != "" {
				text += ", beside " + other
			}
			x.remark(x.keyOf(t.names[place.variable]), NoEffect, text, "take it out of the condition, or correct it")
		}
	}
}

func (x *examiner) keyOf(name string) document.Place {
	for _, key := range x.tree.Keys {
		if key.Text == name {
			return key.Place
		}
	}
	return x.tree.Place
}

// part is a piece of a selection with its meaning.
type part struct {
	document.Place
	text  string
	means expression
}

// selection looks for items, values and keywords that others of the same selection cover.
func (x *examiner) selection(tree *document.Node) {
	var parts []part
	switch tree.Kind {
	case document.Mapping:
		for i, key := range tree.Keys {
			if means, err := x.item(key, tree.Kids[i]); err == nil {
				parts = append(parts, part{key.Place, key.Text, means})
			}
			x.values(key, tree.Kids[i])
		}
		x.compare(parts, true)
	default: // a keyword alone has no kids
		for _, kid := range tree.Kids {
			if means, err := x.ruleParser.selection(kid); err == nil {
				parts = append(parts, part{kid.Place, titleOf(kid), means})
			}
			if kid.Kind == document.Mapping {
				x.selection(kid)
			}
		}
		x.compare(parts, false)
	}
}

func titleOf(kid *document.Node) string {
	if kid.Kind != document.Mapping {
		return kid.Text
	}
	var keys []string
	for _, key := range kid.Keys {
		keys = append(keys, key.Text)
	}
	return strings.Join(keys, " and ")
}

// values compares the values of one item.
func (x *examiner) values(key, tree *document.Node) {
	name, mods, err := parseModifiers(key)
	if err != nil || tree.Kind != document.List {
		return
	}
	var parts []part
	for _, kid := range tree.Kids {
		if means, err := x.value(name, mods, kid); err == nil {
			parts = append(parts, part{kid.Place, kid.Text, means})
		}
	}
	x.compare(parts, mods.has("all"))
}

// maxCompared bounds the parts that are compared each with each.
const maxCompared = 3000

// compare says which parts others cover. In a conjunction the one that is implied changes nothing, else the one that
// implies; of two that say the same the first one stays.
func (x *examiner) compare(parts []part, all bool) {
	if len(parts) > maxCompared {
		return
	}
	goes := func(a, b part) bool { return implies(a.means, b.means) }
	if all {
		goes = func(a, b part) bool { return implies(b.means, a.means) }
	}
	gone := make([]bool, len(parts))
	var covered [][2]part
	for i := len(parts) - 1; i >= 0; i-- {
		for k, other := range parts {
			if i == k || gone[k] || !goes(parts[i], other) {
				continue
			}
			gone[i] = true
			if goes(other, parts[i]) {
				x.remark(parts[i].Place, Repeated, fmt.Sprintf("%q says the same as %q in line %d", parts[i].text, other.text, other.Line), "take one out")
			} else {
				covered = append(covered, [2]part{parts[i], other})
			}
			break
		}
	}
	slices.Reverse(covered)
	x.covered(covered, all)
}

// covered is one remark for all parts of a list that others of it cover.
func (x *examiner) covered(pairs [][2]part, all bool) {
	if len(pairs) == 0 {
		return
	}
	first, other := pairs[0][0], pairs[0][1]
	text := fmt.Sprintf("%q is covered by %q in line %d", first.text, other.text, other.Line)
	if all {
		text = fmt.Sprintf("%q always holds where %q in line %d does", first.text, other.text, other.Line)
	}
	switch more := len(pairs) - 1; {
	case more == 1:
		text += "; so is one more of the list"
	case more > 1:
		text += fmt.Sprintf("; so are %d more of the list", more)
	}
	x.remark(first.Place, NoEffect, text, "take it out")
}
