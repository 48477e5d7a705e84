package engine

import (
	"fmt"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// operation is what a node of a condition does.
type operation uint8

const (
	opTest operation = iota // a test of the event
	opAnd
	opOr
	opNot
	opUnsure // only the rule's own program tells: true here
)

// step is one node of the conditions of all rules; kids are steps, a test's arg is its number.
type step struct {
	op   operation
	arg  int32
	kids []int32
}

// wrong is what a rule cannot mean.
type wrong struct {
	line int
	text string
}

func (w *wrong) Error() string { return fmt.Sprintf("line %d: %s", w.line, w.text) }

// conditionReader turns a condition's words into steps by two stacks: operators wait for what binds tighter.
type conditionReader struct {
	c       *compiler
	named   map[string]int32
	order   []string
	line    int
	results []int32
	waiting []string
}

// binding is how tight an operator holds its operands; an open bracket holds nothing.
var binding = map[string]int{"(": 0, "or": 1, "and": 2, "not": 3}

// detection compiles selections and condition to one step.
func (c *compiler) detection(tree *document.Node) (int32, error) {
	c.spelled = 0
	r := &conditionReader{c: c, named: map[string]int32{}}
	for i, key := range tree.Keys {
		switch key.Text {
		case "condition", "timeframe":
			continue
		}
		made, err := c.selection(tree.Kids[i])
		if err != nil {
			return 0, err
		}
		r.named[key.Text], r.order = made, append(r.order, key.Text)
	}
	conditions := tree.Child("condition")
	if len(conditions.Words()) == 0 || len(r.order) == 0 {
		return 0, &wrong{tree.Line, "no condition or no selection"}
	}
	r.line = conditions.Line
	var any []int32
	for _, text := range conditions.Words() {
		made, err := r.read(text)
		if err != nil {
			return 0, err
		}
		any = append(any, made)
	}
	return c.join(opOr, any), nil
}

func (r *conditionReader) fault(text string) error { return &wrong{r.line, text} }

func (r *conditionReader) read(text string) (int32, error) {
	for _, bracket := range []string{"(", ")", "|"} {
		text = strings.ReplaceAll(text, bracket, " "+bracket+" ")
	}
	words := strings.Fields(text)
	r.results, r.waiting = nil, nil
	operand := false // the last word ended an operand
	for i := 0; i < len(words); i++ {
		word := strings.ToLower(words[i])
		switch {
		case !operand && (word == "not" || word == "("):
			if r.waiting = append(r.waiting, word); len(r.waiting) > 200 {
				return 0, r.fault("the condition is nested too deep")
			}
			continue
		case operand && (word == "and" || word == "or"):
			if err := r.settle(binding[word]); err != nil {
				return 0, err
			}
			r.waiting, operand = append(r.waiting, word), false
			continue
		case operand && word == ")":
			if err := r.close(); err != nil {
				return 0, err
			}
			continue
		case operand:
			return 0, r.fault("the condition does not end at " + words[i])
		}
		operand = true
		made, used, err := r.operand(words[i:])
		if err != nil {
			return 0, err
		}
		i += used - 1
		r.results = append(r.results, made)
	}
	if !operand {
		return 0, r.fault("the condition ends too early")
	}
	if err := r.settle(1); err != nil || len(r.waiting) > 0 {
		return 0, r.fault("a bracket is not closed")
	}
	return r.results[0], nil
}

// settle applies the waiting operators that bind as tight as that or tighter.
func (r *conditionReader) settle(tight int) error {
	for len(r.waiting) > 0 && binding[r.waiting[len(r.waiting)-1]] >= max(1, tight) {
		top := r.waiting[len(r.waiting)-1]
		r.waiting = r.waiting[:len(r.waiting)-1]
		arity, op := 2, opAnd
		switch top {
		case "or":
			op = opOr
		case "not":
			arity, op = 1, opNot
		}
		if len(r.results) < arity {
			return r.fault(top + " has no operand")
		}
		kids := append([]int32(nil), r.results[len(r.results)-arity:]...)
		r.results = append(r.results[:len(r.results)-arity], r.c.join(op, kids))
	}
	return nil
}

func (r *conditionReader) close() error {
	if err := r.settle(1); err != nil {
		return err
	}
	if len(r.waiting) == 0 {
		return r.fault("a bracket is not opened")
	}
	r.waiting = r.waiting[:len(r.waiting)-1]
	return r.settle(3) // a not before the bracket
}

// operand is a selection's name, or `1 of` and `all of` a pattern.
func (r *conditionReader) operand(words []string) (made int32, used int, err error) {
	if len(words) < 3 || !strings.EqualFold(words[1], "of") {
		made, ok := r.named[words[0]]
		if !ok {
			return 0, 0, r.fault("the condition names " + words[0] + ", which is no selection")
		}
		return made, 1, nil
	}
	op := opOr
	switch strings.ToLower(words[0]) {
	case "1", "any":
	case "all":
		op = opAnd
	default:
		return 0, 0, r.fault(words[0] + " of is not known")
	}
	var parts []int32
	for _, name := range r.order {
		hidden := strings.HasPrefix(name, "_")
		if words[2] == "them" && !hidden || fits(words[2], name) && (!hidden || strings.HasPrefix(words[2], "_")) {
			parts = append(parts, r.named[name])
		}
	}
	if len(parts) == 0 {
		return 0, 0, r.fault("no selection is named " + words[2])
	}
	return r.c.join(op, parts), 3, nil
}

// fits matches a name with a pattern whose stars stand for any text.
func fits(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name = name[at+len(part):]
	}
	return strings.HasSuffix(name, parts[len(parts)-1])
}
