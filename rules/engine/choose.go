package engine

import (
	"math"
	"slices"
)

// chooser picks for each rule the signs that wake it.
type chooser struct {
	program *Program
	rate    map[probe]float64 // measured; what is not in it is guessed
	sets    map[int32][][]probe
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
			best, cost = append(best, signs...), cost+sum
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
	for _, set := range c.setsOf(number) {
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

// setsOf are the sets of probes of a test, found once.
func (c *chooser) setsOf(number int32) [][]probe {
	sets, known := c.sets[number]
	if !known {
		if c.sets == nil {
			c.sets = map[int32][][]probe{}
		}
		sets = c.program.tests[number].signs()
		c.sets[number] = sets
	}
	return sets
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
