package engine

import (
	"bytes"
	"slices"
)

// mostSpare is how much more than is asked for is reserved, in bytes: a huge text is not doubled.
const mostSpare = 1 << 20

// take reserves bytes that stay as they are until the next event.
func (m *Matcher) take(n int) []byte {
	if cap(m.arena)-len(m.arena) < n {
		m.arena = make([]byte, 0, max(min(2*cap(m.arena), mostSpare), n, 1<<12))
	}
	return m.arena[len(m.arena):len(m.arena):cap(m.arena)]
}

// keep notes what was written behind the arena's end.
func (m *Matcher) keep(made []byte) []byte {
	if len(m.arena)+len(made) <= cap(m.arena) {
		m.arena = m.arena[:len(m.arena)+len(made)]
	}
	return slices.Clip(made)
}

// plain is a value's text with its escapes resolved.
func (m *Matcher) plain(v *value) []byte {
	if v.plain == nil {
		v.plain = v.raw
		if v.kind == kindString && (v.how != simple || bytes.IndexByte(v.raw, '\\') >= 0) {
			v.plain = m.keep(unescape(m.take(3*len(v.raw)), v.raw))
		}
	}
	return v.plain
}

// folded is a value's text in lower case.
func (m *Matcher) folded(v *value) []byte {
	if v.folded == nil {
		plain := m.plain(v)
		v.folded = m.keep(lower(m.take(3*len(plain)+8), plain))
	}
	return v.folded
}

// resolve finds a field's values: those of the first of its places that the event has.
func (m *Matcher) resolve(field int32) *found {
	f := &m.found[field]
	if f.turn == m.turn {
		return f
	}
	*f = found{turn: m.turn, span32: span32{int32(len(m.values)), int32(len(m.values))}}
	places := m.program.layout.places[m.shape][field]
	for i, p := range places {
		at := m.at[p.node]
		if at < 0 || !m.counts(p, at) {
			continue
		}
		f.present = true
		if m.spans[at].listed && m.listedElsewhere(places[i+1:]) {
			m.decoded(m.program.layout.names(m.shape, field))
		} else {
			m.collect(at)
		}
		if p.doubled {
			for k := int(f.from); k < len(m.values); k++ {
				m.undouble(&m.values[k])
			}
		}
		break
	}
	m.found[field].to = int32(len(m.values))
	return &m.found[field]
}

// counts reports whether a span is what the place means.
func (m *Matcher) counts(p place, at int32) bool {
	if p.path {
		return true
	}
	if m.spans[at].listed || p.whole && m.spans[at].kind == kindObject {
		return false
	}
	return p.within < 0 || m.kindAt(p.within) == kindObject
}

func (m *Matcher) listedElsewhere(places []place) bool {
	for _, p := range places {
		if at := m.at[p.node]; at >= 0 && m.spans[at].listed {
			return true
		}
	}
	return false
}

// collect takes the scalars of a span and of those before it at the same node, in the event's order.
func (m *Matcher) collect(at int32) {
	m.chain = m.chain[:0]
	for ; at >= 0; at = m.spans[at].prev {
		m.chain = append(m.chain, at)
	}
	for _, at := range slices.Backward(m.chain) {
		s := &m.spans[at]
		if s.kind == kindObject || s.kind == kindArray {
			m.gather(int(s.start))
		} else {
			m.values = append(m.values, value{raw: m.in[s.start:s.end], at: s.start, kind: s.kind, how: s.how})
		}
	}
}

// gather takes every scalar of the value that begins there, and returns where it ends.
func (m *Matcher) gather(i int) int {
	switch m.in[i] {
	case '"':
		end := m.marks.quote(i + 1)
		m.values = append(m.values, value{raw: m.in[i+1 : end], at: int32(i + 1), kind: kindString, how: m.marks.spelling(i+1, end)})
		return end + 1
	case '{', '[':
		return m.gatherAll(i)
	}
	end, kind, _ := m.scalar(i)
	m.values = append(m.values, value{raw: m.in[i:end], at: int32(i), kind: kind})
	return end
}

// manyNames is the size of an object from which on only a sorted copy tells whether a name stands twice.
const manyNames = 64

func (m *Matcher) gatherAll(i int) int {
	object, first := m.in[i] == '{', len(m.hashes)
	for i = m.space(i + 1); m.in[i] != '}' && m.in[i] != ']'; {
		if object {
			end := m.marks.quote(i + 1)
			m.noteName(m.in[i+1:end], first)
			i = m.space(m.space(end+1) + 1)
		}
		if i = m.space(m.gather(i)); m.in[i] == ',' {
			i = m.space(i + 1)
		}
	}
	m.hashes = m.hashes[:first]
	return i + 1
}

// noteName notes a name of the object whose names begin at first, and whether it stood there before.
func (m *Matcher) noteName(raw []byte, first int) {
	if m.sorted || m.again {
		return
	}
	if bytes.IndexByte(raw, '\\') >= 0 || !isASCII(raw) {
		raw = m.keep(unescape(m.take(3*len(raw)), raw))
	}
	h := nameHash(raw)
	for _, known := range m.hashes[first:] {
		m.again = m.again || known == h
	}
	m.hashes = append(m.hashes, h)
	m.again = m.again || len(m.hashes)-first > manyNames
}

// nameHash may take two names for the same: that costs a sorted copy and no more.
func nameHash(name []byte) (h uint64) {
	h = 14695981039346656037
	for _, c := range name {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// all is every scalar of the event.
func (m *Matcher) all() span32 {
	if m.every.from < 0 {
		from := int32(len(m.values))
		m.gather(m.space(0))
		m.every = span32{from, int32(len(m.values))}
	}
	return m.every
}

// word is a field's text: a list's is its first element's, an object and null have none.
func (m *Matcher) word(field int32, in shape) []byte {
	places := m.program.layout.places[in][field]
	for i, p := range places {
		at := m.at[p.node]
		if at < 0 || !m.counts(p, at) {
			continue
		}
		if m.spans[at].listed && m.listedElsewhere(places[i+1:]) {
			from := len(m.values)
			m.decoded(m.program.layout.names(in, field))
			if len(m.values) == from {
				return nil
			}
			return m.scalarText(m.values[from])
		}
		for m.spans[at].prev >= 0 {
			at = m.spans[at].prev
		}
		text := m.firstText(int(m.spans[at].start), m.spans[at])
		if p.doubled && bytes.IndexByte(text, '\\') >= 0 {
			text = m.keep(undoubled(m.take(len(text)), text))
		}
		return text
	}
	return nil
}

func (m *Matcher) firstText(i int, s span) []byte {
	switch s.kind {
	case kindArray:
		for m.in[i] == '[' {
			i = m.space(i + 1)
		}
		if m.in[i] == ']' || m.in[i] == '{' {
			return nil
		}
		from := len(m.values)
		m.gather(i)
		return m.scalarText(m.values[from])
	case kindObject, kindNull:
		return nil
	}
	return m.scalarText(value{raw: m.in[s.start:s.end], at: s.start, kind: s.kind, how: s.how})
}

func (m *Matcher) scalarText(v value) []byte {
	if v.kind == kindNull {
		return nil
	}
	return m.plain(&v)
}
