package engine

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/sallyport-soar/sallyport/rules/logsource"
)

// class is the events of one log source in one shape, with the rules that apply to them.
type class struct {
	program *Program
	shape   shape
	source  logsource.Class
	rules   []int32
	sieve   atomic.Pointer[sieve]
	learned atomic.Bool

	mu     sync.Mutex
	sample [][]byte
}

// A class learns twice from its events which signs are rare: soon, from a few, and then from more. sampleBytes bounds
// what it keeps for that.
const (
	firstSample = 16
	sampled     = 256
	sampleBytes = 2 << 20
)

func (p *Program) class(s shape, mapping string, source logsource.Class) *class {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := strconv.Itoa(int(s)) + "|" + mapping + "|" + source.Key()
	if known := p.classes[key]; known != nil {
		return known
	}
	c := &class{program: p, shape: s, source: source}
	for i, r := range p.rules {
		applies := r.mapping != "" && (r.mapping == mapping || source.All) || r.mapping == "" && source.Takes(r.product, r.category, r.service)
		if applies && r.condition >= 0 {
			c.rules = append(c.rules, int32(i))
		}
	}
	c.sieve.Store(c.build(&chooser{program: p}, nil))
	c.learned.Store(len(c.rules) == 0)
	p.classes[key] = c
	return c
}

// learn keeps the event; the last one that is needed makes the sieve anew by what the sample shows to be rare. Which
// rules match is the same before and after.
func (c *class) learn(m *Matcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.learned.Load() {
		return
	}
	c.sample = append(c.sample, slices.Clone(m.in))
	bytes := 0
	for _, event := range c.sample {
		bytes += len(event)
	}
	last := len(c.sample) >= sampled || bytes >= sampleBytes
	if last || len(c.sample) == firstSample {
		c.study(m.mapping, last)
	}
}

// Settle ends the learning of all classes met so far, with what they have seen.
func (p *Program) Settle() {
	p.mu.Lock()
	classes := slices.Collect(maps.Values(p.classes))
	p.mu.Unlock()
	for _, c := range classes {
		c.mu.Lock()
		if !c.learned.Load() {
			c.study("", true)
		}
		c.mu.Unlock()
	}
}

// study makes the sieve anew by the sample.
func (c *class) study(mapping string, last bool) {
	common := &rarity{}
	for _, event := range c.sample {
		common.learn(event)
	}
	c.program.mu.Lock()
	c.program.common = common
	c.program.mu.Unlock()
	c.sieve.Store(c.build(&chooser{program: c.program, rate: c.measure(mapping, common)}, common))
	c.settle(mapping)
	if last {
		c.sample = nil
		c.learned.Store(true)
	}
}

// measure says how often each probe that could be chosen speaks on the sample.
func (c *class) measure(mapping string, common *rarity) map[probe]float64 {
	all := map[probe]bool{}
	chooser := &chooser{program: c.program}
	for _, rule := range c.rules {
		chooser.every(c.program.rules[rule].condition, all)
	}
	probes := slices.Collect(maps.Keys(all))
	sieve := c.assemble(probes, make([][]int32, len(probes)), common)
	m := c.program.NewMatcher(mapping)
	m.shape, m.counted = c.shape, make([]int32, len(probes))
	rate := map[probe]float64{}
	before := make([]int32, len(probes))
	for _, event := range c.sample {
		if m.scan(event, true) != nil {
			continue
		}
		m.next()
		copy(before, m.counted)
		m.sift(sieve)
		for i, p := range probes {
			if m.counted[i] > before[i] {
				rate[p]++
			}
		}
	}
	for _, p := range probes {
		rate[p] = (rate[p] + 0.3) / float64(len(c.sample)+1)
	}
	return rate
}

// settle puts the conditions of rules that the sample wakes into the order that decides soonest.
func (c *class) settle(mapping string) {
	m := c.program.NewMatcher(mapping)
	m.shape = c.shape
	seen := map[int32]map[int32]*tally{}
	for _, event := range c.sample {
		if m.scan(event, true) != nil {
			continue
		}
		m.next()
		m.sift(c.sieve.Load())
		for _, rule := range m.cands {
			if seen[rule] == nil {
				seen[rule] = map[int32]*tally{}
			}
			m.observe(c.program.rules[rule].condition, seen[rule])
		}
	}
	for rule, tallies := range seen {
		c.program.reorder(c.program.rules[rule].condition, tallies, c.program.weight)
	}
}

