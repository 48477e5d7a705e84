package engine

import (
	"math"
	"slices"
	"strconv"
)

// probeKind is how a sieve sees that a test may hold.
type probeKind uint8

const (
	probePresent  probeKind = iota // the field is there
	probeEquals                    // the canonical value is the text
	probePrefix                    // it begins with it
	probeSuffix                    // it ends with it
	probeContains                  // it has it somewhere
	probeNumber                    // a number that is not spelled as a plain whole one
	probeAlways                    // nothing tells: every event
)

// probe is a cheap sign in an event without which some test cannot hold. It may speak where the test does not hold.
type probe struct {
	kind  probeKind
	field int32  // -1: anywhere in the event
	text  string // canonical
}

// shortest is the least length of a text that a sieve looks for inside values.
const shortest = 2

// longEnough is the length from which on a look at every fourth place finds a text.
const longEnough = 7

// signs are probes of which at least one speaks when the test holds; more than one set may do, and any is enough. No set
// says that there is no such sign.
func (t *test) signs() (sets [][]probe) {
	at := func(kind probeKind, plain []byte) []probe {
		text := string(canonical(nil, plain))
		switch {
		case t.keyword && len(text) < shortest:
			return []probe{{probeAlways, -1, ""}}
		case t.keyword:
			return []probe{{probeContains, -1, text}}
		case !isASCII([]byte(text)):
			kind = probeContains // such values are few, and have a look of their own
		case kind == probeEquals:
		case kind == probeContains && len(text) == 1 && !isLetter(text[0]):
		case len(text) < shortest || kind != probeContains && len(text) < 4:
			return []probe{{probePresent, t.field, ""}}
		}
		return []probe{{kind, t.field, text}}
	}
	present := at(probePrefix, nil)
	switch t.kind {
	case equals:
		return [][]probe{at(probeEquals, t.text)}
	case startsWith:
		return [][]probe{at(probePrefix, t.text)}
	case endsWith:
		return [][]probe{at(probeSuffix, t.text)}
	case contains:
		return [][]probe{at(probeContains, t.text)}
	case likens:
		return append(t.segmentSigns(at), present)
	case matches:
		for _, clause := range requiredTexts(string(t.text)) {
			var set []probe
			for _, text := range clause {
				set = append(set, at(probeContains, []byte(text))...)
			}
			sets = append(sets, set)
		}
		return append(sets, present)
	case compares:
		if t.bound.numbers && !t.keyword {
			return [][]probe{append(at(probeEquals, strconv.AppendInt(nil, t.bound.whole, 10)), probe{probeNumber, t.field, ""})}
		}
		return [][]probe{present}
	case isThere:
		if string(t.text) == "true" {
			return [][]probe{{{probePresent, t.field, ""}}}
		}
		return nil
	case sameAs:
		return [][]probe{{{probePresent, t.field, ""}}}
	case isNull:
		return nil
	case inNetwork:
	}
	return [][]probe{present}
}

func (t *test) segmentSigns(at func(probeKind, []byte) []probe) (sets [][]probe) {
	for _, segment := range t.segments {
		for from, i := 0, 0; i <= len(segment); i++ {
			if i == len(segment) || segment[i] == mark {
				if i-from >= shortest {
					sets = append(sets, at(probeContains, []byte(segment[from:i])))
				}
				from = i + 1
			}
		}
	}
	return sets
}

func isLetter(c byte) bool { return lowered[c] >= 'a' && lowered[c] <= 'z' }

// guess is how often a probe speaks on events of which none were seen yet.
func (p probe) guess() float64 {
	n := float64(len(p.text))
	switch p.kind {
	case probeEquals:
		return 0.004 + 0.4*math.Exp(-n/4)
	case probePrefix, probeSuffix:
		return 0.02 + 0.3*math.Exp(-n/2)
	case probeContains:
		return 0.01 + math.Exp(-n/2.5)
	case probeNumber:
		return 0.001
	case probeAlways:
		return 2
	case probePresent:
	}
	return 1
}

// chooser picks for each rule the signs that wake it.
type chooser struct {
	program *Program
	rate    map[probe]float64 // measured; what is not in it is guessed
	steps   []step            // beside the program's: ands of what is left to ask
	lengths map[int32]float64 // by field: the mean bytes of an event there
	short   map[probe]bool    // by field: some rule needs a short text there, so that others may as well
}

// place is where, and at what width, a short text is looked for.
func (p probe) place() probe { return probe{p.kind, p.field, "1234"[:min(4, len(p.text))]} }

