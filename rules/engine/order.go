package engine

import (
	"cmp"
	"slices"
)

// order puts cheap kids before dear ones, so that they decide first. Kids stand before their parents.
func (p *Program) order() {
	for i := range p.tests {
		t := &p.tests[i]
		t.crowded = t.kind == contains && !t.cased && !t.keyword && len(t.text) >= longEnough
	}
	weight := make([]float64, len(p.steps))
	for i := range p.steps {
		s := &p.steps[i]
		if s.op == opTest {
			weight[i] = p.tests[s.arg].weight()
			continue
		}
		slices.SortStableFunc(s.kids, func(a, b int32) int { return int(weight[a] - weight[b]) })
		for _, kid := range s.kids {
			weight[i] += weight[kid]
		}
		s.rank.Store(&s.kids)
	}
	p.weight = weight
}

// tally is how often a step was asked and held.
type tally struct{ asked, held float64 }

// observe asks all of a step's kids, and theirs, and counts.
func (m *Matcher) observe(at int32, seen map[int32]*tally) {
	s := &m.program.steps[at]
	if s.op == opTest {
		return
	}
	for _, kid := range s.kids {
		if seen[kid] == nil {
			seen[kid] = &tally{}
		}
		seen[kid].asked++
		if m.holds(kid) {
			seen[kid].held++
		}
		m.observe(kid, seen)
	}
}

// reorder lets those kids be asked first that decide most for what they cost: in an and those that mostly fail, in an or
// those that mostly hold. What a rule means stays the same.
func (p *Program) reorder(at int32, seen map[int32]*tally, weight []float64) {
	s := &p.steps[at]
	if s.op == opTest {
		return
	}
	value := func(kid int32) float64 {
		rate := (seen[kid].held + 0.1) / (seen[kid].asked + 0.2)
		if s.op == opAnd {
			rate = 1 - rate
		}
		return rate / (1 + weight[kid])
	}
	kids := slices.Clone(s.kids)
	slices.SortStableFunc(kids, func(a, b int32) int { return cmp.Compare(value(b), value(a)) })
	s.rank.Store(&kids)
	for _, kid := range kids {
		p.reorder(kid, seen, weight)
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

// crowd is what finds all texts that rules look for inside a field, made when first needed.
func (p *Program) crowd(field int32) *grams {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crowds == nil {
		p.crowds = map[int32]*grams{}
	}
	if p.crowds[field] == nil {
		made := &grams{}
		for i := range p.tests {
			if t := &p.tests[i]; t.field == field && t.crowded {
				made.add(t.text, int32(i), p.common)
			}
		}
		made.seal()
		p.crowds[field] = made
	}
	return p.crowds[field]
}
