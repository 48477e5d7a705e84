package engine

import (
	"testing"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// TestPanicDropsOneRule: of a rule with a bug, an event is kept from that rule alone, and the rule is told.
func TestPanicDropsOneRule(t *testing.T) {
	var rules []Rule
	for _, text := range []string{"a: {f|gt: 1}\ncondition: a", "b: {f: 2}\ncondition: b"} {
		trees, err := document.Read([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, Rule{Detection: trees[0], Category: "test"})
	}
	program, refused := Compile(rules, nil)
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	matcher := program.NewMatcher("")
	if hits, err := matcher.Match([]byte(`{"f":2}`)); err != nil || len(hits) != 2 {
		t.Fatalf("%v, %v; want both rules", hits, err)
	}
	for i := range program.tests {
		if program.tests[i].kind == compares && program.tests[i].bound.operator == "gt" {
			program.tests[i].dear = nil // the bug
		}
	}
	var told []int
	hits, err := matcher.MatchAlone([]byte(`{"f":2}`), func(rule int, _ any) { told = append(told, rule) })
	if err != nil || len(hits) != 1 || hits[0].Rule != 1 {
		t.Errorf("%v, %v; want the second rule", hits, err)
	}
	if len(told) != 1 || told[0] != 0 {
		t.Errorf("told %v, want the first rule", told)
	}
}
