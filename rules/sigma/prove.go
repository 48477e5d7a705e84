package sigma

import (
	"math"
	"slices"
	"strings"
)

// implies reports whether every event for which a holds is one for which b holds, as far as that can be proved from the
// rule alone. A field may have several values, so two tests of one field never exclude each other.
func implies(a, b expression) bool {
	a, b = bare(a), bare(b)
	if all, ok := b.(allOf); ok {
		return !slices.ContainsFunc(all, func(part expression) bool { return !implies(a, part) })
	}
	if one, ok := a.(anyOf); ok {
		return !slices.ContainsFunc(one, func(part expression) bool { return !implies(part, b) })
	}
	if one, ok := b.(anyOf); ok && slices.ContainsFunc(one, func(part expression) bool { return implies(a, part) }) {
		return true
	}
	if all, ok := a.(allOf); ok {
		return slices.ContainsFunc(all, func(part expression) bool { return implies(part, b) })
	}
	if without, ok := a.(not); ok {
		other, ok := b.(not)
		return ok && implies(other.expression, without.expression)
	}
	return leafImplies(a, b)
}

func bare(e expression) expression {
	if named, ok := e.(selected); ok {
		return named.expression
	}
	return e
}

func leafImplies(a, b expression) bool {
	switch a := a.(type) {
	case sameAs:
		return a == b || b == exists{a.field, true}
	case exists:
		return a == b
	case item:
		if b == (exists{a.field, true}) {
			return a.field != "" && !a.absent
		}
		other, ok := b.(item)
		return ok && a.field == other.field && (other.absent || !a.absent) && a.within(other.matcher)
	}
	return false
}

// within reports whether every value that the item takes is one that the other takes.
func (i item) within(other matcher) bool {
	switch ours := i.matcher.(type) {
	case pattern:
		theirs, ok := other.(pattern)
		return ok && ours.within(theirs)
	case comparison:
		theirs, ok := other.(comparison)
		return ok && ours.within(theirs)
	case expressionMatcher:
		theirs, ok := other.(expressionMatcher)
		return ok && ours.String() == theirs.String()
	case network:
		theirs, ok := other.(network)
		return ok && theirs.Bits() <= ours.Bits() && theirs.Contains(ours.Addr())
	case onlyNumbers:
		return matcher(ours) == other
	case isNull:
		return matcher(ours) == other
	}
	return false
}

func (p pattern) within(q pattern) bool {
	if q.everything() || p.same(q) {
		return true
	}
	if p.glob || q.cased && !p.cased {
		return false
	}
	text := fold(p.plain, q.cased)
	exact := !p.before && !p.after
	switch {
	case q.glob:
		return exact && globs(q.runes, []rune(text))
	case q.before && q.after:
		return strings.Contains(text, q.plain)
	case q.before:
		return !p.after && strings.HasSuffix(text, q.plain)
	case q.after:
		return !p.before && strings.HasPrefix(text, q.plain)
	}
	return exact && text == q.plain
}

// everything says that the pattern takes any text.
func (p pattern) everything() bool { return !p.glob && p.plain == "" && (p.before || p.after) }

func (p pattern) same(q pattern) bool {
	return p.cased == q.cased && p.plain == q.plain && p.before == q.before && p.after == q.after && p.glob == q.glob && slices.Equal(p.runes, q.runes)
}

// exactFloat is below which a float64 tells whole numbers apart.
const exactFloat = 1 << 53

func (c comparison) within(d comparison) bool {
	if c == d {
		return true
	}
	if c.part != d.part || c.operator == "" || d.operator == "" || c.operator[:1] != d.operator[:1] || math.Abs(c.float) >= exactFloat || math.Abs(d.float) >= exactFloat {
		return false
	}
	if c.float == d.float {
		return len(d.operator) > len(c.operator) // gt 5 is within gte 5
	}
	return (c.float > d.float) == (c.operator[0] == 'g')
}
