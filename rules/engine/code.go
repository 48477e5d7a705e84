package engine

import (
	"cmp"
	"slices"
)

// ask is one instruction of a condition: a question, and where to go by its answer. Conditions lie flat in memory in the
// order in which they are asked.
type ask struct{ question, yes, no int32 }

// Where an ask may lead beside another ask.
const (
	holds int32 = -1 - iota
	fails
)

// question is a test of this class's code: what the common kinds need, side by side.
type question struct {
	number int32 // of the program's test
	field  int32 // -1: any value of the event
	kind   testKind
	quick  bool // about a text of ASCII in any case
	crowd  bool // one of the texts that are looked for at once if many are asked for
	needle
}

// encoder writes steps as asks.
type encoder struct {
	*planner
	plan    *plan
	tallies map[int32]*tally
	places  map[int32]int32 // by the program's test: its question
	labels  []int32
}

// entry writes a step's code and returns where it begins.
func (e *encoder) entry(step int32) int32 {
	if step == nothing {
		return holds
	}
	at := int32(len(e.plan.code))
	e.labels = e.labels[:0]
	e.write(step, holds, fails)
	for i := range e.plan.code[at:] {
		a := &e.plan.code[int(at)+i]
		a.yes, a.no = e.settle(a.yes), e.settle(a.no)
	}
	return at
}

// Labels stand for places that are not written yet, below the two answers.
const firstLabel int32 = -3

func (e *encoder) label() int32 {
	e.labels = append(e.labels, 0)
	return firstLabel - int32(len(e.labels)-1)
}

// settle is where a label leads in the end.
func (e *encoder) settle(to int32) int32 {
	for to <= firstLabel {
		to = e.labels[firstLabel-to]
	}
	return to
}

func (e *encoder) write(at, yes, no int32) {
	s := e.step(at)
	switch s.op {
	case opTest:
		e.plan.code = append(e.plan.code, ask{e.question(s.arg), yes, no})
	case opNot:
		e.write(s.kids[0], no, yes)
	case opAnd, opOr:
		e.writeAll(s, yes, no)
	case opUnsure:
		e.jump(yes)
	}
}

// jump is a question that no event is asked.
func (e *encoder) jump(to int32) { e.plan.code = append(e.plan.code, ask{-1, to, to}) }

func (e *encoder) writeAll(s *step, yes, no int32) {
	if len(s.kids) == 0 {
		if s.op == opAnd {
			no = yes
		}
		e.jump(no)
		return
	}
	kids := e.ranked(s)
	for i, kid := range kids {
		next := e.label()
		if i == len(kids)-1 {
			next = map[operation]int32{opAnd: yes, opOr: no}[s.op]
		}
		if s.op == opAnd {
			e.write(kid, next, no)
		} else {
			e.write(kid, yes, next)
		}
		if i < len(kids)-1 {
			e.labels[firstLabel-next] = int32(len(e.plan.code))
		}
	}
}

// ranked are a step's kids so that those come first that decide most for what they cost: in an and those that mostly
// fail, in an or those that mostly hold.
func (e *encoder) ranked(s *step) []int32 {
	value := func(kid int32) float64 {
		rate := 0.5
		if seen := e.tallies[kid]; seen != nil {
			rate = (seen.held + 0.1) / (seen.asked + 0.2)
		}
		if s.op == opAnd {
			rate = 1 - rate
		}
		return rate / (1 + e.weight(kid))
	}
	kids := slices.Clone(s.kids)
	values := map[int32]float64{}
	for _, kid := range kids {
		values[kid] = value(kid)
	}
	slices.SortStableFunc(kids, func(a, b int32) int { return cmp.Compare(values[b], values[a]) })
	return kids
}

func (e *encoder) question(number int32) int32 {
	if at, known := e.places[number]; known {
		return at
	}
	at := int32(len(e.plan.questions))
	t := &e.program.tests[number]
	q := question{number: number, field: t.field, kind: t.kind}
	if t.keyword {
		q.field = -1
	}
	if q.quick = t.plainText(); q.quick {
		q.needle = newNeedle(canonical(nil, t.text))
		q.crowd = q.kind == contains && !t.keyword && len(q.text) >= longEnough && len(q.text) <= lookedFor
	}
	e.places[number], e.plan.questions = at, append(e.plan.questions, q)
	return at
}

