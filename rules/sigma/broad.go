package sigma

import (
	"slices"
	"unicode/utf8"
)

// broad reports whether an event can satisfy the expression without having any specific value: by what it lacks, by
// having a field at all, by a wildcard or a single character.
func broad(e expression) bool {
	switch e := bare(e).(type) {
	case allOf:
		return !slices.ContainsFunc(e, func(part expression) bool { return !broad(part) })
	case anyOf:
		return slices.ContainsFunc(e, broad)
	case not, exists:
		return true
	case item:
		return e.broad()
	}
	return false
}

func (i item) broad() bool {
	switch m := i.matcher.(type) {
	case isNull:
		return true
	case pattern:
		return m.broad()
	case expressionMatcher:
		return m.MatchString("")
	case network:
		return m.Bits() == 0
	}
	return false
}

// broad says that a wildcard and at most one character make the pattern. A character beyond ASCII is rare enough to be a
// value of its own.
func (p pattern) broad() bool {
	letters := []rune(p.plain)
	if p.glob {
		letters = slices.DeleteFunc(slices.Clone(p.runes), func(r rune) bool { return r < 0 })
	}
	if len(letters) == 1 {
		return letters[0] < utf8.RuneSelf && (p.glob || p.before || p.after)
	}
	return len(letters) == 0
}
