package effect_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

func TestTableOfEffects(t *testing.T) {
	steps := stepsOfTheContract(t)
	var inTable []string
	seen := map[string]bool{}
	for _, row := range effect.Table() {
		inTable = append(inTable, row.Step)
		name := row.Kind + " on " + row.System + " by " + row.Step
		if seen[name] {
			t.Errorf("%s: two rows", name)
		}
		seen[name] = true
		if !slices.Contains(steps, row.Step) {
			t.Errorf("%s: the contract has no such step", name)
		}
		if v := reflect.ValueOf(row); row.Attempts < 0 {
			t.Errorf("%s: %d attempts", name, row.Attempts)
		} else {
			for i := range v.NumField() {
				if f := v.Field(i); f.Kind() == reflect.String && strings.TrimSpace(f.String()) == "" {
					t.Errorf("%s: %s is not said", name, v.Type().Field(i).Name)
				}
			}
		}
		if unknowable := strings.HasPrefix(row.Recognised, "can't be"); unknowable && row.Attempts != effect.Once {
			t.Errorf("%s: an attempt that can't be recognised is repeated", name)
		}
	}
	for _, step := range steps {
		changes, looks := slices.Contains(inTable, step), slices.Contains(effect.ReadOnly(), step)
		if changes == looks {
			t.Errorf("step %s: in the table %v, read-only %v; want exactly one", step, changes, looks)
		}
	}
	for _, step := range effect.ReadOnly() {
		if !slices.Contains(steps, step) {
			t.Errorf("read-only step %s: the contract has no such step", step)
		}
	}
}

// TestWhatIsTriedOnceHasOneAttempt reads the workflows: a step whose row says Once is run with the options named once, and
// no other step is.
func TestWhatIsTriedOnceHasOneAttempt(t *testing.T) {
	var once []string
	for _, row := range effect.Table() {
		if row.Attempts == effect.Once {
			once = append(once, row.Step)
		}
	}
	run := map[string]bool{}
	for _, file := range parse(t, filepath.Join(shared.Root(t), "workflows")) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 || stepNamed(call.Args[1]) == "" {
				return true
			}
			if !slices.Contains(once, stepNamed(call.Args[1])) {
				if mentions(call.Args[0], "once") {
					t.Errorf("%s can be recognised, but is run with the options once", stepNamed(call.Args[1]))
				}
				return true
			}
			run[stepNamed(call.Args[1])] = true
			if !mentions(call.Args[0], "once") {
				t.Errorf("%s is tried once, but is not run with the options once", stepNamed(call.Args[1]))
			}
			return true
		})
	}
	for _, step := range once {
		if !run[step] {
			t.Errorf("no workflow was seen to run %s, which is tried once: nothing holds it to that", step)
		}
	}
}

// TestDriversOfTheTableAreProved: each system on which something is contained has a driver that passes the suite.
func TestDriversOfTheTableAreProved(t *testing.T) {
	proved := 0
	for _, row := range effect.Table() {
		if row.Step != "CarryOut" {
			continue
		}
		tests, err := filepath.Glob(filepath.Join(shared.Root(t), "activities", row.System, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		runs := slices.ContainsFunc(tests, func(name string) bool {
			text, err := os.ReadFile(name)
			return err == nil && strings.Contains(string(text), "drivertest.Run(")
		})
		if !runs {
			t.Errorf("%s on %s: no test of the system runs drivertest", row.Kind, row.System)
		}
		proved++
	}
	if proved < 2 {
		t.Errorf("only %d drivers are in the table", proved)
	}
}

// stepNamed returns X of activities.X.
func stepNamed(e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "activities" {
			return s.Sel.Name
		}
	}
	return ""
}

func mentions(e ast.Expr, name string) (found bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && strings.Contains(strings.ToLower(id.Name), name)
		return true
	})
	return found
}

// stepsOfTheContract lists the names of all Step values in package activities.
func stepsOfTheContract(t *testing.T) (steps []string) {
	t.Helper()
	for _, file := range parse(t, filepath.Join(shared.Root(t), "activities")) {
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			index, ok := literal.Type.(*ast.IndexListExpr)
			if !ok || len(literal.Elts) != 1 {
				return true
			}
			if id, ok := index.X.(*ast.Ident); ok && id.Name == "Step" {
				name, err := strconv.Unquote(literal.Elts[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				steps = append(steps, name)
			}
			return true
		})
	}
	if len(steps) < 20 {
		t.Fatalf("found only the steps %v", steps)
	}
	return steps
}

func parse(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
