package engine

import (
	"bytes"
	"encoding/binary"
)

func (g *grams) look(m *Matcher, value []byte) {
	for _, c := range g.chars {
		if bytes.IndexByte(value, c.text[0]) >= 0 {
			m.wake(c.probe)
		}
	}
	for _, t := range g.tables {
		if t != nil {
			t.look(m, value)
		}
	}
}

// look looks at every so many places: at most of them in a loop of few instructions, at the last ones in a general one.
func (t *gramTable) look(m *Matcher, value []byte) {
	i := 0
	switch t.stride {
	case 8:
		i = t.look8(m, value)
	case 6:
		i = t.look6(m, value)
	case 4:
		i = t.look4(m, value)
	case 2:
		i = t.look2(m, value)
	case 1:
		i = t.look1(m, value)
	}
	for ; i+t.width <= len(value); i += t.stride {
		if t.bits.has(t.gram(value, i)) {
			t.verify(m, value, i)
		}
	}
}

func (t *gramTable) look8(m *Matcher, value []byte) (i int) {
	set := &t.bits
	for ; i+16 <= len(value); i += 16 {
		v := value[i : i+16]
		if set.has(binary.LittleEndian.Uint32(v) | blank) {
			t.verify(m, value, i)
		}
		if set.has(binary.LittleEndian.Uint32(v[8:]) | blank) {
			t.verify(m, value, i+8)
		}
	}
	return i
}

func (t *gramTable) look6(m *Matcher, value []byte) (i int) {
	set := &t.bits
	for ; i+12 <= len(value); i += 12 {
		v := value[i : i+12]
		if set.has(binary.LittleEndian.Uint32(v) | blank) {
			t.verify(m, value, i)
		}
		if set.has(binary.LittleEndian.Uint32(v[6:]) | blank) {
			t.verify(m, value, i+6)
		}
	}
	return i
}

func (t *gramTable) look4(m *Matcher, value []byte) (i int) {
	set := &t.bits
	for ; i+16 <= len(value); i += 16 {
		v := value[i : i+16]
		x, y := binary.LittleEndian.Uint64(v)|blank<<32|blank, binary.LittleEndian.Uint64(v[8:])|blank<<32|blank
		if set.has(uint32(x)) {
			t.verify(m, value, i)
		}
		if set.has(uint32(x >> 32)) {
			t.verify(m, value, i+4)
		}
		if set.has(uint32(y)) {
			t.verify(m, value, i+8)
		}
		if set.has(uint32(y >> 32)) {
			t.verify(m, value, i+12)
		}
	}
	return i
}

// look2 takes three runs of two or three bytes out of eight.
func (t *gramTable) look2(m *Matcher, value []byte) (i int) {
	set, mask, blank := &t.bits, t.mask, t.blank
	for ; i+8 <= len(value); i += 6 {
		x := binary.LittleEndian.Uint64(value[i:])
		if set.has(uint32(x)&mask | blank) {
			t.verify(m, value, i)
		}
		if set.has(uint32(x>>16)&mask | blank) {
			t.verify(m, value, i+2)
		}
		if set.has(uint32(x>>32)&mask | blank) {
			t.verify(m, value, i+4)
		}
	}
	return i
}

// look1 takes five runs of two or three bytes out of eight.
func (t *gramTable) look1(m *Matcher, value []byte) (i int) {
	set, mask, blank := &t.bits, t.mask, t.blank
	for ; i+8 <= len(value); i += 5 {
		x := binary.LittleEndian.Uint64(value[i:])
		if set.has(uint32(x)&mask | blank) {
			t.verify(m, value, i)
		}
		if set.has(uint32(x>>8)&mask | blank) {
			t.verify(m, value, i+1)
		}
		if set.has(uint32(x>>16)&mask | blank) {
			t.verify(m, value, i+2)
		}
		if set.has(uint32(x>>24)&mask | blank) {
			t.verify(m, value, i+3)
		}
		if set.has(uint32(x>>32)&mask | blank) {
			t.verify(m, value, i+4)
		}
	}
	return i
}

// verify wakes the texts that have the run and lie there.
func (t *gramTable) verify(m *Matcher, value []byte, i int) {
	gram := t.gram(value, i)
	h := gramHash(gram) >> t.narrow
	m.work += int(t.bucket[h+1] - t.bucket[h])
	for k := t.bucket[h]; k < t.bucket[h+1]; k++ {
		r := &t.runs[k]
		from := i - int(r.at)
		if r.gram != gram || from < 0 || from+int(r.length) > len(value) || r.away != 0 && gramAt(value, i+int(r.away)) != r.more {
			continue
		}
		text := t.texts[r.from : r.from+uint32(r.length)]
		if sameFolded(text, value[from:from+len(text)]) {
			m.meet(r.probe, value, from)
		}
	}
}

// manySlashes is the length of a row of backslashes from which on nobody counts whether it is even: a value may have a
// million of them.
const manySlashes = 32

// meet wakes the rules of a text that was found, unless it begins within an escape.
func (m *Matcher) meet(probe int32, value []byte, at int) {
	if m.crowding {
		if yes := m.turn<<1 | 1; m.truth[probe] != yes && whole(value, at) {
			m.truth[probe] = yes
		}
		return
	}
	slashes := 0
	for slashes < min(at, manySlashes) && value[at-1-slashes] == '\\' {
		slashes++
	}
	m.work += slashes
	switch {
	case slashes == manySlashes:
		exact := m.exact
		m.exact = false
		m.wake(probe)
		m.exact = exact
	case slashes&1 == 0:
		m.wake(probe)
	}
}
