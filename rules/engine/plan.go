package engine

import (
	"slices"
	"sync"
)

// plan is what a class does with an event: its sieve says which targets to ask, its code asks them.
type plan struct {
	sieve
	targets   []target
	whole     []int32 // by place among the class's rules: its target that assumes nothing
	signless  []int32 // targets that every event asks
	wakeAt    []int32 // by probe: where its wakes begin
	wakes     []int32 // a target and whether only an exact sign will do: twice its number, and one
	code      []ask
	questions []question

	mu     sync.Mutex
	crowds map[int32]*grams // by field
}

// target is a rule with what is left to ask of it when a sign was seen: a sign that says as much as the test that it was
// taken from is not asked again.
type target struct {
	rule, whole int32
	entry       int32 // into the code
}

// planner makes a class's plan.
type planner struct {
	*chooser
	class  *class
	common *rarity
	plan   *plan
	places map[probe]int32
	known  map[targetKey]int32
	rests  []int32 // by target: the step that is left to ask
	woken  [][]int32
}

type targetKey struct{ rule, rest int32 }

// build chooses each rule's signs and makes the plan for them. tallies may be nil.
func (c *class) build(by *chooser, common *rarity) *planner {
	p := &planner{chooser: by, class: c, common: common, plan: &plan{}, places: map[probe]int32{}, known: map[targetKey]int32{}}
	p.short = p.shorts()
	for _, rule := range c.rules {
		condition := c.program.rules[rule].condition
		whole := p.target(rule, condition)
		p.plan.targets[whole].whole, p.plan.whole = whole, append(p.plan.whole, whole)
		signs, _, ok := p.sign(condition)
		if !ok {
			p.plan.signless = append(p.plan.signless, whole)
			continue
		}
		for _, s := range signs {
			t := p.target(rule, s.rest)
			p.plan.targets[t].whole = whole
			p.wake(s, t)
		}
	}
	probes := make([]probe, len(p.places))
	for probe, at := range p.places {
		probes[at] = probe
	}
	p.plan.sieve = c.assemble(probes, common)
	for _, woken := range p.woken {
		p.plan.wakeAt = append(p.plan.wakeAt, int32(len(p.plan.wakes)))
		p.plan.wakes = append(p.plan.wakes, woken...)
	}
	p.plan.wakeAt = append(p.plan.wakeAt, int32(len(p.plan.wakes)))
	return p
}

// shorts are the fields in which some rule can't do without a short text.
func (p *planner) shorts() map[probe]bool {
	p.short = map[probe]bool{}
	needed := map[probe]bool{}
	for _, rule := range p.class.rules {
		signs, _, _ := p.sign(p.program.rules[rule].condition)
		for _, s := range signs {
			if s.probe.kind == probeContains && len(s.probe.text) < longEnough && len(s.probe.text) > 1 {
				needed[s.probe.place()] = true
			}
		}
	}
	return needed
}

func (p *planner) target(rule, rest int32) int32 {
	at, known := p.known[targetKey{rule, rest}]
	if !known {
		at = int32(len(p.plan.targets))
		p.known[targetKey{rule, rest}] = at
		p.plan.targets, p.rests = append(p.plan.targets, target{rule: rule}), append(p.rests, rest)
	}
	return at
}

func (p *planner) wake(s clue, target int32) {
	at, known := p.places[s.probe]
	if !known {
		at = int32(len(p.places))
		p.places[s.probe], p.woken = at, append(p.woken, nil)
	}
	wake := 2 * target
	if s.exact {
		wake++
	}
	if !slices.Contains(p.woken[at], wake) {
		p.woken[at] = append(p.woken[at], wake)
	}
}

// encode writes the code of all targets in the order that decided soonest.
func (p *planner) encode(tallies map[int32]*tally) *plan {
	made := &plan{
		sieve: p.plan.sieve, targets: slices.Clone(p.plan.targets), whole: p.plan.whole, signless: p.plan.signless,
		wakeAt: p.plan.wakeAt, wakes: p.plan.wakes, crowds: map[int32]*grams{},
	}
	e := &encoder{planner: p, plan: made, tallies: tallies, places: map[int32]int32{}}
	for i := range made.targets {
		made.targets[i].entry = e.entry(p.rests[i])
	}
	return made
}
