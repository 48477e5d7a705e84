package engine

// weigh says of each step about how long it takes. Kids stand before their parents.
func (p *Program) weigh() {
	p.weight = make([]float64, len(p.steps))
	for i := range p.steps {
		s := &p.steps[i]
		if s.op == opTest {
			p.weight[i] = p.tests[s.arg].weight()
		}
		for _, kid := range s.kids {
			p.weight[i] += p.weight[kid]
		}
	}
}

// weight is about how long a test takes, beside the others.
func (t *test) weight() (w float64) {
	switch t.kind {
	case contains:
		w = 4
	case likens:
		w = 20
	case matches:
		w = 100
	case compares, inNetwork, sameAs:
		w = 5
	default:
		w = 2
	}
	if t.keyword {
		w *= 20
	}
	return w
}

// tally is how often a step was asked and held, while its rule was woken.
type tally struct{ asked, held float64 }

// observe asks all of a step's kids, and theirs, and counts.
func (m *Matcher) observe(at int32, seen map[int32]*tally) (holds bool) {
	s := &m.program.steps[at]
	holds = s.op == opAnd || s.op == opUnsure
	if s.op == opTest {
		holds = m.known(s.arg)
	}
	for _, kid := range s.kids {
		did := m.observe(kid, seen)
		switch s.op {
		case opAnd:
			holds = holds && did
		case opNot:
			holds = !did
		default:
			holds = holds || did
		}
	}
	if seen[at] == nil {
		seen[at] = &tally{}
	}
	seen[at].asked++
	if holds {
		seen[at].held++
	}
	return holds
}

// known answers a test of the program once for each event, while learning.
func (m *Matcher) known(test int32) bool {
	answer, asked := m.answers[test]
	if !asked {
		answer = m.ask(&m.program.tests[test], test)
		m.answers[test] = answer
	}
	return answer
}
