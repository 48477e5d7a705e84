package rules

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-soar/sallyport/rules/engine"
)

// Cost is the time that evaluating a rule took.
type Cost struct {
	Rule string // its id
	Time time.Duration
}

// costs adds up what rules cost, from samples: clocks cost time too. It is safe for concurrent use.
type costs struct {
	met atomic.Bool // a rule was timed; until then every event is

	mu      sync.Mutex
	library *Library                 // whose rules are counted
	now     []time.Duration          // by the rule's place there
	before  map[string]time.Duration // by id, of the libraries before it
}

// sampledEvery is of how many events one is timed. Which one, nobody can foresee.
const sampledEvery = 64

// asks reports whether an event is to be timed.
func (c *costs) asks() bool {
	return c != nil && (rand.Uint32()%sampledEvery == 0 || !c.met.Load())
}

// of are the library's rules by place; the caller holds the lock.
func (c *costs) of(library *Library) []time.Duration {
	if c.library == library {
		return c.now
	}
	c.before, c.library, c.now = c.sums(), library, make([]time.Duration, library.Len())
	known := map[string]bool{}
	for rule := range library.Len() {
		known[library.id(rule)] = true
	}
	maps.DeleteFunc(c.before, func(rule string, _ time.Duration) bool { return !known[rule] })
	return c.now
}

// sums are the samples by id.
func (c *costs) sums() map[string]time.Duration {
	all := map[string]time.Duration{}
	maps.Copy(all, c.before)
	for rule, spent := range c.now {
		if spent > 0 {
			all[c.library.id(rule)] += spent
		}
	}
	return all
}

// time evaluates an event while its rules are timed.
func (c *costs) time(library *Library, eng *engine.Matcher, source []byte) ([]engine.Hit, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	eng.Account(c.of(library))
	defer eng.Account(nil)
	hits, err := eng.Match(source)
	if eng.Candidates() > 0 {
		c.met.Store(true)
	}
	return hits, err
}

// add counts what one rule took.
func (c *costs) add(library *Library, rule int, spent time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(library)[rule] += spent
}

// dearest are the rules that cost most, the dearest first.
func (c *costs) dearest(most int) []Cost {
	c.mu.Lock()
	all := c.sums()
	c.mu.Unlock()
	var found []Cost
	for rule, spent := range all {
		found = append(found, Cost{rule, spent * sampledEvery})
	}
	slices.SortFunc(found, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Rule, b.Rule))
	})
	return found[:min(most, len(found))]
}

// Dearest are the rules whose evaluation has cost most on all streams together, as estimated from one event of 64.
func (l *Live) Dearest(most int) []Cost { return l.costs.dearest(most) }

// Dearest evaluates an event once more and says which rule costs most on it; the zero Cost if none was evaluated.
func (m *LiveMatcher) Dearest(source []byte) Cost {
	one, matcher := &costs{}, m.of.Load()
	eng := matcher.library.program.NewMatcher(matcher.name())
	if _, err := one.time(matcher.library, eng, source); err != nil {
		return Cost{}
	}
	if found := one.dearest(1); len(found) > 0 {
		return Cost{found[0].Rule, found[0].Time / sampledEvery}
	}
	return Cost{}
}
