// Package sigma reads Sigma rules (specification 2.1) and evaluates them on decoded events, plainly: what a rule means
// can be read off the code, and the fast engine is held against it.
package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// Rule is one detection of a Sigma file, ready to match. It is safe for concurrent use.
type Rule struct {
	ID, Title, Level, Author, Licence string
	Product, Category, Service        string
	Tags                              []string
	Name                              string
	File                              string
	Line                              int

	// Detection is the rule's detection as written, and Filters those of the filters that apply to it.
	Detection *document.Node
	Filters   []*document.Node

	condition expression
}

// Match reports whether the rule matches the event. Routing is the caller's.
func (r *Rule) Match(e *Event) bool { return r.condition.holds(e) }

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
	Filters      []*Filter
	Refused      []Fault
	Warnings     []Fault
}

// Rewrite makes another document of one before it is read; beside are all those of its file. An error is a Fault without
// a file, and refuses the document.
type Rewrite func(tree *document.Node, beside []*document.Node) (*document.Node, error)

// Parse reads a file of one or more documents, each after the rewrites. lists are the values of the placeholders of the
// modifier expand. A refused document does not keep the others out.
func Parse(name string, content []byte, lists map[string][]string, rewrites ...Rewrite) (file File) {
	trees, err := document.Read(content)
	if wrong, ok := errors.AsType[*document.Error](err); ok {
		file.refuse(name, &fault{wrong.Line, wrong.Text, "write it as YAML"})
		return file
	}
	if len(trees) == 0 {
		file.refuse(name, &fault{1, "the file holds no document", "write a rule or remove the file"})
	}
	for _, tree := range trees {
		var err error
		for _, rewrite := range rewrites {
			if tree, err = rewrite(tree, trees); err != nil {
				break
			}
		}
		if err == nil {
			err = file.add(name, tree, lists)
		}
		if err != nil {
			file.refuse(name, err)
		}
	}
	return file
}

func (f *File) refuse(name string, err error) {
	if of, ok := errors.AsType[Fault](err); ok {
		of.File = name
		f.Refused = append(f.Refused, of)
		return
	}
	if at, ok := errors.AsType[*fault](err); ok {
		f.Refused = append(f.Refused, Fault{name, at.line, at.text, at.mend})
		return
	}
	f.Refused = append(f.Refused, Fault{File: name, Line: 1, Text: err.Error()})
}

func (f *File) add(name string, tree *document.Node, lists map[string][]string) error {
	if tree.Kind != document.Mapping {
		return &fault{tree.Line, "the document is no mapping", "begin it with title:"}
	}
	if action := tree.Child("action"); action != nil {
		return &fault{action.Line, "action: " + action.Text + " is no part of Sigma 2", "write the rules out in full"}
	}
	if tree.Child("correlation") != nil {
		made, err := parseCorrelation(tree)
		made.File = name
		if err == nil {
			f.Correlations = append(f.Correlations, made)
		}
		return err
	}
	p := &ruleParser{lists: lists}
	if tree.Child("filter") != nil {
		made, err := p.filter(tree)
		if err == nil {
			made.File = name
			f.Filters = append(f.Filters, made)
			f.warn(name, p)
		}
		return err
	}
	rule, err := p.rule(tree)
	if err != nil {
		return err
	}
	rule.File = name
	f.warn(name, p)
	f.Rules = append(f.Rules, rule)
	return nil
}

func (f *File) warn(name string, p *ruleParser) {
	for _, warned := range p.warnings {
		f.Warnings = append(f.Warnings, Fault{name, warned.line, warned.text, warned.mend})
	}
}

type ruleParser struct {
	lists    map[string][]string
	warnings []fault
}

var levels = []string{"informational", "low", "medium", "high", "critical"}

func (p *ruleParser) rule(tree *document.Node) (*Rule, error) {
	rule := &Rule{
		ID: tree.Word("id"), Title: tree.Word("title"), Name: tree.Word("name"), Level: strings.ToLower(tree.Word("level")),
		Author: tree.Word("author"), Licence: tree.Word("license"), Tags: tree.Child("tags").Words(), Line: tree.Line,
	}
	if rule.Title == "" {
		return nil, &fault{tree.Line, "the rule has no title", "add title:"}
	}
	if rule.ID == "" {
		rule.ID = rule.Title
	}
	if rule.Level == "" {
		rule.Level = "medium"
	}
	if !slices.Contains(levels, rule.Level) {
		return nil, &fault{tree.Child("level").Line, "unknown level " + rule.Level, "use one of " + strings.Join(levels, ", ")}
	}
	source := tree.Child("logsource")
	if source == nil || source.Kind != document.Mapping {
		return nil, &fault{tree.Line, "the rule has no logsource", "add logsource: with product, category or service"}
	}
	rule.Product, rule.Category, rule.Service = strings.ToLower(source.Word("product")), strings.ToLower(source.Word("category")), strings.ToLower(source.Word("service"))
	detection := tree.Child("detection")
	if detection == nil || detection.Kind != document.Mapping {
		return nil, &fault{tree.Line, "the rule has no detection", "add detection: with a selection and a condition"}
	}
	condition, err := p.detection(detection)
	rule.condition, rule.Detection = condition, detection
	return rule, err
}
