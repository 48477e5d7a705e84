package rules

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

func TestHostileEventsAreBounded(t *testing.T) {
	library, _ := loadSigma(t)
	h := hold(t, library, Auto)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	names := make([]string, 20_000)
	for i := range names {
		names[i] = fmt.Sprintf(`"n%d":"powershell -enc"`, i)
	}
	for _, event := range []string{
		deep(10_000),
		deep(10_001),
		`{"a":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}",
		"{" + strings.Join(names, ",") + "}",
		`{"Channel":"Microsoft-Windows-PowerShell/Operational","EventID":4104,"ScriptBlockText":"` + strings.Repeat("aaaa-w \\u0027`", 100_000) + `"}`,
		`{"Channel":"x","CommandLine":"mimikatz","CommandLine":"y","EventID":1}`,
		`{"EventID":` + strings.Repeat("9", 5000) + `,"Channel":"Security"}`,
		`{"EventID":1e999,"Channel":"Security","Logon_Type":-1E-999,"n":0.` + strings.Repeat("1", 5000) + `}`,
		`{"CommandLine":"\ud800 mimi\udc00katz \ud83d\ude00 \uDFFF\uD83D","Image":"\u0000\u007f\uffff"}`,
		"{\"CommandLine\":\"\xff\xfe\xc0\x80 \xed\xa0\x80 powershell \xf5\",\"Im\xffage\":\"x\"}",
	} {
		h.event([]byte(event))
	}
	h.settle()
}

// TestAHugeTextTakesBoundedMemory: an event costs some times its own size, and nothing of that is kept.
func TestAHugeTextTakesBoundedMemory(t *testing.T) {
	size := 100 << 20
	if raced || testing.Short() {
		size = 4 << 20
	}
	library, _ := loadSigma(t)
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	event := func(text string) []byte {
		return []byte(`{"Channel":"Microsoft-Windows-PowerShell/Operational","EventID":4104,"ScriptBlockText":"` + text + `"}`)
	}
	match := func(event []byte) {
		if _, err := matcher.Match(event); err != nil {
			t.Error(err)
		}
	}
	for range 300 {
		match(event("a few words, from which the class learns")) // it does so from its first events
	}
	huge := event(strings.Repeat("iex (new-object net.webclient) \\u0041 K\u212a ", size/48))
	before, kept := memory()
	match(huge)
	after, _ := memory()
	for range 10 {
		match(event("small"))
	}
	_, left := memory()
	runtime.KeepAlive(huge)
	t.Logf("an event of %d MB: %d MB allocated, %d MB left", size>>20, (after-before)>>20, (int64(left)-int64(kept))>>20)
	if after-before > uint64(10*size)+64<<20 {
		t.Errorf("%d MB were allocated for %d MB", (after-before)>>20, size>>20)
	}
	if left > kept+16<<20 {
		t.Errorf("%d MB were kept", (left-kept)>>20)
	}
}

// memory is what was allocated so far, and what is in use.
func memory() (total, used uint64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // a pool keeps its own over one
	runtime.ReadMemStats(&m)
	return m.TotalAlloc, m.HeapAlloc
}

// TestExpressionsThatBacktrackElsewhereAreBounded: what takes other engines for ever takes a pass over the text here.
func TestExpressionsThatBacktrackElsewhereAreBounded(t *testing.T) {
	files := fstest.MapFS{}
	for i, expression := range []string{"(a+)+$", "^(a|aa)+b", "(a|a?)+c$", "(.*)*d", "(x+x+)+y", "a.{1,900}b.{1,900}c", "(a*)*(a*)*(a*)*!", "(a|b|ab)*c.{3,200}d$"} {
		text := "title: T\nid: r" + string(rune('0'+i)) + "\nlogsource: {category: test}\ndetection:\n  s: {f|re: '" + expression + "'}\n  condition: s\n"
		files["r"+string(rune('0'+i))+".yml"] = &fstest.MapFile{Data: []byte(text)}
	}
	library, report := Load(files)
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	h := hold(t, library, Auto)
	for _, text := range []string{strings.Repeat("a", 30_000), strings.Repeat("a", 30_000) + "!", strings.Repeat("ab", 15_000) + "c", strings.Repeat("x", 30_000), strings.Repeat("abc", 3000) + "d"} {
		h.event([]byte(`{"f":"` + text + `"}`))
	}
	h.settle()
	if h.matched == 0 {
		t.Error("nothing matched")
	}
}
