package document

import (
	"errors"
	"strings"
	"testing"
)

// TestWhatIsNoRulesFileIsSaidWithItsPlace: each fault has its line, its column and its mend, and none takes long.
func TestWhatIsNoRulesFileIsSaidWithItsPlace(t *testing.T) {
	bomb := "- &a x\n" // nine to the power of forty values
	for i := range 40 {
		before := "*a" + strings.Repeat("a", i)
		bomb += "- &aa" + strings.Repeat("a", i) + " [" + strings.Repeat(before+", ", 8) + before + "]\n"
	}
	for name, c := range map[string]struct {
		text         string
		line, column int
		says, mend   string
	}{
		"a tab":             {"title: x\ndetection:\n\tsel: 1\n", 3, 1, "a tab stands where YAML wants spaces", "indent with spaces"},
		"no UTF-8":          {"title: x\nname: é\xff\n", 2, 8, "the file is no UTF-8 text", "save it as UTF-8"},
		"UTF-16":            {"\xff\xfet\x00i\x00", 1, 1, "the file is no UTF-8 text", "save it as UTF-8"},
		"a program":         {"\x7fELF\x01\x02\x00", 1, 5, "U+0001", "take it out"},
		"no end":            {"title: x\nlogsource: {a: [1,2\n", 2, 16, "sequence end token", "write it as YAML"},
		"a key twice":       {"a: 1\na: 2\n", 2, 1, "already defined", "write the key once"},
		"a bomb":            {bomb, 7, 0, "more than 300000 values", "several files"},
		"an unknown anchor": {"a:\n  b: *x\n", 2, 6, "no anchor &x", "in quotes"},
		"an anchor in it":   {"a: &x [*x]\n", 1, 8, "no anchor &x", "in quotes"},
		"brackets":          {"a: " + strings.Repeat("[", 100_000), 1, 5004, "nested too deep", "flatter"},
		"lists in lists":    {strings.Repeat("- ", 100_000), 1, 61, "nested too deep", "flatter"},
	} {
		_, err := Read([]byte(c.text))
		wrong, ok := errors.AsType[*Error](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if wrong.Line != c.line || c.column > 0 && wrong.Column != c.column || !strings.Contains(wrong.Text, c.says) || !strings.Contains(wrong.Mend, c.mend) {
			t.Errorf("%s: %d:%d: %s; %s", name, wrong.Line, wrong.Column, wrong.Text, wrong.Mend)
		}
	}
}

func TestAnAliasStandsForItsAnchor(t *testing.T) {
	trees, err := Read([]byte("\ufeffa: &x [1, two]\nb: *x\n"))
	if err != nil || len(trees) != 1 {
		t.Fatal(trees, err)
	}
	if words := trees[0].Child("b").Words(); len(words) != 2 || words[1] != "two" {
		t.Errorf("b is %v", words)
	}
	if at := trees[0].Child("a").Kids[1].Place; at != (Place{1, 11}) {
		t.Errorf("two stands at %v", at)
	}
}

// FuzzRead: whatever the bytes, reading them ends, and an error has a place.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"a: 1\n", "- [x, {y: z}]\n", "a: &x {b: 1}\nc: *x\n", "x: |\n  a\n --- \n", "? a\n: b", "\t", "a: !t b", "\"\\x41\"", "%YAML 1.2\n---\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		_, err := Read([]byte(text))
		if wrong, ok := errors.AsType[*Error](err); err != nil && (!ok || wrong.Line < 1 || wrong.Mend == "") {
			t.Errorf("%v", err)
		}
	})
}
