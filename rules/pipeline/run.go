package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// run is one document on its way through the pipelines.
type run struct {
	vars    map[string][]string
	tree    *document.Node // as it was; keys that a step sets are in head
	beside  []*document.Node
	head    map[string]*document.Node // top-level keys with another value
	body    string                    // the key of the selections: detection or filter, "" for a correlation
	parts   []*selection
	changed bool // a selection is not as it was

	state   map[string]string
	applied map[string]bool            // ids of steps
	renamed map[string]map[string]bool // by field: ids of the steps that gave the name
	custom  map[string]*document.Node  // attributes that a step set
	added   int                        // conditions
}

// selection is a named one of the body.
type selection struct {
	key    *document.Node
	groups []group
}

func newRun(vars map[string][]string, tree *document.Node, beside []*document.Node) *run {
	r := &run{
		vars: vars, tree: tree, beside: beside, head: map[string]*document.Node{}, state: map[string]string{}, applied: map[string]bool{},
		renamed: map[string]map[string]bool{}, custom: map[string]*document.Node{},
	}
	switch {
	case r.correlation() != nil:
	case tree.Child("filter") != nil:
		r.body = "filter"
	default:
		r.body = "detection"
	}
	body := tree.Child(r.body)
	if body == nil || body.Kind != document.Mapping {
		r.body = ""
		return r
	}
	for i, key := range body.Keys {
		if aside(key.Text) {
			continue
		}
		if all, ok := groups(body.Kids[i]); ok {
			r.parts = append(r.parts, &selection{key, all})
		}
	}
	return r
}

// aside are keys of a body that are no selections.
func aside(key string) bool { return key == "condition" || key == "rules" || key == "timeframe" }

func (r *run) correlation() *document.Node { return r.tree.Child("correlation") }

// get is a top-level key's value as the steps so far left it.
func (r *run) get(key string) *document.Node {
	if set, ok := r.head[key]; ok {
		return set
	}
	return r.tree.Child(key)
}

// items calls see for every item, until an error.
func (r *run) items(see func(*item) error) error {
	for _, part := range r.parts {
		for _, g := range part.groups {
			for _, i := range g {
				if err := see(i); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// maxGroups bounds what alternatives make of one selection.
const maxGroups = 1000

// replace gives each item that the step's conditions hold for to change, which returns what takes its place: nil for
// nothing else, an empty list for nothing at all, several groups for alternatives.
func (r *run) replace(s *step, change func(*item) ([]group, error)) error {
	for _, part := range r.parts {
		var made []group
		for _, g := range part.groups {
			all, err := r.product(s, g, change)
			if err != nil {
				return err
			}
			made = append(made, all...)
		}
		if len(made) > maxGroups {
			return r.refusal(part.key, fmt.Sprintf("the pipeline makes more than %d alternatives of %s", maxGroups, part.key.Text), "map its fields to fewer names")
		}
		if slices.ContainsFunc(made, func(g group) bool { return len(g) == 0 }) {
			return r.refusal(part.key, "the pipeline drops all of "+part.key.Text, "drop no item that stands alone in its selection")
		}
		part.groups = made
	}
	return nil
}

// product is a group with its items replaced.
func (r *run) product(s *step, g group, change func(*item) ([]group, error)) ([]group, error) {
	made := []group{nil}
	for _, i := range g {
		alternatives := []group{{i}}
		holds, err := s.meets(r, i)
		if err != nil {
			return nil, err
		}
		if holds {
			changed, err := change(i)
			if err != nil {
				return nil, err
			}
			if changed != nil {
				alternatives, r.changed = changed, true
				carry(changed, i, s.id)
			}
		}
		var longer []group
		for _, head := range made {
			for _, tail := range alternatives {
				longer = append(longer, slices.Concat(head, tail))
			}
			if len(longer) > maxGroups {
				return longer, nil
			}
		}
		made = longer
	}
	return made, nil
}

// carry notes in what took an item's place which steps changed it.
func carry(all []group, from *item, id string) {
	for _, g := range all {
		for _, i := range g {
			for known := range from.ids {
				i.ids[known] = true
			}
			if id != "" {
				i.ids[id] = true
			}
		}
	}
}

// meets reports whether a step's conditions on items and fields hold.
func (s *step) meets(r *run, i *item) (bool, error) {
	holds, err := s.item.hold(r, &subject{i, i.field})
	if err != nil || !holds {
		return false, err
	}
	if holds, err = s.fields.hold(r, &subject{i, i.field}); holds || err != nil {
		return holds, err
	}
	if i.has("fieldref") {
		for _, value := range i.values {
			if holds, err = s.fields.hold(r, &subject{nil, value.Text}); holds || err != nil {
				return holds, err
			}
		}
	}
	return false, nil
}

// written is the document with all changes.
func (r *run) written() (*document.Node, error) {
	made := *r.tree
	made.Keys, made.Kids = slices.Clone(r.tree.Keys), slices.Clone(r.tree.Kids)
	if r.changed {
		r.head[r.body] = r.writtenBody()
	}
	for _, key := range []string{"logsource", "detection", "filter", "correlation"} {
		value, set := r.head[key]
		if !set {
			continue
		}
		if at := slices.IndexFunc(made.Keys, func(k *document.Node) bool { return k.Text == key }); at >= 0 {
			made.Kids[at] = value
		}
	}
	return &made, nil
}

// writtenBody is the detection of the parts. Conditions that were added stand before the rule's own.
func (r *run) writtenBody() *document.Node {
	from := r.tree.Child(r.body)
	made := like(from, document.Mapping, "")
	for _, part := range r.parts {
		made.Keys, made.Kids = append(made.Keys, part.key), append(made.Kids, writeGroups(part.key, part.groups))
	}
	for i, key := range from.Keys {
		if !aside(key.Text) {
			continue
		}
		value := from.Kids[i]
		if set, ok := r.head["condition"]; ok && key.Text == "condition" {
			value = set
		}
		made.Keys, made.Kids = append(made.Keys, key), append(made.Kids, value)
	}
	return made
}

// fields are the names of all fields, each once.
func (r *run) fields() (all []string) {
	_ = r.items(func(i *item) error {
		if i.field != "" && !contains(all, i.field) {
			all = append(all, i.field)
		}
		return nil
	})
	return all
}

// source is a word of the log source.
func (r *run) source(key string) string { return strings.ToLower(r.get("logsource").Word(key)) }
