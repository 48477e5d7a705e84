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
	routed  *class // of the last event

	everything bool // no rule's log source is asked

	turn     uint32
	plan     *plan
	truth    []uint32 // by the plan's question: twice the turn, and one if the answer is yes
	marked   []uint32 // by the plan's target: the turn in which it became a candidate
	found    []found  // by field
	values   []value
	every    span32 // all scalars of the event, once asked for
	arena    []byte
	hashes   []uint64 // of an object's names
	chain    []int32  // spans of one node
	work     int      // texts and backslashes looked at while sifting, since the matcher was made
	states   int      // of all automata
	cands    []int32
	hits     []Hit
	automata []*automaton    // by test
	costs    []time.Duration // by rule, while accounted
	exact    bool            // the value looked at is spelled plainly, and alone at its place
	crowding bool            // what is looked for are questions
	counted  []int32         // while learning: by probe, how often it spoke
	answers  map[int32]bool  // while learning: by test
}

// found is what an event has at a field.
type found struct {
	turn    uint32
	present bool
	asked   int32 // questions for texts inside that were asked one by one
	crowded bool  // they are all answered
	span32
}

// NewMatcher returns a matcher for a stream of that mapping; "" tells each event's mapping by its shape.
func (p *Program) NewMatcher(mapping string) *Matcher {
	m := &Matcher{
		program: p, mapping: mapping, table: slices.IndexFunc(p.layout.taxonomies, func(t *taxonomy) bool { return t.of.ID == mapping }), classes: map[string]*class{},
		automata: make([]*automaton, len(p.tests)), found: make([]found, len(p.layout.fields)),
	}
	m.scanner = scanner{tree: p.layout.tree, at: make([]int32, len(p.layout.tree.nodes)), names: &names{}}
	for i := range m.at {
		m.at[i] = -1
	}
	return m
}

// Match returns the rules that an event matches; the answer is good until the next call. An event that is no JSON object
// is a SyntaxError.
func (m *Matcher) Match(event []byte) ([]Hit, error) {
	for len(event) > 0 && event[len(event)-1] <= ' ' && isSpace(event[len(event)-1]) {
		event = event[:len(event)-1]
	}
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

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

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
	m.use(class.plan.Load())
	m.sift()
	for _, target := range m.cands {
		t := &m.plan.targets[target]
		if m.costs == nil && m.run(t.entry) || m.costs != nil && m.accounted(t) {
			m.hit(t.rule)
		}
	}
	return m.hits
}

// use makes room for a plan's answers.
func (m *Matcher) use(p *plan) {
	m.plan = p
	if len(m.truth) < len(p.questions) {
		m.truth = make([]uint32, len(p.questions))
	}
	if len(m.marked) < len(p.targets) {
		m.marked = make([]uint32, len(p.targets))
	}
}

// hit notes a rule that matches; more than one of its targets may hold.
func (m *Matcher) hit(rule int32) {
	for _, known := range m.hits {
		if known.Rule == int(rule) {
			return
		}
	}
	m.hits = append(m.hits, Hit{int(rule), m.program.rules[rule].sure})
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
		if m.like(&like, &m.values[i], ours) {
			return true
		}
	}
	return false
}

// like tries values with a test whose text is another value.
func (m *Matcher) like(t *test, theirs *value, ours span32) bool {
	if !t.cased && theirs.how == simple {
		q := question{kind: t.kind, needle: newNeedle(m.spell(theirs))} // needs no copies without escapes
		for i := ours.from; i < ours.to; i++ {
			if v := &m.values[i]; v.kind != kindNull && v.how == simple && m.fits(&q, v) {
				return true
			}
		}
	}
	for i := ours.from; i < ours.to; i++ {
		if v := &m.values[i]; t.cased || theirs.how != simple || v.how != simple {
			if t.text == nil {
				if t.text = m.folded(theirs); t.cased {
					t.text = m.plain(theirs)
				}
			}
			if t.holds(m, -1, v) {
				return true
			}
		}
	}
	return false
}

// Account lets the matcher add up the time that each rule's evaluation takes, by its place in what was compiled; nil ends
// that. Clocks cost time themselves: an accounted run tells which rules are dear, not how fast the engine is.
func (m *Matcher) Account(costs []time.Duration) { m.costs = costs }

func (m *Matcher) accounted(t *target) bool {
	begin := time.Now()
	holds := m.run(t.entry)
	m.costs[t.rule] += time.Since(begin)
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
	m.use(m.route().plan.Load())
	for _, whole := range m.plan.whole {
		m.alone(&m.plan.targets[whole], faulted)
	}
	return m.hits, nil
}

func (m *Matcher) alone(t *target, faulted func(int, any)) {
	defer func() {
		if reason := recover(); reason != nil {
			faulted(int(t.rule), reason)
		}
	}()
	if m.run(t.entry) {
		m.hit(t.rule)
	}
}
