package engine

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A value is seen in three forms: raw as the event spells it, plain with its escapes resolved, and canonical: folded
// coarsely and spelled with the one set of escapes \" \\ \n \r \t. A simple raw value (ASCII, with no other escape) is
// its own canonical form but for the case of its letters, so filters run on the event's bytes as they are.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// unescape appends a raw JSON string's plain text. What is no UTF-8 becomes U+FFFD, as encoding/json has it.
func unescape(into, raw []byte) []byte {
	for len(raw) > 0 {
		next := bytes.IndexByte(raw, '\\')
		if next < 0 {
			return appendValid(into, raw)
		}
		into = appendValid(into, raw[:next])
		escaped := raw[next+1]
		raw = raw[next+2:]
		switch escaped {
		case 'u':
			var r rune
			r, raw = unicodeEscape(raw)
			into = utf8.AppendRune(into, r)
		default:
			into = append(into, escapes[escaped])
		}
	}
	return into
}

// escapes are what follows a backslash, and what it stands for.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unicodeEscape reads the four digits behind \u, and the second half of a surrogate pair behind them.
func unicodeEscape(raw []byte) (rune, []byte) {
	r := hex4(raw)
	raw = raw[4:]
	if r < 0xd800 || r > 0xdfff {
		return r, raw
	}
	if r < 0xdc00 && len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
		if low := hex4(raw[2:]); low >= 0xdc00 && low <= 0xdfff {
			return (r-0xd800)<<10 + (low - 0xdc00) + 0x10000, raw[6:]
		}
	}
	return utf8.RuneError, raw
}

// hex4 reads four digits; it is negative if they are none.
func hex4(digits []byte) rune {
	if len(digits) < 4 {
		return -1
	}
	return hexDigits[digits[0]]<<12 | hexDigits[digits[1]]<<8 | hexDigits[digits[2]]<<4 | hexDigits[digits[3]]
}

// hexDigits are the values of digits; what is none is negative, and stays so in a number.
var hexDigits = func() (table [256]rune) {
	for c := range table {
		table[c] = -1
		if at := strings.IndexByte("0123456789abcdef", lowered[c]); at >= 0 {
			table[c] = rune(at)
		}
	}
	return table
}()

func appendValid(into, text []byte) []byte {
	if isASCII(text) || utf8.Valid(text) {
		return append(into, text...)
	}
	for len(text) > 0 {
		r, width := utf8.DecodeRune(text)
		into, text = utf8.AppendRune(into, r), text[width:]
	}
	return into
}

func isASCII(text []byte) bool {
	for len(text) >= 8 {
		if binary.LittleEndian.Uint64(text)&highs != 0 {
			return false
		}
		text = text[8:]
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lower appends text in lower case, as strings.ToLower has it.
func lower(into, text []byte) []byte {
	if !isASCII(text) {
		for len(text) > 0 {
			r, width := utf8.DecodeRune(text)
			into, text = utf8.AppendRune(into, unicode.ToLower(r)), text[width:]
		}
		return into
	}
	return lowerASCII(into, text)
}

// lowerASCII appends text with the letters of ASCII in lower case.
func lowerASCII(into, text []byte) []byte {
	for len(text) >= 8 {
		into = binary.LittleEndian.AppendUint64(into, lower8(binary.LittleEndian.Uint64(text)))
		text = text[8:]
	}
	for _, c := range text {
		into = append(into, lowered[c])
	}
	return into
}

// lower8 folds eight ASCII letters at once: a byte's top bit in the two sums says that it is past 'A' and past 'Z'.
func lower8(x uint64) uint64 {
	low := x &^ uint64(highs)
	upper := (low + ones*(128-'A')) &^ (low + ones*(127-'Z')) & highs &^ x
	return x | upper>>2
}

var lowered = func() (table [256]byte) {
	for i := range table {
		table[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			table[i] = byte(i) + 'a' - 'A'
		}
	}
	return table
}()

// coarse folds one character so that all that any case-blind comparison of ours takes for the same become the same:
// lower case, and the characters that a regular expression's (?i) joins.
func coarse(r rune) rune {
	switch {
	case r < rune(len(coarseSmall)):
		return rune(coarseSmall[r])
	case r >= 0x2e80 && r < 0xa640, r >= 0xac00 && r < 0xd7a4: // scripts of East Asia have no case
		return r
	}
	return coarseRune(r)
}

// coarseSmall spares the alphabets of Europe the tables of package unicode.
var coarseSmall = func() (table [0x530]uint16) {
	for r := range table {
		table[r] = uint16(coarseRune(rune(r)))
	}
	return table
}()

func coarseRune(r rune) rune {
	r = unicode.ToLower(r)
	least := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		least = min(least, next)
	}
	if least < utf8.RuneSelf {
		return rune(lowered[least])
	}
	return least
}

// canonical appends the canonical form of plain text.
func canonical(into, text []byte) []byte {
	for len(text) > 0 {
		r, width := utf8.DecodeRune(text)
		into, text = canonicalRune(into, r), text[width:]
	}
	return into
}

func canonicalRune(into []byte, r rune) []byte {
	switch r = coarse(r); r {
	case '"', '\\':
		return append(into, '\\', byte(r))
	case '\n':
		return append(into, '\\', 'n')
	case '\r':
		return append(into, '\\', 'r')
	case '\t':
		return append(into, '\\', 't')
	}
	return utf8.AppendRune(into, r)
}

// respell appends a part of the event in its canonical form, but for the case of ASCII letters, which sieves do not mind.
func (s *scanner) respell(into []byte, from, to int) []byte {
	for {
		odd := s.marks.next(from, to)
		if odd == to {
			return append(into, s.in[from:to]...)
		}
		c := s.in[odd]
		if c >= utf8.RuneSelf {
			r, width := utf8.DecodeRune(s.in[odd:to])
			into, from = canonicalRune(append(into, s.in[from:odd]...), r), odd+width
			continue
		}
		into = append(into, s.in[from:odd-1]...)
		if c == 'u' {
			r, rest := unicodeEscape(s.in[odd+1 : to])
			into, from = canonicalRune(into, r), to-len(rest)
			continue
		}
		into, from = append(into, escapes[c]), odd+1
	}
}
