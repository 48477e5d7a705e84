package sigma

import (
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// Filter narrows rules: one that it applies to matches only where the filter's condition holds too.
type Filter struct {
	ID, Title                  string
	Product, Category, Service string
	Rules                      []string // ids, names or titles; "any" is every rule of the log source
	File                       string
	document.Place             // where the document begins

	detection *document.Node
	condition expression
}

func (p *ruleParser) filter(tree *document.Node) (*Filter, error) {
	source, body := tree.Child("logsource"), tree.Child("filter")
	switch {
	case tree.Word("title") == "":
		return nil, &fault{tree.Place, "the filter has no title", "add title:"}
	case source == nil || source.Kind != document.Mapping:
		return nil, &fault{tree.Place, "the filter has no logsource", "add logsource: with product, category or service"}
	case body.Kind != document.Mapping:
		return nil, &fault{body.Place, "the filter is no mapping", "add rules:, selection: and condition: to it"}
	case len(body.Child("rules").Words()) == 0:
		return nil, &fault{body.Place, "the filter names no rules", "list ids or names of rules under rules:, or write rules: any for every rule of the log source"}
	}
	made := &Filter{
		ID: tree.Word("id"), Title: tree.Word("title"), Rules: body.Child("rules").Words(), Place: tree.Place, detection: withoutRules(body),
		Product: strings.ToLower(source.Word("product")), Category: strings.ToLower(source.Word("category")), Service: strings.ToLower(source.Word("service")),
	}
	condition, err := p.detection(made.detection)
	made.condition = condition
	return made, err
}

// withoutRules leaves what a filter has in common with a detection.
func withoutRules(body *document.Node) *document.Node {
	rest := &document.Node{Kind: document.Mapping, Place: body.Place}
	for i, key := range body.Keys {
		if key.Text != "rules" {
			rest.Keys, rest.Kids = append(rest.Keys, key), append(rest.Kids, body.Kids[i])
		}
	}
	return rest
}

func (f *Filter) appliesTo(r *Rule) bool {
	return slices.ContainsFunc(f.Rules, func(name string) bool { return f.means(name, r) })
}

// means reports whether a name under rules: is the rule's, and the rule of the filter's log source.
func (f *Filter) means(name string, r *Rule) bool {
	within := func(ours, theirs string) bool { return ours == "" || ours == theirs }
	named := name == r.ID || name == r.Name || name == r.Title || strings.EqualFold(name, "any")
	return named && within(f.Product, r.Product) && within(f.Category, r.Category) && within(f.Service, r.Service)
}

// Idle are the names under rules: that mean none of the rules.
func (f *Filter) Idle(rules []*Rule) (names []string) {
	for _, name := range f.Rules {
		if !slices.ContainsFunc(rules, func(r *Rule) bool { return f.means(name, r) }) {
			names = append(names, name)
		}
	}
	return names
}

// Narrow returns the rule with those filters that apply to it.
func (r *Rule) Narrow(filters []*Filter) *Rule {
	narrowed := *r
	for _, f := range filters {
		if f.appliesTo(r) {
			narrowed.Filters = append(slices.Clone(narrowed.Filters), f.detection)
			narrowed.condition = allOf{narrowed.condition, f.condition}
		}
	}
	return &narrowed
}
