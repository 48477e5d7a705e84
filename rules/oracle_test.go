package rules

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fast is what the engine finds, as the product runs it, by id.
func fast(m interface{ Match([]byte) ([]Match, error) }, event []byte) ([]string, error) {
	matches, err := m.Match(event)
	var ids []string
	for _, match := range matches {
		ids = append(ids, match.Rule.ID)
	}
	return ids, err
}

// held holds the engine against the plain evaluator on events as they come, some at once.
type held struct {
	*testing.T
	matcher       *Matcher
	oracle        *plain
	waiting       [][]byte
	sigma, native int // rules that were tried
	matched       int
}

// atOnce is how many events share a pass over the rules.
const atOnce = 256

func (h *held) event(event []byte) {
	if h.waiting = append(h.waiting, bytes.Clone(event)); len(h.waiting) >= atOnce {
		h.settle()
	}
}

// settle compares the events that wait.
func (h *held) settle() {
	for i, want := range h.oracle.answers(h.waiting) {
		got, err := fast(h.matcher, h.waiting[i])
		if (want.err == nil) != (err == nil) || !slices.Equal(got, want.ids) {
			h.Errorf("plain %v %v, engine %v %v\n%.2000q", want.ids, want.err, got, err, h.waiting[i])
		}
		h.sigma, h.native, h.matched = h.sigma+want.sigma, h.native+want.native, h.matched+len(want.ids)
	}
	h.waiting = h.waiting[:0]
}

func hold(t *testing.T, library *Library, mapping string) *held {
	t.Helper()
	matcher, err := library.For(mapping)
	if err != nil {
		t.Fatal(err)
	}
	return &held{T: t, matcher: matcher, oracle: &plain{library: library, mapping: library.mappings[mapping]}}
}

// both are the two readings of a library, by each event's shape.
func both(t testing.TB, library *Library) (*Matcher, *plain) {
	t.Helper()
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	return matcher, &plain{library: library}
}

// agree says how engine and plain evaluator differ on an event, "" if they do not.
func agree(m *Matcher, p *plain, event []byte) string {
	want := p.answers([][]byte{event})[0]
	got, err := fast(m, event)
	if (want.err == nil) != (err == nil) || !slices.Equal(got, want.ids) {
		return fmt.Sprintf("plain %v %v, engine %v %v", want.ids, want.err, got, err)
	}
	return ""
}

// share is what part of the events the oracle tries: all of them, or one of so many where the race detector or -short
// asks for less.
func share() int {
	switch {
	case testing.Short():
		return 20
	case raced:
		return 4
	}
	return 1
}

// ofEveryLane are the events of all lanes; of the synthetic ones, which all rules are tried on, at most every tenth.
func ofEveryLane(t *testing.T, each func(event []byte)) {
	t.Helper()
	synthetic := map[int]int{1: 10, 4: 16, 20: 200}[share()]
	for _, lane := range lanes {
		step := share()
		if strings.HasPrefix(lane, "synthetic") {
			step = synthetic
		}
		scanner := bufio.NewScanner(bytes.NewReader(unzip(t, "events/"+lane+".ndjson.gz")))
		scanner.Buffer(nil, 16<<20)
		for n := 1; scanner.Scan(); n++ {
			if n%step == 0 {
				each(scanner.Bytes())
			}
		}
	}
}

func TestEngineIsThePlainEvaluatorOnRecordedEvents(t *testing.T) {
	library, _ := loadSigma(t)
	h := hold(t, library, Auto)
	ofEveryLane(t, h.event)
	h.settle()
	t.Logf("%d rule evaluations, %d matches", h.sigma, h.matched)
	if want := map[int]int{1: 14_000_000, 4: 7_700_000, 20: 500_000}[share()]; h.sigma < want {
		t.Errorf("%d rule evaluations, want %d", h.sigma, want)
	}
}

func TestEngineIsThePlainEvaluatorOnMadeEvents(t *testing.T) {
	library, _ := loadSigma(t)
	h, traits := hold(t, library, Auto), traitCount{}
	g := &made{Rand: rand.New(rand.NewPCG(1, 2))}
	for _, rule := range library.sigma {
		g.rules = append(g.rules, rule.Detection)
	}
	for range 4000 / min(share(), 10) { // -short: enough for every trait
		event := g.event()
		traits.add(event)
		h.event(event)
	}
	h.settle()
	traits.check(t)
	t.Logf("%d rule evaluations, %d matches", h.sigma, h.matched)
	if h.sigma < 9_600_000/min(share(), 10) || h.matched < 200 {
		t.Errorf("%d rule evaluations, %d matches", h.sigma, h.matched)
	}
}

func TestAnEventThatMatchesNothingCostsNoAllocation(t *testing.T) {
	library, _ := loadSigma(t)
	matcher := library.program.NewMatcher("")
	var quiet [][]byte
	for event := range bytes.Lines(unzip(t, "events/process-creation.ndjson.gz")) {
		if hits, err := matcher.Match(event); err != nil {
			t.Fatal(err)
		} else if len(hits) == 0 {
			quiet = append(quiet, event)
		}
	}
	library.program.Settle()
	pass := func() {
		for _, event := range quiet {
			_, _ = matcher.Match(event)
		}
	}
	pass() // buffers grow to what these events need
	if got := testing.AllocsPerRun(1, pass); got > float64(len(quiet))/1000 {
		t.Errorf("%v allocations for %d events", got, len(quiet))
	}
}
