package engine

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
	texts := m.plan.crowd(field, m.program)
	for i := of.from; i < of.to; i++ {
		if m.values[i].kind != kindNull {
			texts.look(m, m.values[i].raw)
		}
	}
	m.crowding = false
}

// crowd finds all texts that the plan's questions look for inside a field; it is made when first needed.
func (p *plan) crowd(field int32, program *Program) *grams {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crowds[field] == nil {
		made := &grams{}
		for i := range p.questions {
			if q := &p.questions[i]; q.crowd && q.field == field {
				made.add(q.text, int32(i))
			}
		}
		made.seal(program.common.Load())
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
