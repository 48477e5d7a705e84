package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// addCondition is one more selection, which must hold too.
type addCondition struct {
	conditions *document.Node
	name       string
	template   bool
	not        bool
}

func (t addCondition) apply(r *run, _ *step) error {
	if r.body == "" {
		return nil
	}
	r.added++
	name := t.name
	if name == "" {
		name = fmt.Sprintf("_cond_%d", r.added)
	}
	made := like(t.conditions, document.Mapping, "")
	made.Keys = t.conditions.Keys
	for _, kid := range t.conditions.Kids {
		made.Kids = append(made.Kids, t.filled(r, kid))
	}
	all, _ := groups(made)
	r.parts = append(r.parts, &selection{like(r.tree.Child(r.body), document.Text, name), all})
	r.changed = true
	r.head["condition"] = t.joined(r, name)
	return nil
}

// filled is a value with the rule's log source put in, if it is a template.
func (t addCondition) filled(r *run, from *document.Node) *document.Node {
	made := like(from, from.Kind, from.Text)
	if t.template && from.Kind == document.Text {
		var pairs []string
		for _, key := range []string{"category", "product", "service"} {
			pairs = append(pairs, "${"+key+"}", r.source(key), "$"+key, r.source(key))
		}
		made.Text = strings.NewReplacer(pairs...).Replace(from.Text)
	}
	for _, kid := range from.Kids {
		made.Kids = append(made.Kids, t.filled(r, kid))
	}
	return made
}

// joined is the rule's condition with the new one before it.
func (t addCondition) joined(r *run, name string) *document.Node {
	if t.not {
		name = "not " + name
	}
	from := r.head["condition"]
	if from == nil {
		from = r.tree.Child(r.body).Child("condition")
	}
	if from == nil {
		return like(r.tree, document.Text, name)
	}
	made := like(from, from.Kind, name+" and ("+from.Text+")")
	for _, kid := range from.Kids {
		made.Kids = append(made.Kids, like(kid, kid.Kind, name+" and ("+kid.Text+")"))
	}
	return made
}

func (rd *reader) addCondition(tree *document.Node) transformation {
	from := tree.Child("conditions")
	if from == nil || from.Kind != document.Mapping || slices.ContainsFunc(from.Kids, func(kid *document.Node) bool { return !scalarOrList(kid) }) {
		rd.refuse(tree, "add_condition has no conditions", "add conditions: with fields and their values")
		return nil
	}
	return addCondition{from, tree.Word("name"), rd.flag(tree, "template"), rd.flag(tree, "negated")}
}

// changeSource is another log source for the rule.
type changeSource struct{ words map[string]*document.Node }

func (t changeSource) apply(r *run, _ *step) error {
	from := r.get("logsource")
	if r.body == "" || from == nil {
		return nil
	}
	made := like(from, document.Mapping, "")
	for _, key := range sourceWords {
		if value := t.words[key]; value != nil {
			made.Keys, made.Kids = append(made.Keys, like(from, document.Text, key)), append(made.Kids, like(from, document.Text, value.Text))
		}
	}
	r.head["logsource"] = made
	return nil
}

var sourceWords = []string{"category", "product", "service"}

func (rd *reader) changeSource(tree *document.Node) transformation {
	made := changeSource{map[string]*document.Node{}}
	for _, key := range sourceWords {
		if value := tree.Child(key); value != nil && value.Kind != document.Null {
			made.words[key] = value
		}
	}
	if len(made.words) == 0 {
		rd.refuse(tree, "change_logsource names no log source", "add category, product or service")
	}
	return made
}

// setState notes a word for conditions of later steps.
type setState struct{ key, value string }

func (t setState) apply(r *run, _ *step) error {
	r.state[t.key] = t.value
	return nil
}

// setState takes value for val, as some write it.
func (rd *reader) setState(tree *document.Node) transformation {
	key := "val"
	if tree.Child("val") == nil && tree.Child("value") != nil {
		key = "value"
	}
	return setState{rd.text(tree, "key"), rd.text(tree, key)}
}

// setAttribute gives the rule an attribute for conditions of later steps.
type setAttribute struct {
	name  string
	value *document.Node
}

func (t setAttribute) apply(r *run, _ *step) error {
	r.custom[t.name] = t.value
	return nil
}

func (rd *reader) setAttribute(tree *document.Node) transformation {
	return setAttribute{rd.text(tree, "attribute"), tree.Child("value")}
}

// noEffect are transformations of the list of fields that a rule recommends to show, which nothing here reads.
type noEffect struct{}

func (noEffect) apply(*run, *step) error { return nil }

// fail refuses the rule; whole says that no condition on items or fields counts.
type fail struct {
	message string
	whole   bool
}

func (t fail) apply(r *run, s *step) error {
	said := func(at *document.Node) error {
		return r.refusal(at, "the pipeline refuses it: "+t.message, "mend the rule or the pipeline")
	}
	if t.whole {
		return said(r.tree)
	}
	return r.items(func(i *item) error {
		holds, err := s.meets(r, i)
		if err != nil || !holds {
			return err
		}
		return said(i.key)
	})
}

func failureOf(whole bool) func(*reader, *document.Node) transformation {
	return func(rd *reader, tree *document.Node) transformation { return fail{rd.text(tree, "message"), whole} }
}

// failUnmapped refuses a rule with a field that no step before gave its name.
type failUnmapped struct{}

func (failUnmapped) apply(r *run, _ *step) error {
	var unmapped []string
	for _, field := range r.fields() {
		if r.renamed[field] == nil {
			unmapped = append(unmapped, field)
		}
	}
	if len(unmapped) == 0 {
		return nil
	}
	return r.refusal(r.tree, "the pipeline maps no field "+strings.Join(unmapped, ", "), "add them to a mapping of the pipeline")
}

// nest is a pipeline within one.
type nest struct{ steps []*step }

func (t nest) apply(r *run, _ *step) error {
	for _, step := range t.steps {
		if err := step.apply(r); err != nil {
			return err
		}
	}
	return nil
}

func (rd *reader) nest(tree *document.Node) transformation {
	items := tree.Child("items")
	if items == nil || items.Kind != document.List {
		rd.refuse(tree, "nest has no items", "add items: with transformations")
		return nil
	}
	return nest{rd.steps(items)}
}
