package engine

import (
	"github.com/expr-lang/expr/ast"
)

// Native is a rule of our own form: a condition over the names of a mapping.
type Native struct {
	Mapping   string
	Condition ast.Node
	Fields    map[string]string // by name: where it lies in an event
}

// native compiles what of a condition can be told from the event's bytes; the rule's own program says the rest.
func (c *compiler) native(rule *Native) int32 {
	n := &lowering{c, rule}
	return n.lower(rule.Condition)
}

type lowering struct {
	*compiler
	rule *Native
}

// lower is a step without which the condition does not hold.
func (n *lowering) lower(node ast.Node) int32 {
	switch node := node.(type) {
	case *ast.BinaryNode:
		switch node.Operator {
		case "and", "&&":
			return n.join(opAnd, []int32{n.lower(node.Left), n.lower(node.Right)})
		case "or", "||":
			return n.join(opOr, []int32{n.lower(node.Left), n.lower(node.Right)})
		}
		if made, ok := n.compare(node); ok {
			return made
		}
	}
	return n.unsure()
}

func (n *lowering) unsure() int32 {
	n.steps = append(n.steps, step{op: opUnsure})
	return int32(len(n.steps) - 1)
}

func (n *lowering) compare(node *ast.BinaryNode) (int32, bool) {
	name, ok := node.Left.(*ast.IdentifierNode)
	path, declared := "", false
	if ok {
		path, declared = n.rule.Fields[name.Value]
	}
	if !declared {
		return 0, false
	}
	field := n.layout.field(path)
	if _, absent := node.Right.(*ast.NilNode); absent {
		return 0, false
	}
	kinds := map[string]testKind{"==": equals, "contains": contains, "startsWith": startsWith, "endsWith": endsWith}
	if kind, known := kinds[node.Operator]; known {
		if text, isText := node.Right.(*ast.StringNode); isText {
			return n.test(test{field: field, kind: kind, cased: true, text: []byte(text.Value)}), true
		}
	}
	if node.Operator != "in" {
		return 0, false
	}
	list, isList := node.Right.(*ast.ArrayNode)
	if !isList {
		return 0, false
	}
	var any []int32
	for _, element := range list.Nodes {
		text, isText := element.(*ast.StringNode)
		if !isText {
			return 0, false
		}
		any = append(any, n.test(test{field: field, kind: equals, cased: true, text: []byte(text.Value)}))
	}
	return n.join(opOr, any), true
}
