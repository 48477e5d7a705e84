package engine

import (
	"fmt"
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
	plan    atomic.Pointer[plan]
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
	c.plan.Store(c.build(&chooser{program: p}, nil).encode(nil))
	c.learned.Store(len(c.rules) == 0)
	p.classes[key] = c
	return c
}

// learn keeps the event; the last one that is needed makes the sieve anew by what the sample shows to be rare. Which
// rules match is the same before and after.
func (c *class) learn(m *Matcher) {
	if len(m.in) > sampleBytes/8 { // it would be most of the sample
		return
	}
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

// study makes the plan anew by the sample.
func (c *class) study(mapping string, last bool) {
	common := &rarity{}
	for _, event := range c.sample {
		common.learn(event)
	}
	c.program.common.Store(common)
	by := &chooser{program: c.program}
	by.rate, by.lengths = c.measure(mapping, common)
	made := c.build(by, common)
	c.plan.Store(made.encode(c.tallies(mapping, made.encode(nil))))
	if last {
		c.sample = nil
		c.learned.Store(true)
	}
}

// each looks at the sample with a matcher of its own, which has the plan.
func (c *class) each(mapping string, with *plan, see func(*Matcher)) {
	m := c.program.NewMatcher(mapping)
	m.shape, m.answers = c.shape, map[int32]bool{}
	m.use(with)
	for _, event := range c.sample {
		if m.scan(event, true) == nil {
			m.next()
			clear(m.answers)
			see(m)
		}
	}
}

// measure says how often each probe that could be chosen speaks on the sample, and how long fields are.
func (c *class) measure(mapping string, common *rarity) (rate map[probe]float64, lengths map[int32]float64) {
	all := map[probe]bool{}
	chooser := &chooser{program: c.program}
	for _, rule := range c.rules {
		chooser.every(c.program.rules[rule].condition, all)
	}
	probes := slices.Collect(maps.Keys(all))
	with := &plan{sieve: c.assemble(probes, common), wakeAt: make([]int32, len(probes)+1)}
	before, seen := make([]int32, len(probes)), make([]int32, len(probes))
	rate, lengths = map[probe]float64{}, map[int32]float64{}
	bytes := make([]int32, len(c.program.layout.tree.nodes))
	c.each(mapping, with, func(m *Matcher) {
		m.counted = seen
		copy(before, seen)
		m.sift()
		for _, span := range m.spans {
			bytes[span.node] += span.end - span.start
		}
		for i, p := range probes {
			if seen[i] > before[i] {
				rate[p]++
			}
		}
	})
	for _, p := range probes {
		rate[p] = (rate[p] + 0.3) / float64(len(c.sample)+1)
		lengths[p.field] = 0
	}
	for field := range lengths {
		if field >= 0 {
			first := c.program.layout.places[c.shape][field][0].node
			lengths[field] = float64(bytes[first]) / float64(len(c.sample))
		}
	}
	return rate, lengths
}

// tallies counts how the steps of rules that the sample wakes answer.
func (c *class) tallies(mapping string, with *plan) map[int32]*tally {
	seen := map[int32]*tally{}
	c.each(mapping, with, func(m *Matcher) {
		m.sift()
		done := map[int32]bool{}
		for _, t := range m.cands {
			if rule := with.targets[t].rule; !done[rule] {
				done[rule] = true
				m.observe(c.program.rules[rule].condition, seen)
			}
		}
	})
	return seen
}

// assemble puts probes where their values are looked at.
func (c *class) assemble(probes []probe, common *rarity) (s sieve) {
	s.at = make([]spot, len(c.program.layout.tree.nodes))
	at := map[int32][]int32{}
	for i, p := range probes {
		switch {
		case p.kind == probeAlways:
			s.always = append(s.always, int32(i))
		case p.field < 0:
			into := &s.anywhere
			if !isASCII([]byte(p.text)) {
				into = &s.odd
			}
			addGrams(into, []byte(p.text), int32(i))
		default:
			for k, place := range c.program.layout.places[c.shape][p.field] {
				if k > 0 || !place.path {
					s.at[place.node].behind = true
				}
				s.at[place.node].doubled = s.at[place.node].doubled || place.doubled
				at[place.node] = append(at[place.node], int32(i))
			}
		}
	}
	s.fill(probes, at)
	s.anywhere.seal(common)
	s.odd.seal(common)
	for _, f := range s.filters {
		f.seal(common)
	}
	return s
}

// fill makes the filters. Nodes with the same probes, as the places of one field have, share one.
func (s *sieve) fill(probes []probe, at map[int32][]int32) {
	same := map[string]*filter{}
	for _, node := range slices.Sorted(maps.Keys(at)) {
		numbers := slices.Compact(at[node])
		key := fmt.Sprint(numbers)
		if same[key] == nil {
			same[key] = &filter{}
			s.filters = append(s.filters, same[key])
			for _, i := range numbers {
				same[key].add(probes[i], i)
			}
		}
		s.at[node].filter = same[key]
	}
}

func (f *filter) add(p probe, number int32) {
	text := []byte(p.text)
	for _, c := range text {
		f.letters.add(rune(c))
	}
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
		addGrams(into, text, number)
	case probeAlways: // no filter's
	}
}

func (f *filter) seal(common *rarity) {
	f.equals.seal()
	for i := range f.ends {
		f.ends[i].eight.seal()
		f.ends[i].four.seal()
	}
	f.grams.seal(common)
	f.odd.seal(common)
}

func addGrams(into **grams, text []byte, number int32) {
	if *into == nil {
		*into = &grams{}
	}
	(*into).add(text, number)
}
