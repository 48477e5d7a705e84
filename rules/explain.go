package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/engine"
	"github.com/sallyport-soar/sallyport/rules/logsource"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// Explanation is why a rule matches an event, or which part of it does not.
type Explanation struct {
	Rule      RuleRef     `json:"rule"`
	Matched   bool        `json:"matched"` // applies, and its condition holds
	Applies   bool        `json:"applies"` // to the event's log source, or its mapping
	Wants     LogSource   `json:"wants"`   // what the rule is for
	Event     EventSource `json:"event"`
	Condition Part        `json:"condition"`
}

// RuleRef names a loaded rule.
type RuleRef struct {
	ID     string     `json:"id"`
	Title  string     `json:"title"`
	Level  soar.Level `json:"level"`
	File   string     `json:"file"`
	Native bool       `json:"native"`

	name   string // Sigma's, by which other rules refer to it
	number int    // in the program
}

// LogSource is what a rule is for: a native one names a mapping, another one a log source.
type LogSource struct {
	Mapping  string `json:"mapping,omitempty"`
	Product  string `json:"product,omitempty"`
	Category string `json:"category,omitempty"`
	Service  string `json:"service,omitempty"`
}

// EventSource is how an event was classified.
type EventSource struct {
	Mapping string `json:"mapping"` // "" if its shape is none of a mapping
	Named   bool   `json:"named"`   // the mapping was named, not told by the shape
	Windows string `json:"windows,omitempty"`
	Class   string `json:"logsource"` // product/service/categories; any: nothing tells it, so every Sigma rule is tried; none: no Sigma rule is
}

// Part is a part of a rule beside an event.
type Part struct {
	Kind      string   `json:"kind"` // all, any, not, selection, filter, item, keyword; expr in a native rule
	Name      string   `json:"name,omitempty"`
	Field     string   `json:"field,omitempty"`
	Modifiers []string `json:"modifiers,omitempty"`
	Line      int      `json:"line,omitempty"`
	Holds     bool     `json:"holds"`
	Decides   bool     `json:"decides"`         // the answer of the whole rests on it
	Fault     string   `json:"fault,omitempty"` // why a condition fails on the event
	Wanted    []Wanted `json:"wanted,omitempty"`
	Wants     int      `json:"count,omitempty"` // how many values the rule has, of which some are in Wanted
	Asked     []Asked  `json:"asked,omitempty"` // fields of the event
	Parts     []Part   `json:"parts,omitempty"`
}

// Wanted is a value of a rule as written.
type Wanted struct {
	Value string `json:"value"`
	Null  bool   `json:"null,omitempty"`
	Holds bool   `json:"holds"`
	Met   string `json:"met,omitempty"` // the text of the event in which a keyword is
}

// Bounds of an explanation, whose texts are an event's.
const (
	maxWanted = 20
	maxHeld   = 10
	maxShown  = 2000 // bytes of a text
)

// Explain says why a rule matches an event or not. An event that is no JSON object is a MalformedError.
func (m *Matcher) Explain(source []byte, rule RuleRef) (*Explanation, error) {
	eng := m.engines.Get().(*engine.Matcher)
	defer m.engines.Put(eng)
	if _, err := eng.Match(source); err != nil {
		if wrong, ok := errors.AsType[*engine.SyntaxError](err); ok {
			return nil, &MalformedError{int64(wrong.Offset), wrong.Reason}
		}
		return nil, err
	}
	c, err := m.completer(source)
	if err != nil {
		return nil, err
	}
	class := eng.Source()
	x := &explainer{completer: c, places: markedShape(c.shaped)}
	made := &Explanation{Rule: rule, Event: EventSource{Named: m.mapping != nil, Windows: x.windows(), Class: class.Key()}}
	if c.mapping != nil {
		made.Event.Mapping = c.mapping.ID
	}
	if rule.Native {
		err = x.native(made, m.library.native[rule.number])
	} else {
		err = x.sigma(made, m.library.sigma[rule.number-len(m.library.native)], class)
	}
	made.Matched = made.Applies && made.Condition.Holds
	return made, err
}

