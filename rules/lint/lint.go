// Package lint says what in rules that load is not as their author meant it: parts that change nothing, fields that no
// event of the log source has, rules that would match nearly everything.
package lint

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// Report is what a check found.
type Report struct {
	Rules    int // that load, correlations too
	Refused  []rules.Fault
	Warnings []Warning
	Notes    []Warning // what is meant so, and good to know
}

// Check loads the rules of a source as a worker would, and looks at each. The warnings are sorted by file and line.
func Check(source fs.FS) (*Report, error) {
	fields, err := newKnowledge()
	if err != nil {
		return nil, err
	}
	library, loaded := rules.Load(source)
	c := &checker{
		library: library, fields: fields, report: &Report{Rules: library.Len() + len(library.Correlations), Refused: loaded.Refused},
		loaded: map[seen]bool{}, asked: map[logSource]map[string][]seen{}, sources: map[logSource][]seen{}, names: map[string]seen{},
	}
	c.shipped, _ = rules.Load(content.Files)
	for _, rule := range library.Sigma() {
		c.loaded[seen{file: rule.File, at: rule.Place}] = true
	}
	for _, filter := range library.Filters() {
		c.loaded[seen{file: filter.File, at: filter.Place}] = true
		c.idle(filter)
	}
	rules.EachFile(source, func(file rules.RuleFile) {
		if file.Err == nil {
			c.file(file.Name, file.Text)
		}
	})
	c.unknown()
	c.correlations()
	c.natives()
	c.notes(source)
	if c.report.Rules+len(c.report.Refused) == 0 {
		c.warn(seen{file: rules.NameIn(source, ".")}, NoRule, "no rule is here", "name the folder that holds the rules")
	}
	c.sort()
	return c.report, nil
}

type checker struct {
	library *rules.Library
	shipped *rules.Library
	fields  *knowledge
	report  *Report
	loaded  map[seen]bool // Sigma rules and filters, by place

	asked   map[logSource]map[string][]seen // where rules ask for a field
	sources map[logSource][]seen
	names   map[string]seen
}

// seen is a place in a file, and the rule that it is of.
type seen struct {
	file string
	at   document.Place
	rule string
}

func (c *checker) warn(where seen, kind, text, mend string) {
	c.report.Warnings = append(c.report.Warnings, Warning{kind, where.file, where.at.Line, where.at.Column, where.rule, text, mend})
}

// file looks at each document of a Sigma file.
func (c *checker) file(name string, text []byte) {
	trees, err := document.Read(text)
	if err != nil { // refused already
		return
	}
	for _, written := range trees {
		tree, err := c.library.Rewrite(written, trees)
		switch {
		case err != nil: // refused already
		case tree.Child("correlation") != nil:
			c.generate(name, tree)
		case !c.loaded[seen{file: name, at: tree.Place}]: // refused already
		case tree.Child("filter") != nil:
			c.detection(name, "filter", tree, written)
		default:
			c.head(name, tree)
			c.detection(name, "detection", tree, written)
		}
	}
}

// detection looks at the selections below a key, as the pipelines made them of what is written.
func (c *checker) detection(name, key string, tree, written *document.Node) {
	rule, detection := cmp.Or(tree.Word("id"), tree.Word("title")), tree.Child(key)
	for _, remark := range sigma.Examine(detection, c.library.Lists()) {
		if key == "filter" && remark.Kind == sigma.Broad { // a filter is there to say what an event lacks
			continue
		}
		c.warn(seen{name, remark.Place, rule}, remark.Kind, remark.Text, remark.Mend)
	}
	c.ask(name, rule, tree, detection, fieldsOf(written.Child(key)))
}

// idle says which names of a filter mean no rule.
func (c *checker) idle(filter *sigma.Filter) {
	for _, name := range filter.Idle(c.library.Sigma()) {
		of := logSource{filter.Product, filter.Category, filter.Service}
		c.warn(seen{filter.File, filter.Place, cmp.Or(filter.ID, filter.Title)}, IdleFilter, fmt.Sprintf("the filter narrows nothing: no rule of %s is named %s here", of, name), "name a rule by id or name, and a log source that it has")
	}
}

// notes says which rules take the place of shipped ones.
func (c *checker) notes(source fs.FS) {
	if source == fs.FS(content.Files) {
		return
	}
	ids := map[string]bool{}
	for _, rule := range c.shipped.Native() {
		ids[rule.ID] = true
	}
	note := func(file string, at document.Place, id string) {
		if ids[id] {
			c.report.Notes = append(c.report.Notes, Warning{Replaces, file, at.Line, at.Column, id, "takes the place of the shipped rule " + id, ""})
		}
	}
	for _, rule := range c.library.Native() {
		note(rule.File, document.Place{Line: 1, Column: 1}, rule.ID)
	}
	for _, rule := range c.library.Sigma() {
		note(rule.File, rule.Place, rule.ID)
	}
}

func (c *checker) sort() {
	order := func(a, b Warning) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
	}
	slices.SortFunc(c.report.Warnings, order)
	slices.SortFunc(c.report.Notes, order)
	slices.SortStableFunc(c.report.Refused, func(a, b rules.Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
}
