package engine

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// programOf compiles one rule for each detection.
func programOf(t *testing.T, detections ...string) *Program {
	t.Helper()
	var rules []Rule
	for _, text := range detections {
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
	return program
}

// hits matches an event and says how many rules matched, and how much of tables and texts the sieve looked at for a byte.
func hits(t *testing.T, m *Matcher, event string) (rules int, work float64) {
	t.Helper()
	before := m.work
	found, err := m.Match([]byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return len(found), float64(m.work-before) / float64(len(event))
}

// TestTextFullOfHotRunsIsLittleWork: an attacker who knows the rules writes a value of nothing but what they look for.
func TestTextFullOfHotRunsIsLittleWork(t *testing.T) {
	var detections []string
	for i := range 2000 {
		detections = append(detections, fmt.Sprintf("a: {f|contains: 'aaaaaaaa%04daaaaaaaa'}\ncondition: a", i))
	}
	m := programOf(t, detections...).NewMatcher("")
	for _, text := range []string{"a", "aaaaaaa0", "0123", "aaaaaaaa0001aaaaaaa", `\\`, `\\aaaaaaaa`} {
		_, work := hits(t, m, `{"f":"`+strings.Repeat(text, 1<<20/len(text))+`"}`)
		if work > 2*crowded {
			t.Errorf("%q: %.1f looks for a byte", text, work)
		}
	}
	if n, _ := hits(t, m, `{"f":"x`+strings.Repeat("a", 99)+"0007"+strings.Repeat("a", 99)+`"}`); n != 1 {
		t.Errorf("%d rules match", n)
	}
}

// TestRowsOfBackslashes: whether a text begins within an escape is not counted back over a million of them for each place.
func TestRowsOfBackslashes(t *testing.T) {
	m := programOf(t, `a: {f|contains: '\\\\\\\\'}`+"\ncondition: a", `a: {f|contains: '\\\\\\\\net.exe'}`+"\ncondition: a", `a: {f|contains: 'ntfs.sys'}`+"\ncondition: a").NewMatcher("")
	row := strings.Repeat(`\\`, 1<<19)
	for event, want := range map[string]int{row: 1, row + "net.exe": 2, row + `\ntfs.sys`: 1, row + "ntfs.sys": 2} {
		n, work := hits(t, m, `{"f":"`+event+`"}`)
		if n != want || work > 3*manySlashes {
			t.Errorf("...%s: %d rules match, want %d, with %.1f looks for a byte", event[len(event)-12:], n, want, work)
		}
	}
}

// TestExpressionsOfManyStates: an automaton that would have thousands of states gives up and package regexp answers; the
// states of all expressions together are bounded too.
func TestExpressionsOfManyStates(t *testing.T) {
	var detections, expressions []string
	var text strings.Builder
	for i := range 80 {
		expression := fmt.Sprintf("x%d.*(a|b)*a(a|b){%d}c", i, 9+i%8/7*4)
		expressions = append(expressions, expression)
		detections = append(detections, "a: {f|re: '"+expression+"'}\ncondition: a")
		fmt.Fprintf(&text, "x%d", i)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1 << 14 {
		text.WriteByte("ab"[random.IntN(2)])
	}
	m := programOf(t, detections...).NewMatcher("")
	value := text.String() + "c"
	want := 0
	for _, expression := range expressions {
		if regexp.MustCompile(expression).MatchString(value) {
			want++
		}
	}
	if n, _ := hits(t, m, `{"f":"`+value+`"}`); n != want {
		t.Errorf("%d rules match, want %d", n, want)
	}
	all := 0
	for _, a := range m.automata {
		if a != nil {
			all += len(a.states)
		}
	}
	if all > maxAllStates+maxStates {
		t.Errorf("%d states", all)
	}
	m = programOf(t, detections[7]).NewMatcher("")
	if hits(t, m, `{"f":"`+value+`"}`); len(m.automata[0].states) > 0 {
		t.Errorf("%d states where it should have given up", len(m.automata[0].states))
	}
}

// TestLongLists: neither a million objects in a list nor a name in each of them is a deep recursion.
func TestLongLists(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(32 << 20))
	m := programOf(t, "a: {f.g: last}\ncondition: a").NewMatcher("")
	event := `{"f":[` + strings.Repeat(`{"g":"x"},`, 1<<20) + `{"g":"last"}]}`
	if n, _ := hits(t, m, event); n != 1 {
		t.Errorf("%d rules match", n)
	}
}

// TestComparedFieldsOfOneLetter: a field that is looked for in another has no rare byte when both are of one letter.
func TestComparedFieldsOfOneLetter(t *testing.T) {
	m := programOf(t, "a: {f|fieldref|contains: g}\ncondition: a").NewMatcher("")
	long, short := strings.Repeat("a", 1<<22), strings.Repeat("a", 1<<20)
	for event, want := range map[string]int{`{"f":"` + long + `","g":"` + short + `e"}`: 0, `{"f":"` + long + `e","g":"` + short + `e"}`: 1} {
		if n, _ := hits(t, m, event); n != want {
			t.Errorf("%d rules match, want %d", n, want)
		}
	}
}

// TestManySpellings: windash writes a value with five dashes in 3,125 ways. What a rule may ask for is bounded, and work and
// memory grow with it, not with its square.
func TestManySpellings(t *testing.T) {
	values := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("' -a%d -b -c -d -e'", i))
		}
		return "a: {f|windash|contains: [" + strings.Join(list, ", ") + "]}\ncondition: a"
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := programOf(t, values(8)).NewMatcher("")
	if n, _ := hits(t, m, `{"f":"x -a7 /b –c -d -e"}`); n != 1 {
		t.Errorf("%d rules match", n)
	}
	runtime.ReadMemStats(&after)
	if made := after.TotalAlloc - before.TotalAlloc; made > 500<<20 {
		t.Errorf("%d MiB were made for 25,000 texts", made>>20)
	}
	trees, err := document.Read([]byte(values(17)))
	if err != nil {
		t.Fatal(err)
	}
	if _, refused := Compile([]Rule{{Detection: trees[0], Category: "test"}}, nil); len(refused) != 1 {
		t.Errorf("refused %v, want the rule with 53,125 spellings", refused)
	}
}