// extra is what a short text costs beside the candidates that it makes: a look at more places of the value, if no other
// rule needs that anyway. A candidate costs about as much as a look at so many places.
func (c *chooser) extra(p probe) float64 {
	const candidate = 400
	length, measured := c.lengths[p.field]
	if !measured {
		length = 100
	}
	if len(p.text) == 1 {
		return length / 20 / candidate
	}
	if c.short[p.place()] {
		return 0.002
	}
	return length / float64(stepOf(len(p.text))) / candidate
}

func (c *chooser) cost(set []probe) (sum float64) {
	for _, p := range set {
		rate, measured := c.rate[p]
		if !measured {
			rate = p.guess()
		}
		if p.kind == probeContains && len(p.text) < longEnough {
			rate += c.extra(p)
		}
		sum += rate
	}
	return sum
}

// clue is a probe that wakes a rule.
type clue struct {
	probe probe
	exact bool  // of a value that is spelled plainly at its field's first place it says as much as the test
	rest  int32 // the step that is left to ask when it speaks
}

// waking is what it costs to wake a rule, in the unit of a step's weight.
const waking = 60

// nothing is left to ask.
const nothing int32 = -1

// exact reports whether the probe speaks only where the test holds.
func (t *test) exact(p probe) bool {
	kinds := [...]probeKind{equals: probeEquals, startsWith: probePrefix, endsWith: probeSuffix, contains: probeContains}
	return t.plainText() && !t.keyword && p.kind == kinds[t.kind] && (t.kind != contains || len(p.text) <= lookedFor)
}

// sign is the cheapest set of signs without which the step cannot hold; false if there is none. The step holds if what
// is left to ask of one that was seen holds.
func (c *chooser) sign(at int32) (best []clue, cost float64, ok bool) {
	s := c.step(at)
	switch s.op {
	case opTest:
		return c.signTest(at, s.arg)
	case opAnd:
		all, least, dear := c.weight(at), 0, math.Inf(1)
		for i, kid := range s.kids {
			signs, sum, found := c.sign(kid)
			if left := sum * (waking + all - c.weight(kid)); found && left < dear {
				best, cost, ok, least, dear = signs, sum, true, i, left
			}
		}
		if ok {
			c.leave(best, slices.Delete(slices.Clone(s.kids), least, least+1))
		}
		return best, cost, ok
	case opOr:
		for _, kid := range s.kids {
			signs, sum, found := c.sign(kid)
			if !found {
				return nil, 0, false
			}
			best, cost = append(slices.Clip(best), signs...), cost+sum
		}
		return best, cost, true
	case opNot, opUnsure:
	}
	return nil, 0, false
}

func (c *chooser) signTest(at, number int32) (best []clue, cost float64, ok bool) {
	t := &c.program.tests[number]
	var least []probe
	cost = math.Inf(1)
	for _, set := range t.signs() {
		if sum := c.cost(set); sum < cost {
			least, cost, ok = set, sum, true
		}
	}
	for _, p := range least {
		s := clue{p, t.exact(p), at}
		if s.exact {
			s.rest = nothing
		}
		best = append(best, s)
	}
	return best, cost, ok
}

// leave adds steps to what is left to ask of each sign.
func (c *chooser) leave(signs []clue, others []int32) {
	if len(others) == 0 {
		return
	}
	all := others[0]
	if len(others) > 1 {
		all = c.join(others)
	}
	for i := range signs {
		if signs[i].rest == nothing {
			signs[i].rest = all
		} else {
			signs[i].rest = c.join([]int32{signs[i].rest, all})
		}
	}
}

// join is a step over several, beside those of the program.
func (c *chooser) join(kids []int32) int32 {
	c.steps = append(c.steps, step{op: opAnd, kids: kids})
	return int32(len(c.program.steps) + len(c.steps) - 1)
}

func (c *chooser) step(at int32) *step {
	if own := int(at) - len(c.program.steps); own >= 0 {
		return &c.steps[own]
	}
	return &c.program.steps[at]
}

// weight is about how long a step takes, beside the others.
func (c *chooser) weight(at int32) (sum float64) {
	if int(at) < len(c.program.steps) {
		return c.program.weight[at]
	}
	for _, kid := range c.step(at).kids {
		sum += c.weight(kid)
	}
	return sum
}

// every is each probe that could be chosen for the step.
func (c *chooser) every(at int32, into map[probe]bool) {
	s := c.step(at)
	if s.op == opTest {
		for _, set := range c.program.tests[s.arg].signs() {
			for _, p := range set {
				into[p] = true
			}
		}
	}
	if s.op == opAnd || s.op == opOr {
		for _, kid := range s.kids {
			c.every(kid, into)
		}
	}
}
