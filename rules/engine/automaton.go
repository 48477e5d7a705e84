package engine

import (
	"bytes"
	"encoding/binary"
	"maps"
	"regexp/syntax"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// automaton runs a regular expression over text a character at a time, and answers only whether it matches: a tenth of
// the time of package regexp. Its states are made when first reached; an expression that makes too many is given up.
type automaton struct {
	prog     *syntax.Prog
	anchored bool
	classOf  [128]uint8 // characters that no part of the expression tells apart
	samples  []rune     // the first of each class; the last is the text's end
	states   []dfaState
	next     []int32 // by state, whose number is its place here, and class: a state, or one of the answers
	index    map[string]int32
	given    bool     // given up
	idle     []int32  // states in which nothing has begun
	resting  [3]int32 // those of them behind a line's end, a word's character, another; 0 until made
	only     byte     // the one ASCII byte that leads on from the first state, 0 if there are others
	spelled  bool     // texts with escapes can be read as they are: only is no part of one, and what is around does not count
}

// dfaState is where the expression may stand, and what kind of character was read last.
type dfaState struct {
	at   []uint32
	last rune
}

// answers in place of a state.
const (
	unknown int32 = -1 - iota
	failed
	matched
)

// maxStates bounds an automaton; its memory is that times the number of classes.
const maxStates = 2000

func newAutomaton(expression string) *automaton {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return &automaton{given: true}
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(prog.Inst) > 1<<12 {
		return &automaton{given: true}
	}
	a := &automaton{prog: prog, anchored: prog.StartCond()&syntax.EmptyBeginText != 0, index: map[string]int32{}}
	if a.classify(); len(a.samples) > 200 {
		return &automaton{given: true}
	}
	if a.anchored {
		a.state([]uint32{uint32(prog.Start)}, -1)
		return a
	}
	a.only = firstByte(parsed)
	a.spelled = a.only > ' ' && !isLetter(a.only) && !bytes.ContainsRune([]byte(`0123456789"\/`), rune(a.only)) &&
		!slices.ContainsFunc(prog.Inst, func(inst syntax.Inst) bool { return inst.Op == syntax.InstEmptyWidth })
	a.state(nil, -1)
	return a
}

// firstByte is the byte that every match begins with, 0 if that is not known.
func firstByte(r *syntax.Regexp) byte {
	switch {
	case r.Op == syntax.OpConcat, r.Op == syntax.OpCapture, r.Op == syntax.OpPlus:
		return firstByte(r.Sub[0])
	case r.Op == syntax.OpLiteral && r.Rune[0] < utf8.RuneSelf && (r.Flags&syntax.FoldCase == 0 || unicode.SimpleFold(r.Rune[0]) == r.Rune[0]):
		return byte(r.Rune[0])
	}
	return 0
}

// classify parts the characters where some instruction does.
func (a *automaton) classify() {
	border := map[rune]bool{0: true, utf8.RuneSelf: true}
	part := func(low, high rune) { border[low], border[high+1] = true, true }
	for _, inst := range a.prog.Inst {
		if len(inst.Rune) == 1 {
			part(inst.Rune[0], inst.Rune[0])
			for r := unicode.SimpleFold(inst.Rune[0]); r != inst.Rune[0]; r = unicode.SimpleFold(r) {
				part(r, r)
			}
		}
		for i := 0; i+1 < len(inst.Rune); i += 2 {
			part(inst.Rune[i], inst.Rune[i+1])
		}
	}
	for _, r := range [][2]rune{{'\n', '\n'}, {'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}} {
		part(r[0], r[1])
	}
	a.samples = slices.Sorted(maps.Keys(border))
	for c := range rune(128) {
		a.classOf[c] = uint8(a.class(c))
	}
	a.samples = append(a.samples, -1)
}

// class finds a character's class among the samples.
func (a *automaton) class(r rune) int {
	return sort.Search(len(a.samples), func(i int) bool { return a.samples[i] > r || a.samples[i] < 0 }) - 1
}

// state is the number of a state; kind stands for the character read last.
func (a *automaton) state(at []uint32, last rune) int32 {
	key := []byte{byte(last)}
	for _, pc := range at {
		key = binary.LittleEndian.AppendUint16(key, uint16(pc))
	}
	if known, ok := a.index[string(key)]; ok {
		return known
	}
	made := int32(len(a.next))
	a.index[string(key)], a.states = made, append(a.states, dfaState{at, last})
	for range a.samples {
		a.next = append(a.next, unknown)
	}
	if len(at) == 0 {
		a.idle = append(a.idle, made)
	}
	return made
}

// match answers for a text; ok is false if another must answer.
func (a *automaton) match(text []byte) (matches, ok bool) {
	if a.given {
		return false, false
	}
	next, at := a.next, int32(0)
	for i := 0; i < len(text); {
		if a.only != 0 && slices.Contains(a.idle, at) { // nothing begins before the next such byte
			skip := bytes.IndexByte(text[i:], a.only)
			if skip < 0 {
				return false, true
			}
			if skip > 0 {
				i += skip
				at = a.rest(rune(text[i-1]))
				next = a.next
			}
		}
		var class int
		width := 1
		if c := text[i]; c < utf8.RuneSelf {
			class = int(a.classOf[c])
		} else {
			var r rune
			r, width = utf8.DecodeRune(text[i:])
			class = a.class(r)
		}
		i += width
		to := next[int(at)+class]
		if to < 0 {
			if to == unknown {
				if to = a.learn(at, class); a.given {
					return false, false
				}
				next = a.next
			}
			if to < 0 {
				return to == matched, true
			}
		}
		at = to
	}
	to := next[int(at)+len(a.samples)-1]
	if to == unknown {
		to = a.learn(at, len(a.samples)-1)
	}
	return to == matched, !a.given
}

// matchSpelled is match for a string as the event spells it: what does not begin with the one byte is never read, and so
// needs no copy without escapes.
func (a *automaton) matchSpelled(raw []byte) (matches, ok bool) {
	at := int32(0)
	for i := 0; i < len(raw); {
		if slices.Contains(a.idle, at) {
			skip := bytes.IndexByte(raw[i:], a.only)
			if skip < 0 {
				return false, true
			}
			i, at = i+skip, 0
		}
		r, width := character(raw[i:])
		i += width
		var class int
		if r < utf8.RuneSelf {
			class = int(a.classOf[r])
		} else {
			class = a.class(r)
		}
		if at = a.follow(at, class); at < 0 {
			return at == matched, !a.given
		}
	}
	return a.follow(at, len(a.samples)-1) == matched, !a.given
}

// character reads one character of a string as an event spells it.
func character(raw []byte) (r rune, width int) {
	switch {
	case raw[0] != '\\':
		return utf8.DecodeRune(raw)
	case raw[1] == 'u':
		r, rest := unicodeEscape(raw[2:])
		return r, len(raw) - len(rest)
	}
	return rune(escapes[raw[1]]), 2
}

// follow is what follows a state.
func (a *automaton) follow(at int32, class int) int32 {
	if to := a.next[int(at)+class]; to != unknown {
		return to
	}
	return a.learn(at, class)
}

// rest is the state in which nothing has begun behind that character.
func (a *automaton) rest(last rune) int32 {
	kind, at := kindOf(last), &a.resting[0]
	switch kind {
	case 'a':
		at = &a.resting[1]
	case ' ':
		at = &a.resting[2]
	}
	if *at == 0 {
		*at = a.state(nil, kind)
	}
	return *at
}

func (a *automaton) learn(at int32, class int) int32 {
	if len(a.states) > maxStates {
		*a = automaton{given: true}
		return failed
	}
	to := a.step(at, class)
	a.next[int(at)+class] = to
	return to
}
