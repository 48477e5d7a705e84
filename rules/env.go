package rules

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

// Conditions see the fields of their mapping, by name and type, and these functions:
//
//	raw("a.b.c")              the text at a path, declared or not
//	listed("name", text)      the text is in lists/name.yaml
//	within(address, "net/n")  the address lies in the network
//
// A field that is absent, or whose value is not of its type, makes every comparison false but == nil.

// compile makes a condition a program over the mapping's names.
func compile(condition string, mapping *Mapping, lists map[string][]string) (*vm.Program, error) {
	env := map[string]any{"raw": func(string) string { return "" }}
	for name, field := range mapping.Fields {
		env[name] = types[field.Type]
	}
	guard := &guardAbsent{mapping: mapping, lists: lists}
	program, err := expr.Compile(condition, expr.Env(env), expr.AsBool(), expr.Patch(guard),
		expr.Function("listed", func(params ...any) (any, error) {
			return slices.Contains(lists[params[0].(string)], params[1].(string)), nil
		}, new(func(string, string) bool)),
		expr.Function("within", func(params ...any) (any, error) {
			address, err := netip.ParseAddr(params[0].(string))
			network, wrong := netip.ParsePrefix(params[1].(string))
			return err == nil && wrong == nil && network.Contains(address.Unmap()), nil
		}, new(func(string, string) bool)))
	if err == nil && guard.fault != nil {
		guard.fault.placed = guard.fault.placed.Bind(file.NewSource(condition))
		err = guard.fault
	}
	return program, err
}

// misused is a call that can mean nothing, with its place and its mend.
type misused struct {
	placed *file.Error
	mend   string
}

// Error implements error.
func (m *misused) Error() string { return m.placed.Message }

// Unwrap gives the place, as errors of expr have it.
func (m *misused) Unwrap() error { return m.placed }

// env is what a condition sees of one event: every declared name, absent ones as nil. told, if there is one, hears of each
// whose value is not of its type.
func (m *Mapping) env(s *shape, told func(field string)) map[string]any {
	env := make(map[string]any, len(m.Fields)+1)
	env["raw"] = func(path string) string { return s.path(path) }
	for name, field := range m.Fields {
		value, _ := s.lookup(field.Path)
		if env[name] = coerce(value, field.Type); env[name] == nil && !empty(value) && told != nil {
			told(name)
		}
	}
	return env
}

// empty reports whether a value says nothing: null, or a list without elements.
func empty(value any) bool {
	list, isList := value.([]any)
	return value == nil || isList && len(list) == 0
}

// comparisons are the operators that an absent field makes false.
var comparisons = []string{"==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches"}

// guardAbsent puts `field != nil and` before every comparison and call.
type guardAbsent struct {
	mapping *Mapping
	lists   map[string][]string
	guarded map[ast.Node]bool
	fault   *misused
}

// Visit implements ast.Visitor.
func (g *guardAbsent) Visit(node *ast.Node) {
	if g.guarded == nil {
		g.guarded = map[ast.Node]bool{}
	}
	if g.guarded[*node] {
		return
	}
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		_, left := n.Left.(*ast.NilNode)
		_, right := n.Right.(*ast.NilNode)
		if !slices.Contains(comparisons, n.Operator) || left || right {
			return
		}
	case *ast.CallNode:
		name, _ := n.Callee.(*ast.IdentifierNode)
		if name == nil || name.Value != "listed" && name.Value != "within" {
			return
		}
		g.checkCall(name.Value, n)
	case *ast.BuiltinNode:
		if !slices.Contains([]string{"any", "all", "none", "one"}, n.Name) {
			return
		}
	default:
		return
	}
	g.wrap(node)
}

func (g *guardAbsent) checkCall(name string, call *ast.CallNode) {
	wrong := func(argument ast.Node, text, mend string) {
		g.fault = &misused{&file.Error{Location: argument.Location(), Message: text}, mend}
	}
	if len(call.Arguments) != 2 {
		return
	}
	switch name {
	case "listed":
		list, ok := call.Arguments[0].(*ast.StringNode)
		if !ok {
			wrong(call.Arguments[0], "listed wants a list's name", "write the name in quotes")
		} else if _, known := g.lists[list.Value]; !known {
			wrong(list, "no list is named "+list.Value, nearest("add lists/"+list.Value+".yaml", list.Value, slices.Sorted(maps.Keys(g.lists))))
		}
	case "within":
		written, ok := call.Arguments[1].(*ast.StringNode)
		if !ok {
			return
		}
		if network, err := netip.ParsePrefix(written.Value); err != nil || network.Addr().Is4In6() {
			wrong(written, strconv.Quote(written.Value)+" is no network", "write it as 192.0.2.0/24 or 2001:db8::/32")
		}
	}
}

func (g *guardAbsent) wrap(node *ast.Node) {
	whole := *node
	g.guarded[whole] = true
	names := &fieldNames{mapping: g.mapping}
	copied := whole
	ast.Walk(&copied, names)
	for _, name := range names.found {
		present := &ast.BinaryNode{Operator: "!=", Left: &ast.IdentifierNode{Value: name}, Right: &ast.NilNode{}}
		g.guarded[present] = true
		joined := &ast.BinaryNode{Operator: "and", Left: present, Right: whole}
		g.guarded[joined] = true
		whole = joined
	}
	if len(names.found) > 0 {
		ast.Patch(node, whole)
	}
}

// fieldNames collects the mapping's names in a part of a condition.
type fieldNames struct {
	mapping *Mapping
	found   []string
}

// Visit implements ast.Visitor.
func (f *fieldNames) Visit(node *ast.Node) {
	if id, ok := (*node).(*ast.IdentifierNode); ok && !slices.Contains(f.found, id.Value) {
		if _, declared := f.mapping.Fields[id.Value]; declared {
			f.found = append(f.found, id.Value)
		}
	}
}
