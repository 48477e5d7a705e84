package engine

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// sieve holds the probes of one class of events. It looks at values as the event spells them.
type sieve struct {
	at       []int32 // by node: its filter, -1 for none
	filters  []*filter
	anywhere *grams  // over the whole event
	odd      *grams  // over its strings that are not simple
	always   []int32 // probes that speak on every event
	wakes    [][]int32
}

// filter holds the probes of one node.
type filter struct {
	present, number []int32
	lengths         uint64 // of texts of equals up to 63 bytes; bit 63 stands for longer ones
	equals          table
	ends            [2]ends // prefixes, suffixes
	grams           *grams
	odd             *grams // of texts beyond ASCII, which only values that are not simple can have
}

// ends find texts by their eight, or if they are shorter their four, outermost bytes.
type ends struct{ eight, four table }

// entry is a text to be compared when its key came up.
type entry struct {
	key   uint64
	text  []byte
	probe int32
}

// table finds entries by key: open addressing, entries of one key side by side.
type table struct {
	mask    uint64
	slots   []int32 // entry plus one
	entries []entry
}

func (t *table) add(e entry) { t.entries = append(t.entries, e) }

func (t *table) seal() {
	if len(t.entries) == 0 {
		return
	}
	size := 16
	for size < 4*len(t.entries) {
		size *= 2
	}
	t.mask, t.slots = uint64(size-1), make([]int32, size)
	for i, e := range t.entries {
		at := spread(e.key) & t.mask
		for t.slots[at] != 0 {
			at = (at + 1) & t.mask
		}
		t.slots[at] = int32(i + 1)
	}
}

func spread(key uint64) uint64 { return (key * 0x9E3779B97F4A7C15) >> 32 }

// load8 reads eight bytes, as far as there are so many.
func load8(in []byte) uint64 {
	if len(in) >= 8 {
		return binary.LittleEndian.Uint64(in)
	}
	var x uint64
	for i, c := range in {
		x |= uint64(c) << (8 * i)
	}
	return x
}

func load4(in []byte) uint64 { return uint64(binary.LittleEndian.Uint32(in)) }

// sameFolded compares a canonical text with a value of the same length.
func sameFolded(text, value []byte) bool {
	for len(text) >= 8 {
		if lower8(binary.LittleEndian.Uint64(value)) != binary.LittleEndian.Uint64(text) {
			return false
		}
		text, value = text[8:], value[8:]
	}
	for i := range len(text) {
		if lowered[value[i]] != text[i] {
			return false
		}
	}
	return true
}

// wholeKey mixes a value's length and its outer bytes.
func wholeKey(value []byte) uint64 {
	n := len(value)
	if n < 8 {
		return lower8(load8(value)) ^ uint64(n)<<57
	}
	return lower8(load8(value)) ^ bits.RotateLeft64(lower8(load8(value[n-8:])), 23) ^ uint64(n)<<57
}

// sift wakes the rules that the event gives a sign for.
func (m *Matcher) sift(s *sieve) {
	for i := range m.spans {
		if f := s.at[m.spans[i].node]; f >= 0 {
			m.siftSpan(s, s.filters[f], i)
		}
	}
	if s.anywhere != nil || s.odd != nil {
		m.siftAll(s)
	}
	for _, p := range s.always {
		m.wake(s, p)
	}
}

// siftAll looks at the whole event: at strings that are not simple in their canonical form, at what lies between as it
// is, names and all.
func (m *Matcher) siftAll(s *sieve) {
	from := int32(0)
	for i := range m.odds {
		odd := &m.odds[i]
		if odd.from < from {
			continue
		}
		if s.anywhere != nil {
			s.anywhere.look(m, s, m.in[from:odd.from])
			s.anywhere.look(m, s, m.spelled(odd))
		}
		if s.odd != nil {
			s.odd.look(m, s, m.spelled(odd))
		}
		from = odd.to
	}
	if s.anywhere != nil {
		s.anywhere.look(m, s, m.in[from:])
	}
}

