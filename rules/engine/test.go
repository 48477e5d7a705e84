package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// testKind is what a test asks of a value.
type testKind uint8

const (
	equals testKind = iota
	startsWith
	endsWith
	contains
	likens // with wildcards inside
	matches
	inNetwork
	compares
	isNull
	isThere
	sameAs
)

// test is one question about one field, or about all values of the event.
type test struct {
	kind    testKind
	keyword bool
	cased   bool
	before  bool // of sameAs and likens: other text may stand before
	after   bool
	field   int32
	text    []byte
	*dear   // never nil
}

// dear is what only the rarer kinds of tests need, apart so that the others lie close together.
type dear struct {
	other    int32    // of sameAs
	segments []string // of likens
	required []clause // of matches
	least    int      // of matches: the characters that one has
	run      longRun  // of matches
	regexp   *regexp.Regexp
	network  netip.Prefix
	bound    bound
}

func (t *test) key() string {
	return fmt.Sprint(t.kind, t.keyword, t.cased, t.before, t.after, t.field, t.other, t.bound.operator, t.bound.part, t.bound.numbers, " ", string(t.text))
}

// value is one scalar of the event while tests look at it.
type value struct {
	raw     []byte
	at      int32 // in the event; -1 if it is a decoded one's
	kind    byte
	how     spelling
	plain   []byte // escapes resolved; nil until asked for
	folded  []byte // in lower case; nil until asked for
	spelled []byte // in its canonical form but for characters beyond ASCII; nil until asked for
}

// holds judges one value.
func (t *test) holds(m *Matcher, at int32, v *value) bool {
	if v.kind == kindNull {
		return t.kind == isNull
	}
	switch t.kind {
	case equals, startsWith, endsWith, contains, likens:
		text := m.plain(v)
		if !t.cased {
			text = m.folded(v)
		}
		return t.holdsText(text)
	case matches:
		return m.search(t, at, v)
	case inNetwork:
		at, ok := address(m.plain(v))
		return ok && t.network.Contains(at)
	case compares:
		text := m.plain(v)
		return mayBeNumber(text) && t.bound.holds(string(text), v.kind == kindNumber)
	case isNull, isThere, sameAs: // not of a value that is there
	}
	return false
}

func (t *test) holdsText(text []byte) bool {
	switch t.kind {
	case equals:
		return bytes.Equal(text, t.text)
	case startsWith:
		return bytes.HasPrefix(text, t.text)
	case endsWith:
		return bytes.HasSuffix(text, t.text)
	case contains:
		return bytes.Contains(text, t.text)
	default:
		return t.fit(text)
	}
}

// search runs a regular expression by the test's automaton, which is this matcher's own.
func (m *Matcher) search(t *test, at int32, v *value) bool {
	if len(v.raw) < t.least || v.how != strange && !t.run.in(v.raw) || !m.hasRequired(t, v) {
		return false
	}
	if m.automata[at] == nil {
		m.automata[at] = newAutomaton(string(t.text))
	}
	a := m.automata[at]
	defer m.bound(len(a.states), a)
	if a.spelled && v.at >= 0 && v.kind == kindString && !m.marks.denoted.has(a.only) {
		if matches, ok := a.matchSpelled(v.raw); ok {
			return matches
		}
	}
	if matches, ok := a.match(m.plain(v)); ok {
		return matches
	}
	return t.regexp.Match(m.plain(v))
}

// maxAllStates bounds the memory of a matcher's automata: when hostile texts have made so many states, all begin anew.
const maxAllStates = 20 * maxStates

func (m *Matcher) bound(before int, a *automaton) {
	if m.states += len(a.states) - before; m.states > maxAllStates {
		clear(m.automata)
		m.states = 0
	}
}

// hasRequired looks for texts without which the expression does not match: a tenth of the time that an automaton needs.
// Those that the event spells as they are come first, since they need no copy of the value without escapes.
func (m *Matcher) hasRequired(t *test, v *value) bool {
	for i := range t.required {
		if c := &t.required[i]; m.isDirect(c, v) && !anyIn(c.raw, v.raw) {
			return false
		}
	}
	for i := range t.required {
		if c := &t.required[i]; !m.isDirect(c, v) && !anyIn(c.texts, m.plain(v)) {
			return false
		}
	}
	return true
}

func (m *Matcher) isDirect(c *clause, v *value) bool {
	return c.raw != nil && (v.how != strange || v.at >= 0 && !m.marks.denoted.meets(&c.letters))
}

// bound compares numbers, or a part of a time with a number.
type bound struct {
	operator, part string
	numbers        bool // only a number of the event counts
	whole          int64
	isWhole        bool
	float          float64
}

// mayBeNumber spares a long text that is no number or time the copy that a string is.
func mayBeNumber(text []byte) bool {
	return len(text) <= 32 || text[0] < 'A' || text[0]|0x20 == 'i' || text[0]|0x20 == 'n'
}

func newBound(operator, part, text string) (b bound, err error) {
	b = bound{operator: operator, part: part}
	b.whole, err = strconv.ParseInt(text, 10, 64)
	b.isWhole = err == nil
	if of, timed := timeParts[part]; timed && (!b.isWhole || b.whole < of[0] || b.whole > of[1]) {
		return b, fmt.Errorf("no %s from %d to %d", part, of[0], of[1])
	}
	if b.float, err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(b.float) || math.IsInf(b.float, 0) {
		return b, errors.New("no number")
	}
	if !b.isWhole && math.Abs(b.float) < 1<<53 && b.float == math.Trunc(b.float) { // 1.0
		b.whole, b.isWhole = int64(b.float), true
	}
	return b, nil
}

// timeParts are the first and the last number that each part of a time may have.
var timeParts = map[string][2]int64{"minute": {0, 59}, "hour": {0, 23}, "day": {1, 31}, "week": {1, 53}, "month": {1, 12}, "year": {0, 9999}}

func (b bound) holds(text string, number bool) bool {
	if b.numbers && !number {
		return false
	}
	if b.part != "" {
		at, ok := instant(text, number)
		return ok && b.isWhole && b.decides(sign(partOf(at.UTC(), b.part), b.whole))
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && b.isWhole {
		return b.decides(sign(whole, b.whole))
	}
	float, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(float) {
		return false
	}
	if b.isWhole && math.Abs(float) < 1<<62 && float == math.Trunc(float) {
		return b.decides(sign(int64(float), b.whole))
	}
	return b.decides(sign(float, b.float))
}

func sign[T int64 | float64](a, b T) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

func (b bound) decides(sign int) bool {
	switch b.operator {
	case "gt":
		return sign > 0
	case "gte":
		return sign >= 0
	case "lt":
		return sign < 0
	case "lte":
		return sign <= 0
	}
	return sign == 0
}

var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999-0700",
	"2006-01-02 15:04:05.999999999Z07:00", time.DateOnly,
}

// instant reads a time: seconds or milliseconds of a number, or one of the usual layouts.
func instant(text string, number bool) (time.Time, bool) {
	if number {
		whole, _, _ := strings.Cut(text, ".")
		seconds, err := strconv.ParseInt(whole, 10, 64)
		if seconds > 100_000_000_000 {
			return time.UnixMilli(seconds), err == nil
		}
		return time.Unix(seconds, 0), err == nil
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func partOf(at time.Time, part string) int64 {
	_, week := at.ISOWeek()
	return map[string]int64{
		"minute": int64(at.Minute()), "hour": int64(at.Hour()), "day": int64(at.Day()),
		"week": int64(week), "month": int64(at.Month()), "year": int64(at.Year()),
	}[part]
}
