package engine

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// Hit is a rule that matched an event.
type Hit struct {
	Rule int  // its place in what was compiled
	Sure bool // false: the rule's own program has the last word
}

// Matcher evaluates a program on one event at a time. It is not safe for concurrent use; make one for each goroutine.
type Matcher struct {
	scanner
	program *Program
	mapping string // of the stream, "" to tell it by each event's shape
	table   int    // of that mapping, -1 if it has none: then each event is recognised
	shape   shape
	key     []byte
	classes map[string]*class

	turn     uint32
	truth    []uint32 // by test: twice the turn, and one if it holds
	marked   []uint32 // by rule: the turn in which it became a candidate
	found    []found  // by field
	values   []value
	every    span32 // all scalars of the event, once asked for
	arena    []byte
	hashes   []uint64 // of an object's names
	cands    []int32
	hits     []Hit
	automata []*automaton    // by test
	costs    []time.Duration // by rule, while accounted
	counted  []int32         // while learning: by probe, how often it spoke
}

// found is what an event has at a field.
type found struct {
	turn    uint32
	present bool
	asked   int32 // tests for texts inside that were asked one by one
	span32
}

// NewMatcher returns a matcher for a stream of that mapping; "" tells each event's mapping by its shape.
func (p *Program) NewMatcher(mapping string) *Matcher {
	m := &Matcher{
		program: p, mapping: mapping, table: slices.IndexFunc(p.layout.taxonomies, func(t *taxonomy) bool { return t.of.ID == mapping }), classes: map[string]*class{},
		truth: make([]uint32, len(p.tests)), automata: make([]*automaton, len(p.tests)), marked: make([]uint32, len(p.rules)), found: make([]found, len(p.layout.fields)),
	}
	m.scanner = scanner{tree: p.layout.tree, at: make([]int32, len(p.layout.tree.nodes)), names: newNames()}
	for i := range m.at {
		m.at[i] = -1
	}
	return m
}

// Match returns the rules that an event matches; the answer is good until the next call. An event that is no JSON object
// is a SyntaxError.
func (m *Matcher) Match(event []byte) ([]Hit, error) {
	event = bytes.TrimRight(event, " \t\r\n")
	if wrong := m.scan(event, false); wrong != nil {
		return nil, wrong
	}
	if !m.again {
		if hits := m.evaluate(); !m.again {
			return hits, nil
		}
	}
	sorted, err := sortedCopy(event)
	if err != nil {
		return nil, err
	}
	if wrong := m.scan(sorted, true); wrong != nil {
		return nil, wrong
	}
	return m.evaluate(), nil
}

// Candidates is the number of rules that the last event made evaluate.
func (m *Matcher) Candidates() int { return len(m.cands) }

