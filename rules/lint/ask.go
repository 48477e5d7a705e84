package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/document"
)

// ask notes which fields a rule asks for. A name that is not the rule's own was given by one of the operator's pipelines,
// and is as good as declared.
func (c *checker) ask(name, rule string, tree, detection *document.Node, own map[string]bool) {
	head := tree.Child("logsource")
	word := func(key string) string { return strings.ToLower(head.Word(key)) }
	of := logSource{word("product"), word("category"), word("service")}
	if of == (logSource{}) {
		where := seen{name, placeOf(tree, "logsource"), rule}
		c.warn(where, NoLogsource, "the log source names no product, category or service: the rule is tried only on events of which nothing is known", "name one")
		return
	}
	if c.asked[of] == nil {
		c.asked[of] = map[string][]seen{}
	}
	c.sources[of] = append(c.sources[of], seen{name, placeOf(tree, "logsource"), rule})
	told := map[string]bool{}
	eachField(detection, func(key *document.Node) {
		if field, _, _ := strings.Cut(key.Text, "|"); field != "" && own[field] && !told[field] {
			told[field] = true
			c.asked[of][field] = append(c.asked[of][field], seen{name, key.Place, rule})
		}
	})
}

func fieldsOf(detection *document.Node) map[string]bool {
	found := map[string]bool{}
	if detection != nil {
		eachField(detection, func(key *document.Node) {
			field, _, _ := strings.Cut(key.Text, "|")
			found[field] = true
		})
	}
	return found
}

// eachField visits the keys that name fields.
func eachField(detection *document.Node, visit func(key *document.Node)) {
	for i, key := range detection.Keys {
		if key.Text != "condition" && key.Text != "timeframe" && key.Text != "rules" {
			inSelection(detection.Kids[i], visit)
		}
	}
}

func inSelection(tree *document.Node, visit func(key *document.Node)) {
	for _, key := range tree.Keys {
		visit(key)
	}
	if tree.Kind == document.List {
		for _, kid := range tree.Kids {
			inSelection(kid, visit)
		}
	}
}

// unknown says, once each with the number of rules, which log sources no mapping tells and which fields no event has.
func (c *checker) unknown() {
	var unlisted []string
	for _, of := range slices.SortedFunc(maps.Keys(c.asked), func(a, b logSource) int { return strings.Compare(a.String(), b.String()) }) {
		all := c.sources[of]
		if !c.library.Told(of.product, of.category, of.service) {
			c.warn(all[0], UnknownLogsource, fmt.Sprintf("no mapping's events are of the log source %s%s", of, alsoIn(all)), "map it, or take the rules out: no stream can show them an event")
		}
		if !c.fields.of(of).told {
			unlisted = append(unlisted, of.String())
			continue
		}
		for field, where := range c.asked[of] {
			if !c.knows(of, field) {
				c.warn(where[0], UnknownField, fmt.Sprintf("no event of %s has the field %s%s", of, field, alsoIn(where)), c.mendField(of, field))
			}
		}
	}
	if n := len(unlisted); n > 0 {
		if n > maxNamed {
			unlisted = append(unlisted[:maxNamed], fmt.Sprintf("and %d more", n-maxNamed))
		}
		c.report.Notes = append(c.report.Notes, Warning{Kind: Unchecked, File: ".", Text: fmt.Sprintf("fields of %d log sources were not checked, nobody has listed them: %s", n, strings.Join(unlisted, "; "))})
	}
}

// maxNamed bounds the log sources that one note names.
const maxNamed = 8

func alsoIn(where []seen) string {
	if len(where) == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d rules)", len(where))
}

// knows reports whether events of a log source may have a field: one that is listed, or that the operator's mappings
// declare. What a shipped one declares is there for all log sources of a stream, not for each.
func (c *checker) knows(of logSource, field string) bool {
	if c.fields.of(of).has(field) {
		return true
	}
	for _, id := range c.library.Serving(of.product, of.category, of.service) {
		if theirs, ours := c.library.Mapping(id), c.shipped.Mapping(id); declares(theirs, field, ours) {
			return true
		}
	}
	return false
}

// declares reports whether a mapping has a field that another one of its name, which may be nil, has not.
func declares(m *rules.Mapping, field string, other *rules.Mapping) bool {
	for name, declared := range m.Fields {
		if (name == field || declared.Path == field) && (other == nil || other.Fields[name] != declared) {
			return true
		}
	}
	if m.Sigma == nil {
		return false
	}
	for name := range m.Sigma.Fields {
		if strings.EqualFold(name, field) && (other == nil || other.Sigma == nil || other.Sigma.Fields[name] == nil) {
			return true
		}
	}
	return false
}

func (c *checker) mendField(of logSource, field string) string {
	best, least := "", 3
	for _, name := range slices.Sorted(maps.Keys(c.fields.of(of).fields)) {
		if d := document.Distance(strings.ToLower(field), name); d < least && 2*d <= len(field) {
			best, least = c.fields.spelled[name], d
		}
	}
	if best != "" {
		return "write " + best + ", or declare it in a mapping"
	}
	return "correct its name, or declare it in a mapping"
}
