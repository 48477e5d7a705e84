package engine

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// spelling is how a string of the event is written.
type spelling uint8

const (
	simple  spelling = iota // in ASCII, with no escape but \" \\ \n \r \t
	beyond                  // the same, with characters that are beyond ASCII however they are folded
	strange                 // with other escapes, or with characters that some folding brings into ASCII
)

// marks are what one pass over an event's bytes found, a bit for a byte: the scanner then jumps from quote to quote and
// needs to look at no string.
type marks struct {
	blocks  []marked
	odd     bool     // some string is not simple
	denoted alphabet // what makes strings strange stands for these
	control bool     // the event has control characters, which must stand outside of strings
	open    uint64   // the byte before the next block is a backslash that escapes
	wrong   int      // the place of an escape that JSON does not know, -1 if there is none
}

// marked are the bytes of one block.
type marked struct {
	quotes  uint64 // those that are not escaped
	strange uint64 // what makes a string strange
	beyond  uint64 // bytes beyond ASCII
}

// block is the number of bytes whose marks are one word.
const block = 64

// mark reads the event.
func (m *marks) mark(in []byte) {
	m.blocks = slices.Grow(m.blocks[:0], len(in)/block+1)
	m.odd, m.control, m.denoted, m.wrong, m.open = false, false, alphabet{}, -1, 0
	at := 0
	for ; at+block <= len(in); at += block {
		m.markBlock(in, at, (*[block]byte)(in[at:]))
	}
	if at < len(in) {
		var last [block]byte
		for i := copy(last[:], in[at:]); i < block; i++ {
			last[i] = ' '
		}
		m.markBlock(in, at, &last)
	}
}

func (m *marks) markBlock(in []byte, at int, part *[block]byte) {
	made := marked{quotes: same(part, ones*'"')}
	slashes := same(part, ones*'\\')
	var rare uint64
	for i := 0; i < block; i += 8 {
		x := binary.LittleEndian.Uint64(part[i:])
		rare |= (x - ones*0x20) | x
	}
	if slashes|m.open != 0 {
		var escaped uint64
		escaped, m.open = escapedBytes(slashes, m.open)
		if rest := escaped &^ (made.quotes | slashes); rest != 0 {
			made.strange = m.escapes(in, at, rest)
		}
		made.quotes &^= escaped
	}
	if rare&highs != 0 {
		m.beyondASCII(in, at, &made)
	}
	m.odd = m.odd || made.strange|made.beyond != 0
	m.blocks = append(m.blocks, made)
}

// same are the bytes of a block that are the character of c.
func same(part *[block]byte, c uint64) uint64 {
	return same8(part, 0, c) | same8(part, 8, c)<<8 | same8(part, 16, c)<<16 | same8(part, 24, c)<<24 |
		same8(part, 32, c)<<32 | same8(part, 40, c)<<40 | same8(part, 48, c)<<48 | same8(part, 56, c)<<56
}

// same8 takes the difference of each byte, without its top bit, from 128: the top bit stays only where there is none.
// The product brings the eight top bits together.
func same8(part *[block]byte, at int, c uint64) uint64 {
	x := binary.LittleEndian.Uint64(part[at:])
	return ((highs - (x&^highs ^ c)) &^ x & highs) * 0x0002040810204081 >> 56
}

// escapedBytes are those behind a backslash that is not escaped itself; open says so of the byte before the block. In a
// row of backslashes every other one counts: adding at its begin carries to its end, which tells odd from even.
func escapedBytes(slashes, open uint64) (escaped, next uint64) {
	const odds = 0xAAAAAAAAAAAAAAAA
	begins := slashes &^ open
	ends := (begins<<1 | odds) - begins ^ odds
	return ends ^ (slashes | open), (ends & slashes) >> 63
}

// escapes looks at escaped characters other than the quote and the backslash, and returns what makes a string strange.
func (m *marks) escapes(in []byte, at int, rest uint64) (odd uint64) {
	for ; rest != 0; rest &= rest - 1 {
		i := at + bits.TrailingZeros64(rest)
		if i >= len(in) {
			break // the string does not end
		}
		c := in[i]
		if c == 'n' || c == 'r' || c == 't' {
			continue
		}
		stands := rune(escapes[c])
		if c == 'u' {
			stands = hex4(in[i+1:])
		}
		if stands <= 0 && c != 'u' || stands < 0 {
			m.wrong = i
			continue
		}
		if stands < ' ' || stands == '"' {
			m.denoted.add('\\') // of its canonical form
		}
		m.denoted.add(coarse(stands))
		odd |= rest & -rest
	}
	return odd
}

// alphabet is a set of characters of ASCII.
type alphabet [2]uint64

func (a *alphabet) add(r rune) {
	if r < utf8.RuneSelf {
		a[r>>6] |= 1 << (r & 63)
	}
}

func (a *alphabet) has(c byte) bool { return c < utf8.RuneSelf && a[c>>6]>>(c&63)&1 != 0 }

func (a *alphabet) meets(b *alphabet) bool { return a[0]&b[0]|a[1]&b[1] != 0 }

// beyondASCII notes a block's control characters, its bytes beyond ASCII, and those that begin a character which folds into it: Kelvin's sign, the
// long s, and I with a dot.
func (m *marks) beyondASCII(in []byte, at int, into *marked) {
	for i := at; i < min(at+block, len(in)); i++ {
		if in[i] < utf8.RuneSelf {
			m.control = m.control || in[i] < ' '
			continue
		}
		into.beyond |= 1 << (i - at)
		if i+1 < len(in) && (in[i] == 0xe2 && in[i+1] == 0x84 || in[i] == 0xc5 && in[i+1] == 0xbf || in[i] == 0xc4 && in[i+1] == 0xb0) {
			into.strange |= 1 << (i - at)
			for _, r := range "iks" {
				m.denoted.add(r)
			}
		}
	}
}

// quote is the place of the next quote from there on, -1 if there is none.
func (m *marks) quote(from int) int {
	at := from / block
	if at >= len(m.blocks) {
		return -1
	}
	if found := m.blocks[at].quotes >> (from % block); found != 0 {
		return from + bits.TrailingZeros64(found)
	}
	for at++; at < len(m.blocks); at++ {
		if found := m.blocks[at].quotes; found != 0 {
			return at*block + bits.TrailingZeros64(found)
		}
	}
	return -1
}

// spelling is how the bytes between two places are written.
func (m *marks) spelling(from, to int) (how spelling) {
	if !m.odd || from == to {
		return simple
	}
	first, last := from/block, (to-1)/block
	mask := ^uint64(0) << (from % block)
	for at := first; at <= last; at++ {
		if at == last {
			mask &= ^uint64(0) >> (block - 1 - (to-1)%block)
		}
		b := &m.blocks[at]
		if b.strange&mask != 0 {
			return strange
		}
		if b.beyond&mask != 0 {
			how = beyond
		}
		mask = ^uint64(0)
	}
	return how
}

// next is the place between two others of the next byte that is not simple, the latter if there is none.
func (m *marks) next(from, to int) int {
	for from < to {
		b := &m.blocks[from/block]
		if found := (b.strange | b.beyond) >> (from % block); found != 0 {
			return min(to, from+bits.TrailingZeros64(found))
		}
		from = (from/block + 1) * block
	}
	return to
}
