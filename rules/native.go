package rules

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/document"
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

	// File is where it was read, and Line where its condition stands in it.
	File string `yaml:"-"`
	Line int    `yaml:"-"`

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
	if trees, _ := document.Read(text); len(trees) > 1 {
		return nil, []Fault{{File: name, Line: trees[1].Line, Column: trees[1].Column, Text: "a second document begins", Mend: "write one native rule a file"}}
	}
	if wrong := document.Decode(text, rule); wrong != nil {
		return nil, []Fault{faultOf(name, wrong)}
	}
	var faults []Fault
	lines := keyLines(text)
	wrong := func(key, text, mend string) {
		faults = append(faults, Fault{File: name, Line: max(1, lines[key]), Column: 1, Text: text, Mend: mend})
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
		at, said := document.Place{Line: max(1, lines["condition"]), Column: 1}, err.Error()
		placed := &file.Error{}
		if errors.As(err, &placed) {
			at, said = placeIn(text, at.Line, placed), placed.Message
		}
		faults = append(faults, Fault{File: name, Line: at.Line, Column: at.Column, Text: said, Mend: mapping.mend(rule.Condition, err)})
	}
	rule.program, rule.Line = program, max(1, lines["condition"])
	rule.says = Match{Rule: soar.Rule{ID: rule.ID, Title: rule.Title, Level: rule.Level, Version: version(text), Author: rule.Author, Licence: rule.Licence}, Opens: rule.Opens}
	rule.says.tag(rule.Tags)
	return rule, faults
}

// placeIn is where in its file a condition is wrong: the condition begins on the key's line, or below it as a block.
func placeIn(text []byte, line int, placed *file.Error) document.Place {
	all := strings.Split(string(text), "\n")
	after := strings.TrimPrefix(all[line-1], "condition:")
	if written := strings.TrimSpace(after); written != "" && !strings.ContainsAny(written[:1], "|>") {
		if placed.Line > 1 {
			return document.Place{Line: line + placed.Line - 1}
		}
		head := len(all[line-1]) - len(strings.TrimLeft(after, " \"'"))
		return document.Place{Line: line, Column: head + placed.Column + 1}
	}
	line = min(line+placed.Line, len(all))
	indent := len(all[line-1]) - len(strings.TrimLeft(all[line-1], " "))
	return document.Place{Line: line, Column: indent + placed.Column + 1}
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

// Asks reports whether the condition asks anything of the event.
func (n *Native) Asks() bool {
	found := &asksEvent{}
	node := n.program.Node()
	ast.Walk(&node, found)
	return found.asks
}

type asksEvent struct{ asks bool }

// Visit implements ast.Visitor. Every name of a condition is a field's, but those of functions.
func (a *asksEvent) Visit(node *ast.Node) {
	if name, ok := (*node).(*ast.IdentifierNode); ok && name.Value != "listed" && name.Value != "within" {
		a.asks = true
	}
}

// holds runs the condition. An error is the condition's own: a key of an object that is none, a text that is no number.
func (n *Native) holds(env map[string]any) (bool, error) {
	holds, err := expr.Run(n.program, env)
	return err == nil && holds == true, err
}
