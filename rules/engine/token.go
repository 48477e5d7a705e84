package engine

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// text finds a string's end and notes one that is not simple.
func (s *scanner) text(i int) (end int, odd bool, wrong string) {
	end, odd, wrong = s.textEnd(i)
	if odd && (len(s.odds) == 0 || s.odds[len(s.odds)-1].from < int32(i)) {
		s.odds = append(s.odds, oddString{span32: span32{int32(i), int32(end)}})
	}
	return end, odd, wrong
}

func (s *scanner) textEnd(i int) (end int, odd bool, wrong string) {
	in, from, quote := s.in, i, -1 // no quote lies before the place of quote
	for {
		n, most := 8, i+16 // in short texts looking up is quicker than searching
		for n == 8 && i < most {
			n = calmTo8(in, i)
			i += n
		}
		if n == 8 {
			if quote < i {
				if quote = bytes.IndexByte(in[i:], '"'); quote < 0 {
					return len(in), odd, "the string does not end"
				}
				quote += i
			}
			if slash := bytes.IndexByte(in[i:quote], '\\'); slash >= 0 {
				i += slash
			} else {
				i = quote
			}
		}
		if i >= len(in) {
			return i, odd, "the string does not end"
		}
		if in[i] == '"' {
			break
		}
		if i+1 >= len(in) || escapes[in[i+1]] == 0 && in[i+1] != 'u' {
			return i, odd, "unknown escape"
		}
		switch in[i+1] {
		case 'u':
			if i+6 > len(in) || !isHex(in[i+2:i+6]) {
				return i, odd, "no four digits behind \\u"
			}
			odd = true
			i += 4
		case '/', 'b', 'f':
			odd = true
		}
		i += 2
	}
	if s.control && hasControl(in[from:i]) {
		return i, odd, "a control character in a string"
	}
	return i, odd || s.high && !isASCII(in[from:i]), ""
}

// calmTo8 is the number of bytes, up to eight, before the next quote or backslash: most names and many values end there.
func calmTo8(in []byte, i int) int {
	if i+8 <= len(in) {
		x := binary.LittleEndian.Uint64(in[i:])
		quote, slash := x^(ones*'"'), x^(ones*'\\')
		return bits.TrailingZeros64(((quote-ones)&^quote|(slash-ones)&^slash)&highs) >> 3
	}
	n := 0
	for i+n < len(in) && in[i+n] != '"' && in[i+n] != '\\' {
		n++
	}
	return min(n, 7)
}

func isHex(digits []byte) bool {
	for _, c := range digits {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

func hasControl(text []byte) bool {
	for len(text) >= 8 {
		if x := binary.LittleEndian.Uint64(text); (x-ones*0x20)&^x&highs != 0 {
			return true
		}
		text = text[8:]
	}
	for _, c := range text {
		if c < 0x20 {
			return true
		}
	}
	return false
}

// scalar reads a number or a literal.
func (s *scanner) scalar(i int) (end int, kind byte, wrong string) {
	rest := s.in[i:]
	switch {
	case bytes.HasPrefix(rest, []byte("true")):
		return i + 4, 't', ""
	case bytes.HasPrefix(rest, []byte("false")):
		return i + 5, 'f', ""
	case bytes.HasPrefix(rest, []byte("null")):
		return i + 4, kindNull, ""
	}
	width := number(rest)
	if width == 0 {
		return i, 0, "no value"
	}
	return i + width, kindNumber, ""
}

// number is the width of the number that text begins with, 0 if it begins with none.
func number(text []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if !digits() {
		return 0
	}
	if i < len(text) && text[i] == '.' {
		if i++; !digits() {
			return 0
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}
