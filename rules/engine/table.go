package engine

import (
	"encoding/binary"
	"math/bits"
)

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

// side is where a text must lie in a value.
type side uint8

const (
	full side = iota
	front
	back
)

func (m *Matcher) lookUp(t *table, key uint64, value []byte, where side) {
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
		case full:
		}
		if len(part) == n && sameFolded(e.text, part) && (where != back || whole(value, len(value)-n)) {
			m.wake(e.probe)
		}
	}
}