// sortedCopy spells an event anew: each name once, the last one's value, in the order of their bytes.
func sortedCopy(event []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(event))
	decoder.UseNumber()
	var root map[string]any
	if err := decoder.Decode(&root); err != nil {
		return nil, &SyntaxError{0, err.Error()}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(root)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

func (m *Matcher) evaluate() []Hit {
	m.next()
	class := m.route()
	if class == nil {
		return nil
	}
	if !class.learned.Load() {
		class.learn(m)
	}
	m.sift(class.sieve.Load())
	for _, rule := range m.cands {
		if m.costs == nil && m.holds(m.program.rules[rule].condition) || m.costs != nil && m.accounted(rule) {
			m.hits = append(m.hits, Hit{int(rule), m.program.rules[rule].sure})
		}
	}
	return m.hits
}

// next forgets the event before.
func (m *Matcher) next() {
	if m.turn++; m.turn >= 1<<31 {
		clear(m.truth)
		clear(m.marked)
		clear(m.found)
		m.turn = 1
	}
	if cap(m.arena) > 1<<22 {
		m.arena = nil
	}
	m.hashes = m.hashes[:0]
	m.values, m.arena, m.cands, m.hits, m.every = m.values[:0], m.arena[:0], m.cands[:0], m.hits[:0], span32{-1, -1}
}

// holds evaluates a step and what hangs on it.
func (m *Matcher) holds(at int32) bool {
	s := &m.program.steps[at]
	switch s.op {
	case opTest:
		return m.tests(s.arg)
	case opAnd:
		for _, kid := range *s.rank.Load() {
			if !m.holds(kid) {
				return false
			}
		}
		return true
	case opOr:
		return slices.ContainsFunc(*s.rank.Load(), m.holds)
	case opNot:
		return !m.holds(s.kids[0])
	case opUnsure:
	}
	return true
}

// tests answers a test once for each event.
func (m *Matcher) tests(at int32) bool {
	if known := m.truth[at]; known>>1 == m.turn {
		return known&1 != 0
	}
	known := m.turn << 1
	holds := m.ask(&m.program.tests[at], at)
	if holds {
		known |= 1
	}
	m.truth[at] = known
	return holds
}

func (m *Matcher) ask(t *test, number int32) bool {
	if t.keyword {
		return m.anyHolds(t, number, m.all())
	}
	at := m.resolve(t.field)
	switch {
	case t.kind == isThere:
		return at.present == (string(t.text) == "true")
	case t.kind == sameAs:
		return m.same(t)
	case !at.present:
		return t.kind == isNull
	case t.crowded:
		if at.asked++; at.asked == crowd {
			m.askAll(t.field, at.span32)
		}
		if at.asked >= crowd {
			return m.truth[number] == m.turn<<1|1
		}
	}
	return m.anyHolds(t, number, at.span32)
}

func (m *Matcher) anyHolds(t *test, number int32, of span32) bool {
	for i := of.from; i < of.to; i++ {
		if t.holds(m, number, &m.values[i]) {
			return true
		}
	}
	return false
}

// crowd is the number of texts that are looked for one by one in a field; from then on one look finds all that any rule
// asks for.
const crowd = 12

// askAll answers all tests for texts inside a field: the true ones are noted.
func (m *Matcher) askAll(field int32, of span32) {
	texts := m.program.crowd(field)
	for i := of.from; i < of.to; i++ {
		if m.values[i].kind != kindNull {
			texts.look(m, nil, m.folded(&m.values[i]))
		}
	}
}

// same compares two fields of the event.
func (m *Matcher) same(t *test) bool {
	theirs, ours := m.resolve(t.other).span32, m.resolve(t.field).span32
	for i := theirs.from; i < theirs.to; i++ {
		if m.values[i].kind == kindNull {
			continue
		}
		like := test{kind: equals, cased: t.cased}
		switch {
		case t.before && t.after:
			like.kind = contains
		case t.before:
			like.kind = endsWith
		case t.after:
			like.kind = startsWith
		}
		if like.text = m.folded(&m.values[i]); t.cased {
			like.text = m.plain(&m.values[i])
		}
		if m.anyHolds(&like, -1, ours) {
			return true
		}
	}
	return false
}

// Account lets the matcher add up the time that each rule's evaluation takes, by its place in what was compiled; nil ends
// that. Clocks cost time themselves: an accounted run tells which rules are dear, not how fast the engine is.
func (m *Matcher) Account(costs []time.Duration) { m.costs = costs }

func (m *Matcher) accounted(rule int32) bool {
	begin := time.Now()
	holds := m.holds(m.program.rules[rule].condition)
	m.costs[rule] += time.Since(begin)
	return holds
}

// MatchAlone evaluates each rule of the event's class by itself, without a sieve. A rule that panics matches nothing and
// is told to faulted.
func (m *Matcher) MatchAlone(event []byte, faulted func(rule int, reason any)) ([]Hit, error) {
	sorted, err := sortedCopy(event)
	if err != nil {
		return nil, err
	}
	if wrong := m.scan(sorted, true); wrong != nil {
		return nil, wrong
	}
	m.next()
	for _, rule := range m.route().rules {
		m.alone(rule, faulted)
	}
	return m.hits, nil
}

func (m *Matcher) alone(rule int32, faulted func(int, any)) {
	defer func() {
		if reason := recover(); reason != nil {
			faulted(int(rule), reason)
		}
	}()
	if r := &m.program.rules[rule]; m.holds(r.condition) {
		m.hits = append(m.hits, Hit{int(rule), r.sure})
	}
}