// explainer explains rules on one event.
type explainer struct {
	*completer
	places *shape // the event with each value's place instead of the value
}

// windows says where the event keeps Windows' fields.
func (x *explainer) windows() string {
	_, event := x.shaped.root["Event"].(map[string]any)
	_, winlog := x.shaped.root["winlog"].(map[string]any)
	switch {
	case event:
		return "below Event"
	case winlog:
		return "below winlog"
	case x.shaped.windows != nil:
		return "below data.win"
	case x.shaped.flat:
		return "at the top"
	}
	return ""
}

func (x *explainer) sigma(made *Explanation, rule sigmaRule, class logsource.Class) error {
	made.Wants = LogSource{Product: rule.Product, Category: rule.Category, Service: rule.Service}
	made.Applies = class.Takes(rule.Product, rule.Category, rule.Service)
	part, err := rule.Explain(sigma.NewEvent(x.shaped.root, x.shaped.lookup), x.library.lists, x.library.filters)
	if err != nil {
		return fmt.Errorf("explain %s: %w", rule.ID, err)
	}
	made.Condition = x.part(part)
	made.Condition.decide()
	return nil
}

func (x *explainer) part(of sigma.Part) Part {
	made := Part{
		Kind: of.Kind, Name: of.Name, Field: of.Field, Modifiers: of.Modifiers, Line: of.Line, Holds: of.Holds, Wants: len(of.Values),
	}
	for _, holds := range []bool{true, false} {
		for _, value := range of.Values {
			if value.Holds == holds && len(made.Wanted) < maxWanted {
				made.Wanted = append(made.Wanted, Wanted{shown(value.Text), value.Null, value.Holds, shown(value.Met)})
			}
		}
	}
	if of.Kind == sigma.KindItem {
		made.Asked = append(made.Asked, x.asked(of.Field, (*shape).lookup))
	}
	if slices.Contains(of.Modifiers, "fieldref") {
		for _, value := range made.Wanted {
			made.Asked = append(made.Asked, x.asked(value.Value, (*shape).lookup))
		}
	}
	for _, kid := range of.Parts {
		made.Parts = append(made.Parts, x.part(kid))
	}
	return made
}

// decide marks the part, and those in it on which its answer rests.
func (p *Part) decide() {
	p.Decides = true
	for i := range p.Parts {
		kid := &p.Parts[i]
		if p.Kind == sigma.KindNot || p.Kind == sigma.KindAny && (!p.Holds || kid.Holds) || p.Kind != sigma.KindAny && (p.Holds || !kid.Holds) {
			kid.decide()
		}
	}
}

// Rules are the loaded rules, native ones first.
func (l *Library) Rules() (all []RuleRef) {
	for _, rule := range l.native {
		all = append(all, RuleRef{rule.ID, rule.Title, rule.Level, rule.File, true, "", len(all)})
	}
	for _, rule := range l.sigma {
		all = append(all, RuleRef{rule.ID, rule.Title, soar.Level(rule.Level), rule.File, false, rule.Name, len(all)})
	}
	return all
}

// Find finds the one rule of an id, a name or a title, or the only one of which one begins so. Capitals are small letters.
func (l *Library) Find(name string) (RuleRef, error) {
	name = strings.ToLower(name)
	var same, begin []RuleRef
	for _, rule := range l.Rules() {
		called := []string{strings.ToLower(rule.ID), strings.ToLower(rule.name), strings.ToLower(rule.Title)}
		if slices.Contains(called, name) {
			same = append(same, rule)
		}
		if slices.ContainsFunc(called, func(one string) bool { return strings.HasPrefix(one, name) }) {
			begin = append(begin, rule)
		}
	}
	found := same
	if len(same) == 0 {
		found = begin
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) == 0 {
		return RuleRef{}, fmt.Errorf("no rule has the id, name or title %q, nor one that begins so: name another one, or --rules DIR", name)
	}
	var ids []string
	for _, rule := range found[:min(5, len(found))] {
		ids = append(ids, rule.ID+" ("+rule.Title+")")
	}
	return RuleRef{}, fmt.Errorf("%d rules are named so, %s: name one by its id", len(found), strings.Join(ids, ", "))
}
