package pipeline

import (
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// subject is the item of a detection, or the name of a field, that a condition judges; nil for a rule.
type subject struct {
	item  *item
	field string
}

// judge is one condition.
type judge func(r *run, on *subject) (bool, error)

// conditions are those of one kind of a transformation.
type conditions struct {
	all     []judge
	any     bool // one is enough
	not     bool
	formula formula // nil if all or any of them must hold
}

// hold reports whether they hold. None at all hold.
func (c *conditions) hold(r *run, on *subject) (bool, error) {
	if c.formula != nil {
		holds, err := c.formula(r, on)
		return holds != c.not, err
	}
	holds := !c.any || len(c.all) == 0
	for _, judge := range c.all {
		one, err := judge(r, on)
		if err != nil {
			return false, err
		}
		if one == c.any {
			holds = one
			break
		}
	}
	return holds != c.not, nil
}

// tester makes a condition of one type; keys are what it may say beside type.
type tester struct {
	keys []string
	make func(rd *reader, tree *document.Node) judge
}

// conditions reads those of one kind: a list, or a mapping of names that an expression joins.
func (rd *reader) conditions(tree *document.Node, kind string, types map[string]tester) (c conditions) {
	c.any = rd.one(tree, kind+"_cond_op", "and", "or") == "or"
	c.not = rd.flag(tree, kind+"_cond_not")
	from, expr := tree.Child(kind+"_conditions"), tree.Child(kind+"_cond_expr")
	named := map[string]judge{}
	if from != nil {
		for i, kid := range from.Kids {
			made := rd.condition(kid, types)
			if c.all = append(c.all, made); from.Kind == document.Mapping {
				named[from.Keys[i].Text] = made
			}
		}
	}
	if expr == nil {
		return c
	}
	if tree.Child(kind+"_cond_op") != nil || len(named) == 0 {
		rd.refuse(expr, kind+"_cond_expr needs conditions with names, and no "+kind+"_cond_op", "write "+kind+"_conditions as a mapping of names")
		return c
	}
	c.formula = rd.formula(expr, named)
	return c
}

func (rd *reader) condition(tree *document.Node, types map[string]tester) judge {
	kind := tree.Child("type")
	if kind == nil {
		rd.refuse(tree, "the condition has no type", "add type:")
		return always
	}
	of, ok := types[kind.Text]
	if !ok {
		rd.unknown(kind, "condition", namesOf(types))
		return always
	}
	for _, key := range tree.Keys {
		if key.Text != "type" && !contains(of.keys, key.Text) {
			rd.unknown(key, "key of "+kind.Text, of.keys)
		}
	}
	return of.make(rd, tree)
}

func always(*run, *subject) (bool, error) { return true, nil }

// formula joins conditions by name.
type formula = judge

// formula reads an expression of names, not, and, or and parentheses.
func (rd *reader) formula(at *document.Node, named map[string]judge) formula {
	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(at.Text))
	p := &formulaParser{words: words, named: named, seen: map[string]bool{}}
	made := p.or()
	switch {
	case p.wrong == "" && len(p.words) > 0:
		p.wrong = p.words[0] + " is one too many"
	case p.wrong == "" && len(p.seen) < len(named):
		p.wrong = "a condition is not used"
	}
	if p.wrong != "" {
		rd.refuse(at, "the expression "+at.Text+" can't be read: "+p.wrong, "join the names of the conditions by and, or, not and parentheses")
		return always
	}
	return made
}

type formulaParser struct {
	words []string
	named map[string]judge
	seen  map[string]bool
	wrong string
}

func (p *formulaParser) next(word string) bool {
	if len(p.words) == 0 || p.words[0] != word {
		return false
	}
	p.words = p.words[1:]
	return true
}

func (p *formulaParser) or() formula {
	left := p.and()
	for p.next("or") {
		first, second := left, p.and()
		left = func(r *run, on *subject) (bool, error) {
			if holds, err := first(r, on); holds || err != nil {
				return holds, err
			}
			return second(r, on)
		}
	}
	return left
}

func (p *formulaParser) and() formula {
	left := p.not()
	for p.next("and") {
		first, second := left, p.not()
		left = func(r *run, on *subject) (bool, error) {
			if holds, err := first(r, on); !holds || err != nil {
				return false, err
			}
			return second(r, on)
		}
	}
	return left
}

func (p *formulaParser) not() formula {
	switch {
	case p.next("not"):
		inner := p.not()
		return func(r *run, on *subject) (bool, error) {
			holds, err := inner(r, on)
			return !holds, err
		}
	case p.next("("):
		inner := p.or()
		if !p.next(")") && p.wrong == "" {
			p.wrong = "a parenthesis is not closed"
		}
		return inner
	case len(p.words) == 0:
		p.fail("it ends too early")
		return always
	}
	name := p.words[0]
	p.words = p.words[1:]
	if p.named[name] == nil {
		p.fail("no condition is named " + name)
		return always
	}
	p.seen[name] = true
	return p.named[name]
}

func (p *formulaParser) fail(why string) {
	if p.wrong == "" {
		p.wrong = why
	}
}
