package rules

import (
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// parts are the comparisons of a native rule's condition that help a match when they hold.
type parts struct {
	rules  []*Native // each with one comparison for its condition
	fields []string  // that they ask for
}

// parts cuts the condition at and, or and not.
func (n *Native) parts(mapping *Mapping, lists map[string][]string) (made parts) {
	tree, err := parser.Parse(n.Condition)
	if err != nil { // it was compiled: what the parser alone does not know is a part by itself
		made.rules = []*Native{n}
		return made
	}
	for _, leaf := range leaves(tree.Node, true, nil) {
		program, err := compile(leaf.String(), mapping, lists)
		if err != nil {
			continue
		}
		made.rules = append(made.rules, &Native{program: program})
		names := &fieldNames{mapping: mapping}
		ast.Walk(&leaf, names)
		for _, name := range names.found {
			if !slices.Contains(made.fields, name) {
				made.fields = append(made.fields, name)
			}
		}
	}
	return made
}

// leaves are the comparisons below and, or and not; wanted says that one helps a match when it holds.
func leaves(node ast.Node, wanted bool, into []ast.Node) []ast.Node {
	switch n := node.(type) {
	case *ast.BinaryNode:
		if slices.Contains([]string{"and", "&&", "or", "||"}, n.Operator) {
			return leaves(n.Right, wanted, leaves(n.Left, wanted, into))
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return leaves(n.Node, !wanted, into)
		}
	}
	if wanted {
		into = append(into, node)
	}
	return into
}

// near reports whether an event that the rule passes over comes near it.
func (p parts) near(env map[string]any) bool {
	for _, part := range p.rules {
		if holds, err := part.holds(env); holds && err == nil {
			return true
		}
	}
	return len(p.fields) == 1 && env[p.fields[0]] != nil
}