// plainText reports whether a test asks for a text of ASCII in any case.
func (t *test) plainText() bool {
	return t.kind <= contains && !t.cased && isASCII(t.text)
}

// run asks from there on until the code has an answer.
func (m *Matcher) run(at int32) bool {
	for at >= 0 {
		a := &m.plan.code[at]
		if a.question < 0 || m.answer(a.question) {
			at = a.yes
		} else {
			at = a.no
		}
	}
	return at == holds
}

// answer asks a question once for each event.
func (m *Matcher) answer(at int32) bool {
	if known := m.truth[at]; known>>1 == m.turn {
		return known&1 != 0
	}
	q := &m.plan.questions[at]
	known := m.turn << 1
	if q.quick && m.quick(q, at) || !q.quick && m.ask(&m.program.tests[q.number], q.number) {
		known |= 1
	}
	m.truth[at] = known
	return known&1 != 0
}

// quick answers a question for values as the event spells them, without a copy that has no escapes.
func (m *Matcher) quick(q *question, number int32) bool {
	if q.field < 0 {
		return m.anyFits(q, m.all())
	}
	at := m.resolve(q.field)
	if q.crowd {
		if at.asked++; at.asked == manyAsked {
			m.askAll(q.field, at.span32)
		}
		if at.asked >= manyAsked && at.crowded {
			return m.truth[number] == m.turn<<1|1
		}
	}
	return m.anyFits(q, at.span32)
}

func (m *Matcher) anyFits(q *question, of span32) bool {
	for i := of.from; i < of.to; i++ {
		v := &m.values[i]
		if v.kind == kindNull || !m.fits(q, v) {
			continue
		}
		if v.how != strange || m.program.tests[q.number].holds(m, q.number, v) { // canonical forms fold more than the test
			return true
		}
	}
	return false
}

// manyAsked is the number of texts that are looked for one by one in a field; from then on one look finds all that the
// plan asks for.
const manyAsked = 10

// askAll answers all questions for texts inside a field of which no value is strange: the true ones are noted.
func (m *Matcher) askAll(field int32, of span32) {
	for i := of.from; i < of.to; i++ {
		if m.values[i].how == strange {
			return
		}
	}
	m.found[field].crowded, m.crowding = true, true
	texts := m.plan.crowd(field)
	for i := of.from; i < of.to; i++ {
		if m.values[i].kind != kindNull {
			texts.look(m, m.values[i].raw)
		}
	}
	m.crowding = false
}

// crowd finds all texts that the plan's questions look for inside a field; it is made when first needed.
func (p *plan) crowd(field int32) *grams {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crowds[field] == nil {
		made := &grams{}
		for i := range p.questions {
			if q := &p.questions[i]; q.crowd && q.field == field {
				made.add(q.text, int32(i))
			}
		}
		made.seal(p.common)
		p.crowds[field] = made
	}
	return p.crowds[field]
}

func (m *Matcher) fits(q *question, v *value) bool {
	text := v.raw
	if q.kind == contains || v.how == strange {
		text = m.spell(v)
	}
	n, most := len(q.text), len(text)
	if n > most {
		return false
	}
	switch q.kind {
	case equals:
		return n == most && sameFolded(q.text, text)
	case startsWith:
		return sameFolded(q.text, text[:n])
	case endsWith:
		return sameFolded(q.text, text[most-n:]) && whole(text, most-n)
	default:
		return q.finds(text)
	}
}

// spell is a value's canonical form in lower case, but for characters beyond ASCII, which these questions do not ask for.
func (m *Matcher) spell(v *value) []byte {
	if v.spelled == nil {
		text := v.raw
		if v.how == strange {
			text = m.canonical(v)
		}
		v.spelled = m.keep(lowerASCII(m.take(len(text)+8), text))
	}
	return v.spelled
}

func (n *needle) finds(text []byte) bool {
	for from := 0; from <= len(text); from++ {
		at := n.in(text[from:])
		if at < 0 {
			return false
		}
		if from += at; whole(text, from) {
			return true
		}
	}
	return false
}

// whole reports whether a character begins there: an even number of backslashes, that is whole escapes, stands before.
func whole(spelled []byte, at int) bool {
	n := 0
	for n < at && spelled[at-1-n] == '\\' {
		n++
	}
	return n&1 == 0
}
