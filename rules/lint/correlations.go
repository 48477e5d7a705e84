package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// ownFields begins the names that every match has.
const ownFields = "sallyport."

// matchesKept is how long matches of rules that only feed correlations are kept.
const matchesKept = 48 * time.Hour

// correlations looks at those whose rules are all there.
func (c *checker) correlations() {
	for _, correlation := range c.library.Correlations {
		here := seen{correlation.File, document.Place{Line: correlation.Line, Column: correlation.Column}, correlation.ID}
		c.named(here, correlation.Name, here)
		if correlation.Timespan > matchesKept {
			c.warn(here, LongTimespan, fmt.Sprintf("the timespan of %s is longer than the %s for which matches are kept: older ones don't count", correlation.Timespan, matchesKept), "use a shorter one")
		}
		c.aliases(correlation, here)
		for _, field := range correlation.GroupBy {
			if !strings.HasPrefix(field, ownFields) && !c.groups(correlation, field) {
				c.warn(here, UnknownGroup, "group-by "+field+": no event of the rules that it names has that field", "name a field of theirs, or an alias")
			}
		}
	}
}

// aliases looks for rules that an alias leaves out: of their events, the field of its own name is taken.
func (c *checker) aliases(correlation sigma.Correlation, here seen) {
	for _, alias := range slices.Sorted(maps.Keys(correlation.Aliases)) {
		of := correlation.Aliases[alias]
		for _, rule := range c.library.Sigma() {
			named := slices.Contains(correlation.Rules, rule.ID) || slices.Contains(correlation.Rules, rule.Name)
			if source := (logSource{rule.Product, rule.Category, rule.Service}); named && of[rule.ID] == "" && of[rule.Name] == "" && !c.knows(source, alias) && !asks(rule.Detection, alias) {
				c.warn(here, PartialAlias, "the alias "+alias+" says no field of "+cmp.Or(rule.Name, rule.ID)+", whose events have no "+alias, "write aliases: {"+alias+": {"+cmp.Or(rule.Name, rule.ID)+": its field}}")
			}
		}
	}
}

// groups reports whether an event of one of the correlation's rules may have the field. What native rules match may.
func (c *checker) groups(correlation sigma.Correlation, field string) bool {
	native := func(rule *rules.Native) bool { return slices.Contains(correlation.Rules, rule.ID) }
	return slices.ContainsFunc(c.library.Native(), native) || slices.ContainsFunc(c.rulesOf(correlation.Rules, map[string]bool{}), func(rule *sigma.Rule) bool {
		named := field
		if alias, ok := correlation.Aliases[field]; ok {
			for _, name := range []string{rule.ID, rule.Name} {
				if alias[name] != "" {
					named = alias[name]
				}
			}
		}
		of := logSource{rule.Product, rule.Category, rule.Service}
		return !c.fields.of(of).told || c.knows(of, named) || asks(rule.Detection, named)
	})
}

// asks reports whether the rule itself asks for the field.
func asks(detection *document.Node, field string) (found bool) {
	eachField(detection, func(key *document.Node) {
		found = found || key.Text == field || len(key.Text) > len(field) && key.Text[:len(field)+1] == field+"|"
	})
	return found
}

// rulesOf are the Sigma rules that the names lead to, through other correlations too.
func (c *checker) rulesOf(names []string, visited map[string]bool) (found []*sigma.Rule) {
	for _, name := range names {
		if visited[name] {
			continue
		}
		visited[name] = true
		for _, rule := range c.library.Sigma() {
			if rule.ID == name || rule.Name == name {
				found = append(found, rule)
			}
		}
		for _, other := range c.library.Correlations {
			if other.ID == name || other.Name == name {
				found = append(found, c.rulesOf(other.Rules, visited)...)
			}
		}
	}
	return found
}

// generate looks at a correlation's word on whether its rules are detections of their own.
func (c *checker) generate(name string, tree *document.Node) {
	for _, of := range []*document.Node{tree, tree.Child("correlation")} {
		if said := of.Child("generate"); said != nil && said.Kind != document.Boolean {
			c.warn(seen{name, placeOf(of, "generate"), tree.Word("id")}, UselessGenerate, "generate: "+said.Text+" is neither true nor false and counts as false", "write true or false")
		}
	}
}
