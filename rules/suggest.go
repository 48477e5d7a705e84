package rules

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// unknownName is how expr tells of a name that the mapping does not declare, and mistyped of values that do not fit.
var (
	unknownName = regexp.MustCompile(`^unknown name (\S+)`)
	mistyped    = regexp.MustCompile(`mismatched types|cannot use .* as|expected bool`)
)

// mend says how a condition that does not compile is mended: by the name that was most likely meant, or by the types of the
// fields that it asks.
func (m *Mapping) mend(condition string, err error) string {
	if call, ok := errors.AsType[*misused](err); ok {
		return call.mend
	}
	said := err.Error()
	placed := &file.Error{}
	if errors.As(err, &placed) {
		said = placed.Message
	}
	switch {
	case strings.HasPrefix(said, "error parsing regexp"):
		return "write it without look-around and back references (RE2)"
	case strings.HasPrefix(said, "unexpected token"), strings.HasPrefix(said, "literal not terminated"):
		return "correct the expression: a name, an operator or a bracket is missing, or one too many"
	}
	names := slices.Sorted(maps.Keys(m.Fields))
	if found := unknownName.FindStringSubmatch(said); found != nil {
		if best := document.Nearest(found[1], append(names, "raw", "listed", "within")); best != "" {
			return fmt.Sprintf("did you mean %s?", best)
		}
	}
	if mistyped.MatchString(said) {
		if asked := m.asked(condition); len(asked) > 0 {
			return "compare each field with a value of its type: " + strings.Join(asked, ", ")
		}
	}
	return "use the fields that mapping " + m.ID + " declares, or raw(\"a.b\")"
}

// asked are the fields of a condition with their types.
func (m *Mapping) asked(condition string) (all []string) {
	tree, err := parser.Parse(condition)
	if err != nil {
		return nil
	}
	found := &fieldNames{mapping: m}
	ast.Walk(&tree.Node, found)
	for _, name := range found.found {
		all = append(all, name+" is "+meant[m.Fields[name].Type])
	}
	return all
}

// meant are the types with a value of each.
var meant = map[string]string{
	"string": `a string (== "a")`, "int": "an int (== 1)", "float": "a float (> 1.5)", "bool": "a bool (== true)", "list": `a list ("a" in it)`,
}

// nearest adds the name that was most likely meant to a mend.
func nearest(mend, name string, known []string) string {
	if best := document.Nearest(name, known); best != "" {
		return "did you mean " + best + "?"
	}
	return mend
}
