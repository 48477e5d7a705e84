// Package pipeline changes Sigma rules before they are compiled, as Sigma's processing pipelines say: fields get other
// names, values and log sources are replaced, conditions are added, rules that can't be used are refused. Whoever reads
// the rule afterwards reads what the pipelines made of it, so that the engine and the plain evaluator see the same.
//
// The format is pySigma's (docs/guides/processing_pipelines.rst). What makes text of queries (postprocessing, finalizers,
// query_expression_placeholders) has no meaning here and is refused, as is what needs Python or reads from outside.
package pipeline

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// Pipeline is one file, read and checked.
type Pipeline struct {
	Name     string
	File     string
	Priority int // the lowest comes first

	vars  map[string][]string
	items []*step
}

// step is one transformation with what must hold for it.
type step struct {
	id                 string
	does               transformation
	rule, item, fields conditions
}

// transformation changes the rule of a run.
type transformation interface {
	apply(r *run, s *step) error
}

// Set are the pipelines that rules go through, as one. It is safe for concurrent use.
type Set struct {
	vars  map[string][]string
	steps []*step
}

// Join makes one of all, by priority and then in the order given. Of two variables of a name the later one counts.
func Join(all []*Pipeline) *Set {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *Pipeline) int { return cmp.Compare(a.Priority, b.Priority) })
	s := &Set{vars: map[string][]string{}}
	for _, p := range sorted {
		maps.Copy(s.vars, p.vars)
		s.steps = append(s.steps, p.items...)
	}
	return s
}

// Rewrite returns what the pipelines make of a document: a rule, a filter or a correlation. beside are the documents of its
// file, among which a correlation's rules are looked for. The document itself stays as it is. An error is a sigma.Fault
// without a file.
func (s *Set) Rewrite(tree *document.Node, beside []*document.Node) (*document.Node, error) {
	if len(s.steps) == 0 || tree.Kind != document.Mapping {
		return tree, nil
	}
	r := newRun(s.vars, tree, beside)
	for _, step := range s.steps {
		if err := step.apply(r); err != nil {
			return nil, err
		}
	}
	return r.written()
}

func (s *step) apply(r *run) error {
	holds, err := s.rule.hold(r, nil)
	if err != nil || !holds {
		return err
	}
	if s.id != "" {
		r.applied[s.id] = true
	}
	return s.does.apply(r, s)
}

// refusal is why a rule can't go through.
func (r *run) refusal(at *document.Node, text, mend string) error {
	return sigma.Fault{Line: at.Line, Column: at.Column, Text: text, Mend: mend}
}

// Read reads a file. A pipeline with a fault is not to be used: rules would mean something else without a part of it.
func Read(file string, content []byte) (*Pipeline, []sigma.Fault) {
	trees, err := document.Read(content)
	if wrong, ok := errors.AsType[*document.Error](err); ok {
		return nil, []sigma.Fault{{File: file, Line: wrong.Line, Column: wrong.Column, Text: wrong.Text, Mend: wrong.Mend}}
	}
	rd := &reader{file: file}
	if len(trees) != 1 || trees[0].Kind != document.Mapping {
		begin := &document.Node{}
		begin.Line = 1
		rd.refuse(begin, "the file is not one pipeline", "begin it with name: and transformations:")
		return nil, rd.faults
	}
	p := rd.pipeline(trees[0])
	return p, rd.faults
}