// spelled is the canonical form of a string that is not simple.
func (m *Matcher) spelled(odd *oddString) []byte {
	if odd.canonical == nil {
		raw := m.in[odd.from:odd.to]
		odd.canonical = m.keep(respell(m.take(2*len(raw)), raw))
	}
	return odd.canonical
}

// canonical is a value's canonical form.
func (m *Matcher) canonical(v *value) []byte {
	if v.plain != nil { // of a decoded event
		return m.keep(canonical(m.take(2*len(v.plain)), v.plain))
	}
	return m.keep(respell(m.take(2*len(v.raw)), v.raw))
}

func (m *Matcher) siftSpan(s *sieve, f *filter, i int) {
	span := &m.spans[i]
	switch {
	case m.tree.nodes[span.node].doubled:
		m.siftDoubled(s, f, span)
	case span.kind == kindObject || span.kind == kindArray:
		from := len(m.values)
		m.gather(int(span.start))
		for k := from; k < len(m.values); k++ {
			m.siftGathered(s, f, &m.values[k])
		}
		for _, p := range f.present { // also an empty list is there
			m.wake(s, p)
		}
	case span.odd:
		at, _ := slices.BinarySearchFunc(m.odds, span.start, func(odd oddString, start int32) int { return int(odd.from - start) })
		text := m.spelled(&m.odds[at])
		m.siftValue(s, f, text, span.kind)
		if f.odd != nil {
			f.odd.look(m, s, text)
		}
	default:
		m.siftValue(s, f, m.in[span.start:span.end], span.kind)
	}
}

func (m *Matcher) siftGathered(s *sieve, f *filter, v *value) {
	text := v.raw
	if !v.simple {
		text = m.canonical(v)
		if f.odd != nil {
			f.odd.look(m, s, text)
		}
	}
	m.siftValue(s, f, text, v.kind)
}

func (m *Matcher) siftValue(s *sieve, f *filter, text []byte, kind byte) {
	for _, p := range f.present {
		m.wake(s, p)
	}
	if kind == kindNull {
		return
	}
	if f.number != nil && kind == kindNumber && !plainWhole(text) {
		for _, p := range f.number {
			m.wake(s, p)
		}
	}
	n := len(text)
	if f.lengths>>min(n, 63)&1 != 0 {
		m.lookUp(s, &f.equals, wholeKey(text), text, whole)
	}
	if n >= 8 {
		if f.ends[0].eight.slots != nil {
			m.lookUp(s, &f.ends[0].eight, lower8(load8(text)), text, front)
		}
		if f.ends[1].eight.slots != nil {
			m.lookUp(s, &f.ends[1].eight, lower8(load8(text[n-8:])), text, back)
		}
	}
	if n >= 4 {
		if f.ends[0].four.slots != nil {
			m.lookUp(s, &f.ends[0].four, lower8(load4(text)), text, front)
		}
		if f.ends[1].four.slots != nil {
			m.lookUp(s, &f.ends[1].four, lower8(load4(text[n-4:])), text, back)
		}
	}
	if f.grams != nil {
		f.grams.look(m, s, text)
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

// side is where a text must lie in a value.
type side uint8

const (
	whole side = iota
	front
	back
)

func (m *Matcher) lookUp(s *sieve, t *table, key uint64, value []byte, where side) {
	for at := spread(key) & t.mask; t.slots[at] != 0; at = (at + 1) & t.mask {
		e := &t.entries[t.slots[at]-1]
		n := len(e.text)
		if e.key != key || n > len(value) {
			continue
		}
		part := value
		switch where {
		case front:
			part = value[:n]
		case back:
			part = value[len(value)-n:]
		case whole:
		}
		if len(part) == n && sameFolded(e.text, part) {
			m.wake(s, e.probe)
		}
	}
}

// wake makes candidates of the rules that a probe stands for.
func (m *Matcher) wake(s *sieve, p int32) {
	if s == nil { // it is a crowd's: p is a test
		m.truth[p] = m.turn<<1 | 1
		return
	}
	if m.counted != nil {
		m.counted[p]++
	}
	for _, rule := range s.wakes[p] {
		if m.marked[rule] != m.turn {
			m.marked[rule] = m.turn
			m.cands = append(m.cands, rule)
		}
	}
}
