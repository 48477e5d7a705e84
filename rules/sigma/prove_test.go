package sigma

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// words are all texts of at most so many letters.
func words(letters string, most int) []string {
	all := []string{""}
	for at := 0; len(all[at]) < most; at++ {
		for _, letter := range letters {
			all = append(all, all[at]+string(letter))
		}
	}
	return all
}

// TestWhatIsImpliedHoldsForEveryText: each claim about two values of one field is tried on every short text.
func TestWhatIsImpliedHoldsForEveryText(t *testing.T) {
	var items []part
	for _, mods := range []string{"", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased"} {
		for _, text := range words("aA*?", 2) {
			items = append(items, itemOf(t, "f"+mods, document.Text, text))
		}
	}
	texts := words("aAb", 3)
	events := make([]*Event, len(texts))
	for i, text := range texts {
		events[i] = NewEvent(map[string]any{"f": text}, nil)
	}
	claims := 0
	for _, a := range items {
		for _, b := range items {
			if !implies(a.means, b.means) {
				continue
			}
			claims++
			for i, event := range events {
				if a.means.holds(event) && !b.means.holds(event) {
					t.Errorf("%s is said to imply %s, and does not for %q", a.text, b.text, texts[i])
				}
			}
		}
	}
	if claims < 1000 {
		t.Errorf("only %d claims", claims)
	}
}

func itemOf(t *testing.T, key string, kind document.Kind, text string) part {
	t.Helper()
	p := &ruleParser{}
	made, err := p.item(&document.Node{Kind: document.Text, Text: key}, &document.Node{Kind: kind, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return part{text: key + ": " + text, means: made}
}

// TestNumbersImplyWhatTheyAreWithin: the same for comparisons of numbers.
func TestNumbersImplyWhatTheyAreWithin(t *testing.T) {
	var items []part
	for _, mod := range []string{"gt", "gte", "lt", "lte"} {
		for n := range 4 {
			items = append(items, itemOf(t, "f|"+mod, document.Number, fmt.Sprint(n)))
		}
	}
	claims := 0
	for _, a := range items {
		for _, b := range items {
			whole := true
			for _, value := range []string{"-1", "0", "0.5", "1", "1.5", "2", "2.5", "3", "4"} {
				event := NewEvent(map[string]any{"f": value}, nil)
				whole = whole && (!a.means.holds(event) || b.means.holds(event))
			}
			if said := implies(a.means, b.means); said != whole {
				t.Errorf("%s implies %s: said %v, is %v", a.text, b.text, said, whole)
			} else if said {
				claims++
			}
		}
	}
	if claims < 40 {
		t.Errorf("only %d claims", claims)
	}
}

func TestFieldsWithSeveralValuesExcludeNothing(t *testing.T) {
	remarks := examine(t, "sel:\n  f: a\nfilter:\n  f: b\ncondition: sel and not filter\n")
	if len(remarks) > 0 {
		t.Errorf("%v: an event may have both values", remarks)
	}
}

func examine(t *testing.T, text string) (said []string) {
	t.Helper()
	trees, err := document.Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Examine(trees[0], map[string][]string{"known": {"x"}}) {
		said = append(said, fmt.Sprintf("%d:%d %s: %s", r.Line, r.Column, r.Kind, r.Text))
		if r.Mend == "" {
			t.Errorf("%s has no mend", r.Kind)
		}
	}
	return said
}

func TestWhatADetectionHasOfNoUse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a rule with nothing to say": {"sel:\n  Image|endswith: '\\a.exe'\n  CommandLine|contains: [-x, -y]\nfilter:\n  User: root\ncondition: sel and not filter\n", nil},
		"a selection that is not used": {"sel:\n  f: abc\nother:\n  f: b\n_hidden:\n  f: c\ncondition: 1 of sel*\n", []string{
			"3:1 unused-selection: the condition never uses the selection other", "5:1 unused-selection: the condition never uses the selection _hidden",
		}},
		"never true":             {"sel:\n  f: abc\ncondition: sel and not sel\n", []string{"3:12 never-true: the condition can never be true"}},
		"a filter takes all":     {"sel:\n  f|endswith: .exe.bak\nfilter:\n  f|contains: .exe\ncondition: sel and not filter\n", []string{"5:12 never-true: "}},
		"never false":            {"sel:\n  f: abc\ncondition: sel or not sel\n", []string{"3:12 too-broad: ", "3:12 always-true: the condition can never be false"}},
		"a branch within one":    {"a:\n  f: abc\nb:\n  f|startswith: ab\nc:\n  g: xy\ncondition: a or b or c\n", []string{"1:1 no-effect: the selection a changes nothing in the condition, beside b"}},
		"a part that is implied": {"a:\n  f: abc\nb:\n  f|startswith: ab\ncondition: a and b\n", []string{"3:1 no-effect: the selection b changes nothing in the condition, beside a"}},
		"the same twice":         {"a:\n  f: abc\nb:\n  f: ABC\ncondition: a or b\n", []string{"3:1 no-effect: the selection b changes nothing"}},
		"a selection named twice": {"a:\n  f: abc\nb:\n  f: xyz\ncondition: a or (a and b)\n", []string{
			"3:1 no-effect: the selection b changes nothing in the condition", "1:1 no-effect: one of the places where the condition names a changes nothing",
		}},
		"values": {"sel:\n  f|contains:\n    - abcd\n    - bc\n    - BC\n    - xabc\ncondition: sel\n", []string{
			`5:7 repeated-value: "BC" says the same as "bc" in line 4`, `3:7 no-effect: "abcd" is covered by "bc" in line 4; so is one more of the list`,
		}},
		"values of all":  {"sel:\n  f|contains|all:\n    - abcd\n    - bc\ncondition: sel\n", []string{`4:7 no-effect: "bc" always holds where "abcd" in line 3 does`}},
		"items":          {"sel:\n  f|endswith: bcd\n  f|contains: cd\ncondition: sel\n", []string{`3:3 no-effect: "f|contains" always holds where "f|endswith" in line 2 does`}},
		"mappings":       {"sel:\n  - f: abc\n    g: x1\n  - f: abc\ncondition: sel\n", []string{`2:5 no-effect: "f and g" is covered by "f" in line 4`}},
		"keywords":       {"sel:\n  - abcd\n  - bc\ncondition: sel\n", []string{`2:5 no-effect: "abcd" is covered by "bc" in line 3`}},
		"networks":       {"sel:\n  f|cidr: [10.0.0.0/8, 10.1.0.0/16]\ncondition: sel\n", []string{`2:24 no-effect: "10.1.0.0/16" is covered by "10.0.0.0/8" in line 2`}},
		"only wildcards": {"sel:\n  f: '*'\ncondition: sel\n", []string{"3:12 too-broad: "}},
		"there or not":   {"sel:\n  f|exists: true\nnone:\n  g: null\ncondition: sel or none\n", []string{"5:12 too-broad: "}},
		"one character":  {"sel:\n  f|contains: e\ncondition: sel\n", []string{"3:12 too-broad: "}},
		"one rare character": {
			"sel:\n  f|contains: \u202e\ncondition: sel\n", nil,
		},
		"only what it lacks":     {"sel:\n  f: abc\ncondition: not sel\n", []string{"3:12 too-broad: "}},
		"any expression":         {"sel:\n  f|re: '.*'\ncondition: sel\n", []string{"3:12 too-broad: "}},
		"no list":                {"sel:\n  f|expand: '%nosuch%'\ncondition: sel\n", []string{"2:13 no-list: no list is named nosuch: f matches nothing"}},
		"a list":                 {"sel:\n  f|expand: '%known%'\ncondition: sel\n", nil},
		"an empty list":          {"sel:\n  f: []\ncondition: sel\n", []string{"2:3 empty-list: "}},
		"more than can be tried": {manySelections(20) + "condition: 1 of s*\n", nil},
	} {
		got := examine(t, c.text)
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		for i := range got {
			if !strings.HasPrefix(got[i], c.want[i]) {
				t.Errorf("%s: %q, want %q", name, got[i], c.want[i])
			}
		}
	}
}

