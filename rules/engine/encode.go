package engine

import (
	"cmp"
	"slices"
)

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
