package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/engine"
)

// Native is one rule of our own form, with the events that prove it.
type Native struct {
	ID        string     `yaml:"id"`
	Title     string     `yaml:"title"`
	Level     soar.Level `yaml:"level"`
	Author    string     `yaml:"author"`
	Licence   string     `yaml:"licence"`
	Mapping   string     `yaml:"mapping"` // whose names the condition uses; the rule runs on streams of this mapping
	Tags      []string   `yaml:"tags"`    // attack.t1110.001, attack.credential-access, cve.2021-44228
	Opens     bool       `yaml:"opens"`
	Entity    []Named    `yaml:"entity"` // before the mapping's own
	Condition string     `yaml:"condition"`
	Events    []Sample   `yaml:"events"`

	// File is where it was read.
	File string `yaml:"-"`

	says    Match
	program *vm.Program
}

// Sample is an event and whether the rule must match it.
type Sample struct {
	Name  string         `yaml:"name"`
	Match bool           `yaml:"match"`
	Event map[string]any `yaml:"event"`
}

// isNative tells our form from Sigma's by its top-level key.
func isNative(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "condition:") {
			return true
		}
	}
	return false
}

func (l *loader) parseNative(name string, text []byte) (*Native, []Fault) {
	rule := &Native{File: name}
	if err := yaml.UnmarshalWithOptions(text, rule, yaml.Strict()); err != nil {
		return nil, []Fault{faultOf(name, err)}
	}
	var faults []Fault
	lines := keyLines(text)
	wrong := func(key, text, mend string) {
		faults = append(faults, Fault{File: name, Line: max(1, lines[key]), Text: text, Mend: mend})
	}
	if rule.ID == "" || rule.Title == "" {
		wrong("id", "the rule has no id or no title", "add id: and title:")
	}
	if rule.Level.Rank() < 0 {
		wrong("level", "unknown level "+string(rule.Level), "use informational, low, medium, high or critical")
	}
	mapping := l.library.mappings[rule.Mapping]
	if mapping == nil {
		wrong("mapping", "no mapping is named "+rule.Mapping, nearest("name a file of mappings/", rule.Mapping, slices.Sorted(maps.Keys(l.library.mappings))))
		return nil, faults
	}
	for _, entity := range rule.Entity {
		if _, ok := mapping.Fields[entity.Field]; !ok {
			wrong("entity", "mapping "+rule.Mapping+" has no field "+entity.Field, nearest("use one that it declares", entity.Field, slices.Sorted(maps.Keys(mapping.Fields))))
		}
	}
	seen := map[bool]bool{}
	for _, sample := range rule.Events {
		seen[sample.Match] = true
	}
	if len(seen) < 2 {
		wrong("events", "the rule carries no matching event or no near miss", "add events: with match: true and match: false")
	}
	program, err := compile(rule.Condition, mapping, l.lists)
	if err != nil {
		line, said := max(1, lines["condition"]), err.Error()
		placed := &file.Error{}
		if errors.As(err, &placed) {
			line, said = line+max(0, placed.Line-1), placed.Message
		}
		faults = append(faults, Fault{File: name, Line: line, Text: said, Mend: mapping.mend(rule.Condition, said)})
	}
	rule.program = program
	rule.says = Match{Rule: soar.Rule{ID: rule.ID, Title: rule.Title, Level: rule.Level, Version: version(text), Author: rule.Author, Licence: rule.Licence}, Opens: rule.Opens}
	rule.says.tag(rule.Tags)
	return rule, faults
}

// keyLines are the lines of the top-level keys.
func keyLines(text []byte) map[string]int {
	lines, n := map[string]int{}, 0
	for line := range strings.Lines(string(text)) {
		n++
		if key, _, ok := strings.Cut(line, ":"); ok && key != "" && key[0] > ' ' && key[0] != '#' {
			lines[key] = n
		}
	}
	return lines
}

// lowered is the rule as the engine reads it.
func (n *Native) lowered(mapping *Mapping) *engine.Native {
	fields := map[string]string{}
	for name, field := range mapping.Fields {
		fields[name] = field.Path
	}
	return &engine.Native{Mapping: n.Mapping, Condition: n.program.Node(), Fields: fields}
}

// holds runs the condition. An error is the condition's own: a key of an object that is none, a text that is no number.
func (n *Native) holds(env map[string]any) (bool, error) {
	holds, err := expr.Run(n.program, env)
	return err == nil && holds == true, err
}

// Tested is what became of one of a rule's events.
type Tested struct {
	Rule, Event string
	Want, Got   bool
}

// Test runs the events that the native rules carry, each against its own rule.
func (l *Library) Test() (tested []Tested, err error) {
	for _, rule := range l.native {
		matcher, err := l.For(rule.Mapping)
		if err != nil {
			return nil, err
		}
		var fault error
		matcher.Faulted = func(id string, err error) {
			if id == rule.ID {
				fault = err
			}
		}
		for _, sample := range rule.Events {
			event, err := json.Marshal(sample.Event)
			if err != nil {
				return nil, fmt.Errorf("rule %s, event %s: %w", rule.ID, sample.Name, err)
			}
			matches, err := matcher.Match(event)
			if err = errors.Join(err, fault); err != nil {
				return nil, fmt.Errorf("rule %s, event %s: %w", rule.ID, sample.Name, err)
			}
			got := slices.ContainsFunc(matches, func(m Match) bool { return m.Rule.ID == rule.ID })
			tested = append(tested, Tested{rule.ID, sample.Name, sample.Match, got})
		}
	}
	return tested, nil
}
