package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// Tested is what became of one of a rule's events.
type Tested struct {
	Rule, File, Event string
	Want, Got         bool
	Near              bool   // an event that the rule rightly passes over, and that comes near it
	Skipped           string // why the event could not be tried, "" if it was
	Err               error  // why the rule failed on it
	Elsewhere         string // why a Sigma rule is not tried on it: it is another log source's; "" if the rule is
}

// Wrong reports whether it came out otherwise than the rule says.
func (t Tested) Wrong() bool { return t.Skipped == "" && (t.Err != nil || t.Got != t.Want) }

// Proved says which events a rule has that came out as it says.
type Proved struct {
	Rule, Title, File string
	Matching, Near    bool
}

// Trial is what became of all events that the rules of a source carry.
type Trial struct {
	Refused []Fault
	Tested  []Tested
	Rules   []Proved // by id
}

// Uncovered are the rules without a matching event and a near miss.
func (t *Trial) Uncovered() []Proved {
	return slices.DeleteFunc(slices.Clone(t.Rules), func(p Proved) bool { return p.Matching && p.Near })
}

// Test loads the rules of a source and tries the events that each carries on that rule, as a worker would. A native rule
// has them under events; so may a Sigma rule, whose format allows keys of one's own, and what its regression_tests_path
// names counts too. An event that must not match is a near miss if the rule's own conditions say that it comes near: a
// part of what the rule asks for holds, or, where it asks for one field only, the event has that field.
func Test(source fs.FS) *Trial {
	library, report := Load(source)
	t := &trial{library: library, source: source, made: &Trial{Refused: report.Refused}}
	t.matcher, _ = library.For(Auto) // it is always there
	t.matcher.Faulted = func(rule string, err error) {
		if rule == t.rule {
			t.fault = err
		}
	}
	for _, rule := range library.native {
		t.native(rule)
	}
	events := t.eventsOfSigma()
	for i, rule := range library.sigma {
		t.sigma(len(library.native)+i, rule, events[place{rule.File, rule.Line}])
	}
	for _, c := range library.Correlations {
		t.correlation(c)
	}
	slices.SortStableFunc(t.made.Rules, func(a, b Proved) int { return strings.Compare(a.Rule, b.Rule) })
	return t.made
}

type trial struct {
	library *Library
	source  fs.FS
	matcher *Matcher
	made    *Trial
	rule    string // that is tried
	fault   error  // what it failed with
}

func (t *trial) native(rule *Native) {
	mapping := t.library.mappings[rule.Mapping]
	parts := rule.parts(mapping, t.library.lists)
	proved := Proved{Rule: rule.ID, Title: rule.Title, File: rule.File}
	matcher, err := t.library.For(rule.Mapping)
	for _, sample := range rule.Events {
		tested := Tested{Rule: rule.ID, File: rule.File, Event: sample.Name, Want: sample.Match, Err: err}
		if err == nil {
			matcher.Faulted = t.matcher.Faulted
			t.try(matcher, &tested, sample.Event, func(root map[string]any) bool {
				return parts.near(mapping.env(newShape(root, t.library.shapes, rule.Mapping), nil))
			})
		}
		t.add(&proved, tested)
	}
	t.made.Rules = append(t.made.Rules, proved)
}

func (t *trial) sigma(number int, rule sigmaRule, events sigmaEvents) {
	proved := Proved{Rule: rule.ID, Title: rule.Title, File: rule.File}
	for _, sample := range events.samples {
		tested := Tested{Rule: rule.ID, File: rule.File, Event: sample.Name, Want: sample.Match}
		t.try(t.matcher, &tested, sample.Event, func(root map[string]any) bool {
			return rule.Near(sigma.NewEvent(root, newShape(root, t.library.shapes, "").lookup))
		})
		if tested.Wrong() && tested.Err == nil && tested.Want {
			tested.Elsewhere = t.elsewhere(number, sample.Event)
		}
		t.add(&proved, tested)
	}
	for _, recorded := range events.recorded {
		t.add(&proved, t.recorded(rule, recorded))
	}
	t.made.Rules = append(t.made.Rules, proved)
}

// elsewhere says why a rule is not tried on an event, "" if it is.
func (t *trial) elsewhere(number int, event any) string {
	source, err := json.Marshal(event)
	if err != nil {
		return ""
	}
	made, err := t.matcher.Explain(source, RuleRef{number: number})
	if err != nil || made.Applies {
		return ""
	}
	return fmt.Sprintf("the rule is for %s, and the event is of log source %s", made.Wants, strings.TrimRight(made.Event.Class, "/"))
}

func (t *trial) add(proved *Proved, tested Tested) {
	if tested.Skipped == "" && !tested.Wrong() {
		proved.Matching = proved.Matching || tested.Want
		proved.Near = proved.Near || tested.Near
	}
	t.made.Tested = append(t.made.Tested, tested)
}

// try gives the engine one event, and asks for a near miss if the rule passes it over.
func (t *trial) try(matcher *Matcher, tested *Tested, event any, near func(root map[string]any) bool) {
	source, err := json.Marshal(event)
	if err != nil {
		tested.Err = fmt.Errorf("the event is no JSON: %w", err)
		return
	}
	if tested.Got, tested.Err = t.matches(matcher, tested.Rule, source); tested.Err != nil || tested.Want || tested.Got {
		return
	}
	root, err := decode(source)
	tested.Err = err
	tested.Near = err == nil && near(root)
}

func (t *trial) matches(matcher *Matcher, rule string, source []byte) (bool, error) {
	t.rule, t.fault = rule, nil
	matches, err := matcher.Match(source)
	return slices.ContainsFunc(matches, func(m Match) bool { return m.Rule.ID == rule }), errors.Join(err, t.fault)
}
