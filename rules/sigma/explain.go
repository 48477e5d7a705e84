package sigma

import (
	"slices"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// Kinds of parts.
const (
	KindAll       = "all"
	KindAny       = "any"
	KindNot       = "not"
	KindSelection = "selection"
	KindFilter    = "filter"
	KindItem      = "item"
	KindKeyword   = "keyword"
)

// Part is a part of a rule beside an event: what it asks, and whether it holds.
type Part struct {
	Kind      string
	Name      string // of a selection, or a filter's title
	Field     string // of an item
	Modifiers []string
	Line      int // of an item
	Holds     bool
	Values    []Wanted
	Parts     []Part
}

// Wanted is one value of an item as written, and whether it is there.
type Wanted struct {
	Text  string
	Null  bool
	Holds bool
	Met   string // the text of the event in which a keyword is
}

// line is one item as written; only a rule that is explained keeps it.
type line struct {
	expression
	field  string
	mods   modifiers
	at     document.Place
	values []*document.Node
	parts  []expression
}

// Explain says of each part of the rule, and of the filters that narrow it, whether it holds for the event. The rule is
// read anew, with what was left out when it was loaded; lists are those that it was loaded with.
func (r *Rule) Explain(e *Event, lists map[string][]string, filters []*Filter) (Part, error) {
	p := &ruleParser{lists: lists, explains: true}
	condition, err := p.detection(r.Detection)
	if err != nil {
		return Part{}, err
	}
	whole := explain(condition, e)
	for _, filter := range filters {
		if !filter.appliesTo(r) {
			continue
		}
		narrows, err := p.detection(filter.detection)
		if err != nil {
			return Part{}, err
		}
		inner := explain(narrows, e)
		if whole.Kind != KindAll || len(whole.Parts) == 0 || whole.Parts[len(whole.Parts)-1].Kind != KindFilter {
			whole = Part{Kind: KindAll, Holds: whole.Holds, Parts: []Part{whole}}
		}
		whole.Parts = append(whole.Parts, Part{Kind: KindFilter, Name: filter.Title, Holds: inner.Holds, Parts: []Part{inner}})
		whole.Holds = whole.Holds && inner.Holds
	}
	return whole, nil
}

func explain(x expression, e *Event) Part {
	part := Part{Holds: x.holds(e)}
	switch x := x.(type) {
	case allOf:
		part.Kind, part.Parts = KindAll, explainAll(x, e)
	case anyOf:
		part.Kind, part.Parts = KindAny, explainAll(x, e)
		part.joinKeywords()
	case not:
		part.Kind, part.Parts = KindNot, []Part{explain(x.expression, e)}
	case selected:
		part.Kind, part.Name, part.Parts = KindSelection, x.name, []Part{explain(x.expression, e)}
	case line:
		return x.explain(e)
	}
	if (part.Kind == KindAll || part.Kind == KindAny) && len(part.Parts) == 1 {
		return part.Parts[0]
	}
	return part
}

func explainAll(all []expression, e *Event) (parts []Part) {
	for _, x := range all {
		parts = append(parts, explain(x, e))
	}
	return parts
}

// joinKeywords makes one part of a list of keywords.
func (p *Part) joinKeywords() {
	if slices.ContainsFunc(p.Parts, func(kid Part) bool { return kid.Kind != KindKeyword }) {
		return
	}
	joined := p.Parts[0]
	for _, kid := range p.Parts[1:] {
		joined.Values = append(joined.Values, kid.Values...)
	}
	joined.Holds = p.Holds
	p.Parts = []Part{joined}
}

func (l line) explain(e *Event) Part {
	part := Part{Kind: KindItem, Field: l.field, Modifiers: l.mods, Line: l.at.Line, Holds: l.holds(e)}
	if l.field == "" {
		part.Kind = KindKeyword
	}
	for i, x := range l.parts {
		wanted := Wanted{Text: l.values[i].Text, Null: l.values[i].Kind == document.Null, Holds: x.holds(e)}
		if l.field == "" && wanted.Holds {
			wanted.Met = met(x, e)
		}
		part.Values = append(part.Values, wanted)
	}
	return part
}

// met is a text of the event in which a keyword is.
func met(x expression, e *Event) string {
	switch x := x.(type) {
	case anyOf:
		for _, part := range x {
			if text := met(part, e); text != "" {
				return text
			}
		}
	case item:
		if at := slices.IndexFunc(e.all(), x.matcher.matches); at >= 0 {
			return e.all()[at].text
		}
	}
	return ""
}
