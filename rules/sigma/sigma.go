// Package sigma reads Sigma rules (specification 2.1) and evaluates them on decoded events, plainly: what a rule means
// can be read off the code, and the fast engine is held against it.
package sigma

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	document.Place                    // where the document begins

	// Detection is the rule's detection as written, and Filters those of the filters that apply to it.
	Detection *document.Node
	Filters   []*document.Node

	condition expression
}

// Match reports whether the rule matches the event. Routing is the caller's.
func (r *Rule) Match(e *Event) bool { return r.condition.holds(e) }

// Fault is what is wrong with a file, where, and how it is mended.
type Fault struct {
	File         string
	Line, Column int // from 1; column 0 is not known
	Text, Mend   string
}

// Error implements error.
func (f Fault) Error() string {
	at := fmt.Sprintf("%s:%d", f.File, f.Line)
	if f.Column > 0 {
		at += ":" + strconv.Itoa(f.Column)
	}
	if f.Mend == "" {
		return at + ": " + f.Text
	}
	return at + ": " + f.Text + "; " + f.Mend
}

// fault is a Fault whose file is not known yet.
type fault struct {
	at         document.Place
	text, mend string
}

func (f *fault) Error() string { return f.in("line ").Error() }

func (f *fault) in(file string) Fault { return Fault{file, f.at.Line, f.at.Column, f.text, f.mend} }

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
		file.refuse(name, &fault{wrong.Place, wrong.Text, wrong.Mend})
		return file
	}
	if len(trees) == 0 {
		file.refuse(name, &fault{document.Place{Line: 1}, "the file holds no document", "write a rule or remove the file"})
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
		f.Refused = append(f.Refused, at.in(name))
		return
	}
	f.Refused = append(f.Refused, Fault{File: name, Line: 1, Text: err.Error()})
}

func (f *File) add(name string, tree *document.Node, lists map[string][]string) error {
	if tree.Kind != document.Mapping {
		return &fault{tree.Place, "the document is no mapping", "begin it with title:"}
	}
	if action := tree.Child("action"); action != nil {
		return &fault{action.Place, "action: " + action.Text + " is no part of Sigma 2", "write the rules out in full"}
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
		f.Warnings = append(f.Warnings, (&fault{warned.Place, warned.Text, warned.Mend}).in(name))
	}
}

type ruleParser struct {
	lists    map[string][]string
	later    string // the version that the rule names, if it is later than ours
	warnings []Remark
	explains bool // items keep how they are written
	spelled  int  // texts that windash made
}

var levels = []string{"informational", "low", "medium", "high", "critical"}

func (p *ruleParser) rule(tree *document.Node) (*Rule, error) {
	rule := &Rule{
		ID: tree.Word("id"), Title: tree.Word("title"), Name: tree.Word("name"), Level: strings.ToLower(tree.Word("level")),
		Author: tree.Word("author"), Licence: tree.Word("license"), Tags: tree.Child("tags").Words(), Place: tree.Place,
	}
	if rule.Title == "" {
		return nil, &fault{tree.Place, "the rule has no title", "add title:"}
	}
	if rule.ID == "" {
		rule.ID = cmp.Or(rule.Name, rule.Title)
	}
	if rule.Level == "" {
		rule.Level = "medium"
	}
	if !slices.Contains(levels, rule.Level) {
		return nil, &fault{tree.Child("level").Place, "unknown level " + rule.Level, "use one of " + strings.Join(levels, ", ")}
	}
	source := tree.Child("logsource")
	if source == nil || source.Kind != document.Mapping {
		return nil, &fault{tree.Place, "the rule has no logsource", "add logsource: with product, category or service"}
	}
	rule.Product, rule.Category, rule.Service = strings.ToLower(source.Word("product")), strings.ToLower(source.Word("category")), strings.ToLower(source.Word("service"))
	detection := tree.Child("detection")
	if detection == nil || detection.Kind != document.Mapping {
		return nil, &fault{tree.Place, "the rule has no detection", "add detection: with a selection and a condition"}
	}
	if version := tree.Word("sigma-version"); version > "2" && version[0] != '2' {
		p.later = version
	}
	condition, err := p.detection(detection)
	rule.condition, rule.Detection = condition, detection
	return rule, err
}