// build chooses each rule's signs and makes their sieve.
func (c *class) build(by *chooser, common *rarity) *sieve {
	by.short = map[probe]bool{}
	needed := map[probe]bool{}
	for _, rule := range c.rules {
		signs, _, _ := by.sign(c.program.rules[rule].condition)
		for _, p := range signs {
			if p.kind == probeContains && len(p.text) < longEnough {
				needed[p.place()] = true
			}
		}
	}
	by.short = needed
	index := map[probe]int32{}
	var probes []probe
	var wakes [][]int32
	for _, rule := range c.rules {
		signs, _, ok := by.sign(c.program.rules[rule].condition)
		if !ok {
			signs = []probe{{probeAlways, -1, ""}}
		}
		for _, p := range signs {
			at, known := index[p]
			if !known {
				at = int32(len(probes))
				index[p], probes, wakes = at, append(probes, p), append(wakes, nil)
			}
			if woken := wakes[at]; len(woken) == 0 || woken[len(woken)-1] != rule {
				wakes[at] = append(woken, rule)
			}
		}
	}
	return c.assemble(probes, wakes, common)
}

// assemble puts probes where their values are looked at.
func (c *class) assemble(probes []probe, wakes [][]int32, common *rarity) *sieve {
	s := &sieve{at: make([]int32, len(c.program.layout.tree.nodes)), wakes: wakes}
	for i := range s.at {
		s.at[i] = -1
	}
	for i, p := range probes {
		switch {
		case p.kind == probeAlways:
			s.always = append(s.always, int32(i))
		case p.field < 0:
			into := &s.anywhere
			if !isASCII([]byte(p.text)) {
				into = &s.odd
			}
			addGrams(into, []byte(p.text), int32(i), common)
		default:
			for _, place := range c.program.layout.places[c.shape][p.field] {
				s.filter(place.node).add(p, int32(i), common)
			}
		}
	}
	s.anywhere.seal()
	s.odd.seal()
	for _, f := range s.filters {
		f.seal()
	}
	return s
}

func (s *sieve) filter(node int32) *filter {
	if s.at[node] < 0 {
		s.at[node] = int32(len(s.filters))
		s.filters = append(s.filters, &filter{})
	}
	return s.filters[s.at[node]]
}

func (f *filter) add(p probe, number int32, common *rarity) {
	text := []byte(p.text)
	switch p.kind {
	case probePresent:
		f.present = append(f.present, number)
	case probeNumber:
		f.number = append(f.number, number)
	case probeEquals:
		f.lengths |= 1 << min(len(text), 63)
		f.equals.add(entry{wholeKey(text), text, number})
	case probePrefix:
		if len(text) >= 8 {
			f.ends[0].eight.add(entry{load8(text), text, number})
		} else {
			f.ends[0].four.add(entry{load4(text), text, number})
		}
	case probeSuffix:
		if len(text) >= 8 {
			f.ends[1].eight.add(entry{load8(text[len(text)-8:]), text, number})
		} else {
			f.ends[1].four.add(entry{load4(text[len(text)-4:]), text, number})
		}
	case probeContains:
		into := &f.grams
		if !isASCII(text) {
			into = &f.odd
		}
		addGrams(into, text, number, common)
	case probeAlways: // no filter's
	}
}

func (f *filter) seal() {
	f.equals.seal()
	for i := range f.ends {
		f.ends[i].eight.seal()
		f.ends[i].four.seal()
	}
	f.grams.seal()
	f.odd.seal()
}

func addGrams(into **grams, text []byte, number int32, common *rarity) {
	if *into == nil {
		*into = &grams{}
	}
	(*into).add(text, number, common)
}

func (g *grams) seal() {
	if g == nil {
		return
	}
	g.wide.seal()
	for _, p := range g.pairs {
		if p != nil {
			p.table.seal()
		}
	}
}
