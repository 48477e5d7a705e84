package sigma

import (
	"slices"
	"strings"
)

// Refer returns the correlations whose rules are all there and that do not wait for themselves, and the faults of the
// rest.
func Refer(rules []*Rule, correlations []Correlation) (kept []Correlation, refused []Fault) {
	ids, feeds := map[string][]string{}, map[string][]string{}
	for _, r := range rules {
		ids[r.ID], ids[r.Name] = append(ids[r.ID], r.ID), append(ids[r.Name], r.ID)
	}
	for _, c := range correlations {
		for _, name := range []string{c.ID, c.Name} {
			ids[name] = append(ids[name], c.ID)
			feeds[name] = append(feeds[name], c.Rules...)
		}
	}
	for _, c := range correlations {
		missing := slices.IndexFunc(c.Rules, func(name string) bool { return ids[name] == nil || name == "" })
		strange := slices.IndexFunc(c.aliased, func(a aliased) bool {
			named := func(id string) bool { return slices.Contains(ids[a.rule], id) }
			return !slices.ContainsFunc(c.Rules, func(name string) bool { return slices.ContainsFunc(ids[name], named) })
		})
		switch {
		case missing >= 0:
			refused = append(refused, Fault{c.File, c.Line, c.Column, "the correlation names " + c.Rules[missing] + ", which no rule is named", "name a rule's id or name"})
		case strange >= 0:
			of := c.aliased[strange]
			refused = append(refused, Fault{c.File, of.Line, of.Column, "the alias " + of.alias + " is for " + of.rule + ", which is none of the correlation's rules", "name one of " + strings.Join(c.Rules, ", ")})
		case reaches(feeds, c.Rules, c.ID, c.Name):
			refused = append(refused, Fault{c.File, c.Line, c.Column, "the correlation waits for itself", "take it out of the rules that it names"})
		default:
			kept = append(kept, c)
		}
	}
	return kept, refused
}

// reaches reports whether one of the names leads to a correlation of that id or name.
func reaches(feeds map[string][]string, names []string, id, name string) bool {
	seen := map[string]bool{}
	for open := slices.Clone(names); len(open) > 0; {
		next := open[0]
		open = open[1:]
		if next != "" && (next == id || next == name) {
			return true
		}
		if !seen[next] {
			seen[next] = true
			open = append(open, feeds[next]...)
		}
	}
	return false
}
