package engine

import (
	"bytes"
	"slices"
)

// sieve holds the probes of one class of events. It looks at values as the event spells them.
type sieve struct {
	at       []spot // by node
	filters  []*filter
	anywhere *grams  // over the whole event
	odd      *grams  // over its strings that are not simple
	always   []int32 // probes that speak on every event
}

// spot is what a sieve has for a node.
type spot struct {
	filter *filter // nil for none
	behind bool    // some field has a place that counts before this one

	doubled bool // values here are escaped once more than JSON asks
}

// filter holds the probes of one node, or of several.
type filter struct {
	present, number []int32
	lengths         uint64 // of texts of equals up to 63 bytes; bit 63 stands for longer ones
	equals          table
	ends            [2]ends // prefixes, suffixes
	grams           *grams
	letters         alphabet // of all texts: strings whose escapes stand for none of them are looked at as they are
	odd             *grams   // of texts beyond ASCII, which only values that are not simple can have
}

// ends find texts by their eight, or if they are shorter their four, outermost bytes.
type ends struct{ eight, four table }

// sift wakes the rules that the event gives a sign for.
func (m *Matcher) sift() {
	s := &m.plan.sieve
	for i := range m.spans {
		if at := &s.at[m.spans[i].node]; at.filter != nil {
			m.siftSpan(at, i)
		}
	}
	if s.anywhere != nil || s.odd != nil {
		m.siftAll(s)
	}
	for _, p := range s.always {
		m.wake(p)
	}
	for _, t := range m.plan.signless {
		m.mark(t)
	}
}

// siftAll looks at the whole event: at strange strings that may hide a text in their canonical form, at what lies between as it is, names and
// all; for texts beyond ASCII at all strings that are not simple.
func (m *Matcher) siftAll(s *sieve) {
	from := int32(0)
	for i := range m.odds {
		odd := &m.odds[i]
		if odd.from < from {
			continue
		}
		if s.odd != nil {
			s.odd.look(m, m.spelled(odd))
		}
		if s.anywhere != nil && odd.how == strange && m.marks.denoted.meets(&s.anywhere.letters) {
			s.anywhere.look(m, m.in[from:odd.from])
			s.anywhere.look(m, m.spelled(odd))
			from = odd.to
		}
	}
	if s.anywhere != nil {
		s.anywhere.look(m, m.in[from:])
	}
}

// spelled is the canonical form of a string that is not simple.
func (m *Matcher) spelled(odd *oddString) []byte {
	if odd.canonical == nil {
		from, to := int(odd.from), int(odd.to)
		odd.canonical = m.keep(m.respell(m.take(2*(to-from)), from, to))
	}
	return odd.canonical
}

// canonical is a value's canonical form.
func (m *Matcher) canonical(v *value) []byte {
	switch {
	case v.how == simple:
		return v.raw
	case v.at < 0: // not as the event spells it
		return m.keep(canonical(m.take(2*len(v.plain)), v.plain))
	}
	return m.keep(m.respell(m.take(2*len(v.raw)), int(v.at), int(v.at)+len(v.raw)))
}

func (m *Matcher) siftSpan(at *spot, i int) {
	f, span := at.filter, &m.spans[i]
	if span.kind == kindObject || span.kind == kindArray {
		m.siftList(at, int(span.start))
		return
	}
	text := m.in[span.start:span.end]
	if at.doubled && bytes.IndexByte(text, '\\') >= 0 {
		m.siftList(at, int(span.start)-1)
		return
	}
	m.exact = !at.behind && !m.sorted && !span.listed && span.how != strange
	respelled := span.how == strange && m.marks.denoted.meets(&f.letters)
	if respelled || span.how != simple && f.odd != nil {
		k, _ := slices.BinarySearchFunc(m.odds, span.start, func(odd oddString, start int32) int { return int(odd.from - start) })
		canonical := m.spelled(&m.odds[k])
		if f.odd != nil {
			f.odd.look(m, canonical)
		}
		if respelled {
			text = canonical
		}
	}
	m.siftValue(f, text, span.kind)
	m.exact = false
}

// siftList looks at every scalar of the list, the object or the text that begins there.
func (m *Matcher) siftList(at *spot, start int) {
	f, from := at.filter, len(m.values)
	m.gather(start)
	for k := from; k < len(m.values); k++ {
		v := &m.values[k]
		if at.doubled {
			m.undouble(v)
		}
		text := v.raw
		if v.how != simple {
			text = m.canonical(v)
			if f.odd != nil {
				f.odd.look(m, text)
			}
		}
		m.siftValue(f, text, v.kind)
	}
	for _, p := range f.present { // also an empty list is there
		m.wake(p)
	}
}

func (m *Matcher) siftValue(f *filter, text []byte, kind byte) {
	for _, p := range f.present {
		m.wake(p)
	}
	if kind == kindNull {
		return
	}
	if f.number != nil && kind == kindNumber && !plainWhole(text) {
		for _, p := range f.number {
			m.wake(p)
		}
	}
	n := len(text)
	if f.lengths>>min(n, 63)&1 != 0 {
		m.lookUp(&f.equals, wholeKey(text), text, full)
	}
	if n >= 8 {
		if f.ends[0].eight.slots != nil {
			m.lookUp(&f.ends[0].eight, lower8(load8(text)), text, front)
		}
		if f.ends[1].eight.slots != nil {
			m.lookUp(&f.ends[1].eight, lower8(load8(text[n-8:])), text, back)
		}
	}
	if n >= 4 {
		if f.ends[0].four.slots != nil {
			m.lookUp(&f.ends[0].four, lower8(load4(text)), text, front)
		}
		if f.ends[1].four.slots != nil {
			m.lookUp(&f.ends[1].four, lower8(load4(text[n-4:])), text, back)
		}
	}
	if f.grams != nil {
		f.grams.look(m, text)
	}
}

// plainWhole reports whether a number is spelled as a whole one of few digits.
func plainWhole(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) < 16
}

// wake marks the targets that a probe stands for.
func (m *Matcher) wake(p int32) {
	if m.counted != nil {
		m.counted[p]++
	}
	plan := m.plan
	for _, wake := range plan.wakes[plan.wakeAt[p]:plan.wakeAt[p+1]] {
		target := wake >> 1
		if wake&1 != 0 && !m.exact {
			target = plan.targets[target].whole
		}
		m.mark(target)
	}
}

// mark makes a target a candidate.
func (m *Matcher) mark(target int32) {
	if m.marked[target] != m.turn {
		m.marked[target] = m.turn
		m.cands = append(m.cands, target)
	}
}
