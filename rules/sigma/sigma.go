// Package sigma reads Sigma rules (specification 2.1) and evaluates them on decoded events, plainly: what a rule means
// can be read off the code, and the fast engine is held against it.
package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Rule is one detection of a Sigma file, ready to match. It is safe for concurrent use.
type Rule struct {
	ID, Title, Level, Author, Licence string
	Product, Category, Service        string
	Tags                              []string
	File                              string
	Line                              int

	condition expression
}

// Match reports whether the rule matches the event. Routing is the caller's.
func (r *Rule) Match(e *Event) bool { return r.condition.holds(e) }

// Correlation is a correlation document. It is read and kept; this package does not evaluate it.
type Correlation struct {
	ID, Name, Title, Type string
	Rules                 []string
	File                  string
	Line                  int
}

// Fault is what is wrong with a file, where, and how it is mended.
type Fault struct {
	File       string
	Line       int // from 1
	Text, Mend string
}

// Error implements error.
func (f Fault) Error() string {
	if f.Mend == "" {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s; %s", f.File, f.Line, f.Text, f.Mend)
}

// fault is a Fault whose file is not known yet.
type fault struct {
	line       int
	text, mend string
}

func (f *fault) Error() string { return fmt.Sprintf("line %d: %s; %s", f.line, f.text, f.mend) }

// File is all that one file holds.
type File struct {
	Rules        []*Rule
	Correlations []Correlation
	Refused      []Fault
	Warnings     []Fault
}

// Parse reads a file of one or more documents. lists are the values of the placeholders of the modifier expand. A
// refused document does not keep the others out.
func Parse(name string, content []byte, lists map[string][]string) (file File) {
	trees, err := documents(content)
	if err != nil {
		file.refuse(name, err)
		return file
	}
	if len(trees) == 0 {
		file.refuse(name, &fault{1, "the file holds no document", "write a rule or remove the file"})
	}
	for _, tree := range trees {
		if err := file.add(name, tree, lists); err != nil {
			file.refuse(name, err)
		}
	}
	return file
}

func (f *File) refuse(name string, err error) {
	if at, ok := errors.AsType[*fault](err); ok {
		f.Refused = append(f.Refused, Fault{name, at.line, at.text, at.mend})
		return
	}
	f.Refused = append(f.Refused, Fault{File: name, Line: 1, Text: err.Error()})
}

func (f *File) add(name string, tree *node, lists map[string][]string) error {
	if tree.kind != mapping {
		return &fault{tree.line, "the document is no mapping", "begin it with title:"}
	}
	if action := tree.child("action"); action != nil {
		return &fault{action.line, "action: " + action.text + " is no part of Sigma 2", "write the rules out in full"}
	}
	if tree.child("correlation") != nil {
		made, err := parseCorrelation(tree)
		made.File = name
		if err == nil {
			f.Correlations = append(f.Correlations, made)
		}
		return err
	}
	p := &ruleParser{lists: lists}
	rule, err := p.rule(tree)
	if err != nil {
		return err
	}
	rule.File = name
	for _, warned := range p.warnings {
		f.Warnings = append(f.Warnings, Fault{name, warned.line, warned.text, warned.mend})
	}
	f.Rules = append(f.Rules, rule)
	return nil
}

type ruleParser struct {
	lists    map[string][]string
	warnings []fault
}

var levels = []string{"informational", "low", "medium", "high", "critical"}

func (p *ruleParser) rule(tree *node) (*Rule, error) {
	rule := &Rule{
		ID: tree.word("id"), Title: tree.word("title"), Level: strings.ToLower(tree.word("level")),
		Author: tree.word("author"), Licence: tree.word("license"), Tags: tree.child("tags").words(), Line: tree.line,
	}
	if rule.Title == "" {
		return nil, &fault{tree.line, "the rule has no title", "add title:"}
	}
	if rule.ID == "" {
		rule.ID = rule.Title
	}
	if rule.Level == "" {
		rule.Level = "medium"
	}
	if !slices.Contains(levels, rule.Level) {
		return nil, &fault{tree.child("level").line, "unknown level " + rule.Level, "use one of " + strings.Join(levels, ", ")}
	}
	source := tree.child("logsource")
	if source == nil || source.kind != mapping {
		return nil, &fault{tree.line, "the rule has no logsource", "add logsource: with product, category or service"}
	}
	rule.Product, rule.Category, rule.Service = strings.ToLower(source.word("product")), strings.ToLower(source.word("category")), strings.ToLower(source.word("service"))
	detection := tree.child("detection")
	if detection == nil || detection.kind != mapping {
		return nil, &fault{tree.line, "the rule has no detection", "add detection: with a selection and a condition"}
	}
	condition, err := p.detection(detection)
	rule.condition = condition
	return rule, err
}

func parseCorrelation(tree *node) (made Correlation, err error) {
	c := tree.child("correlation")
	made = Correlation{ID: tree.word("id"), Name: tree.word("name"), Title: tree.word("title"), Type: c.word("type"), Rules: c.child("rules").words(), Line: tree.line}
	known := []string{"event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median", "temporal", "temporal_ordered"}
	if c.kind != mapping || !slices.Contains(known, made.Type) {
		return made, &fault{c.line, "unknown correlation type " + made.Type, "use one of " + strings.Join(known, ", ")}
	}
	if len(made.Rules) == 0 && !strings.HasPrefix(made.Type, "temporal") {
		return made, &fault{c.line, "the correlation names no rules", "add rules:"}
	}
	if c.word("timespan") == "" {
		return made, &fault{c.line, "the correlation has no timespan", "add timespan: 5m"}
	}
	return made, nil
}