func manySelections(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "s%d:\n  f: value%d\n", i, i)
	}
	return b.String()
}

func TestNearIsAPartOfWhatTheRuleAsksFor(t *testing.T) {
	const two = "title: x\nlogsource: {product: p}\ndetection:\n  sel:\n    a: '1x'\n    b: '2x'\n  filter:\n    c: '3x'\n  condition: sel and not filter\n"
	const one = "title: x\nlogsource: {product: p}\ndetection:\n  sel:\n    a: '1x'\n  condition: sel\n"
	const keyword = "title: x\nlogsource: {product: p}\ndetection:\n  sel: [needle]\n  condition: sel\n"
	for name, c := range map[string]struct {
		rule  string
		event map[string]any
		want  bool
	}{
		"one of two":             {two, map[string]any{"a": "1x"}, true},
		"filtered":               {two, map[string]any{"a": "1x", "b": "2x", "c": "3x"}, true},
		"a match is no miss":     {two, map[string]any{"a": "1x", "b": "2x"}, false},
		"only the filter":        {two, map[string]any{"c": "3x"}, false},
		"another value":          {one, map[string]any{"a": "9x"}, true},
		"another field":          {one, map[string]any{"z": "1x"}, false},
		"text without the word":  {keyword, map[string]any{"z": "hay"}, true},
		"nothing for a keyword":  {keyword, map[string]any{}, false},
		"the field is of no use": {two, map[string]any{"a": "9x", "b": "9x"}, false},
	} {
		file := Parse("x.yml", []byte(c.rule), nil)
		if len(file.Rules) != 1 {
			t.Fatal(file.Refused)
		}
		if got := file.Rules[0].Near(NewEvent(c.event, nil)); got != c.want {
			t.Errorf("%s: near is %v", name, got)
		}
	}
}

// TestSpellingsAreBounded: as in the engine, 16 values of 3,125 spellings are taken, and one more refuses the rule.
func TestSpellingsAreBounded(t *testing.T) {
	for n, refused := range map[int]int{16: 0, 17: 1} {
		text := "title: t\nlogsource: {category: test}\ndetection:\n  condition: a\n  a:\n    f|windash|contains:\n" + strings.Repeat("      - ' -a -b -c -d -e'\n", n)
		if file := Parse("r.yml", []byte(text), nil); len(file.Refused) != refused || len(file.Rules)+len(file.Refused) != 1 {
			t.Errorf("%d values: refused %v", n, file.Refused)
		}
	}
}
