package engine

import (
	"bytes"
	"encoding/binary"
)

// text finds a string's end and notes one that is not simple.
func (s *scanner) text(i int) (end int, how spelling, wrong string) {
	if end = s.marks.quote(i); end < 0 {
		return len(s.in), simple, "the string does not end"
	}
	if s.marks.control && hasControl(s.in[i:end]) {
		return i, simple, "a control character in a string"
	}
	if how = s.marks.spelling(i, end); how != simple && (len(s.odds) == 0 || s.odds[len(s.odds)-1].from < int32(i)) {
		s.odds = append(s.odds, oddString{span32: span32{int32(i), int32(end)}, how: how})
	}
	return end, how, ""
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
