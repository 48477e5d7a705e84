package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// KindExpr is a comparison, a call or a name in a native rule's condition.
const KindExpr = "expr"

// native explains a native rule: its condition as a whole has the last word, and each part of it is asked by itself.
func (x *explainer) native(made *Explanation, rule *Native) error {
	made.Wants = LogSource{Mapping: rule.Mapping}
	made.Applies = x.mapping != nil && x.mapping.ID == rule.Mapping
	tree, err := parser.Parse(rule.Condition)
	if err != nil {
		return fmt.Errorf("explain %s: %w", rule.ID, err)
	}
	n := &nativeExplainer{x, x.library.mappings[rule.Mapping], x.env(rule.Mapping)}
	part := n.part(tree.Node)
	holds, err := rule.holds(n.env)
	part.Holds = holds
	if err != nil {
		part.Fault = said(err)
	}
	part.decide()
	made.Condition = part
	return nil
}

type nativeExplainer struct {
	*explainer
	mapping *Mapping
	env     map[string]any
}

func (n *nativeExplainer) part(node ast.Node) Part {
	switch node := node.(type) {
	case *ast.BinaryNode:
		switch node.Operator {
		case "and", "&&":
			return joined(sigma.KindAll, n.part(node.Left), n.part(node.Right))
		case "or", "||":
			return joined(sigma.KindAny, n.part(node.Left), n.part(node.Right))
		}
	case *ast.UnaryNode:
		if node.Operator == "not" || node.Operator == "!" {
			kid := n.part(node.Node)
			return Part{Kind: sigma.KindNot, Holds: !kid.Holds && kid.Fault == "", Fault: kid.Fault, Parts: []Part{kid}}
		}
	}
	return n.leaf(node)
}

// joined joins two parts; a part of the same kind gives its own parts. A fault counts where expr's machine meets it: it
// asks the parts in their order, and no further than it must.
func joined(kind string, left, right Part) Part {
	made := Part{Kind: kind}
	for _, part := range []Part{left, right} {
		if part.Kind == kind {
			made.Parts = append(made.Parts, part.Parts...)
		} else {
			made.Parts = append(made.Parts, part)
		}
	}
	for _, part := range made.Parts {
		if made.Holds, made.Fault = part.Holds, part.Fault; part.Fault != "" || part.Holds == (kind == sigma.KindAny) {
			break
		}
	}
	return made
}

// leaf asks a part by itself, with what makes absent fields false.
func (n *nativeExplainer) leaf(node ast.Node) Part {
	part := Part{Kind: KindExpr, Name: shown(node.String())}
	program, err := compile(node.String(), n.mapping, n.library.lists)
	if err == nil {
		part.Holds, err = (&Native{program: program}).holds(n.env)
	}
	if err != nil {
		part.Fault = said(err)
	}
	names := &fieldNames{mapping: n.mapping}
	ast.Walk(&node, names)
	for _, name := range names.found {
		part.Asked = append(part.Asked, n.declared(name))
	}
	raw := &rawPaths{}
	ast.Walk(&node, raw)
	for _, path := range raw.found {
		part.Asked = append(part.Asked, n.asked(path, func(s *shape, path string) (any, bool) { return sigma.Path(s.root, path) }))
	}
	return part
}

// said is what an error says, without the line of the condition that expr draws below.
func said(err error) string {
	first, _, _ := strings.Cut(err.Error(), "\n")
	return shown(first)
}

// declared is a field of the mapping.
func (n *nativeExplainer) declared(name string) Asked {
	field := n.mapping.Fields[name]
	made := n.asked(field.Path, (*shape).lookup)
	made.Name, made.Path, made.Type = name, field.Path, field.Type
	value, _ := n.shaped.lookup(field.Path)
	if n.env[name] == nil && !empty(value) {
		made.Fault = "is no " + field.Type + ": the field counts as absent"
	}
	return made
}

// rawPaths collects the paths that raw is called with.
type rawPaths struct{ found []string }

// Visit implements ast.Visitor.
func (r *rawPaths) Visit(node *ast.Node) {
	call, ok := (*node).(*ast.CallNode)
	if !ok || len(call.Arguments) != 1 {
		return
	}
	callee, _ := call.Callee.(*ast.IdentifierNode)
	path, isText := call.Arguments[0].(*ast.StringNode)
	if callee != nil && callee.Value == "raw" && isText && !slices.Contains(r.found, path.Value) {
		r.found = append(r.found, path.Value)
	}
}
