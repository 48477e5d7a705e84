// Package backtest counts what rules would have detected in the past, which incidents that would have opened, and what the
// plans would have proposed. It is handed detections in the order of time, those of correlations among them, keeps counts
// and bounded samples, and knows no network.
//
// Reading order: backtest.go (what is asked), tally.go (one rule), episode.go (incidents), result.go (the answer), page.go
// (the answer as HTML).
package backtest

import (
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// What is kept, whatever is read. Beyond it things are counted.
const (
	maxSamples    = 3       // of one rule's events
	maxEntities   = 1000    // of one rule
	maxAllEntries = 100_000 // entities of all rules together
	maxFollowed   = 10_000  // incidents
	maxPlanned    = 1000    // incidents for which plans are asked
	maxNamed      = 10      // events that can't be read, entities in the answer, targets of a sum
)

// Setup is what a backtest is about.
type Setup struct {
	Stream    string
	Index     string // pattern
	TimeField string // by which events are read
	From, To  time.Time
	Before    time.Duration // how much before From was read, so that correlations and risk know it
	Quiet     time.Duration // after which an incident closes
	Longest   time.Duration // an incident's longest life; then another one opens
	Rules     []soar.Rule   // that are tried, correlations among them
	Compared  bool          // with the rules in use now
	InUse     []soar.Rule   // which are these
	Caps      map[string]Cap
	// Propose judges and plans; nil: nothing is proposed.
	Propose func(Question) (Proposal, error)
}

// Cap is how many actions of a kind the policy lets happen in a window.
type Cap struct {
	Actions int
	Window  time.Duration
}

// Question is an incident as it would be judged and planned: when it opens, and at each news that matters.
type Question struct {
	Incident string // a name of its own within the backtest
	Key      string
	Entity   soar.Entity
	Brief    soar.Brief
	Earlier  []soar.Action // of its earlier revisions
	Revision int
}

// Proposal is the answer: Actions and Planned are the same, for people and for the next question.
type Proposal struct {
	Score    int
	Severity string
	Plan     string
	Actions  []Action
	Planned  []soar.Action
}

// Test is one backtest. It serves one goroutine.
type Test struct {
	setup     Setup
	tallies   map[string]*tally // by rule
	entities  int               // that all tallies keep
	evaluated int64
	broken    int64
	named     []string // the first ones
	slots     []Slot
	width     time.Duration
	days      map[string]*Day
	open      map[string]*episode // by key
	episodes  map[string]int      // how many each key had
	followed  []*Incident
	sums      sums
	used      map[string][]time.Time // by kind: when actions were proposed, within the cap's window
	fault     error                  // of the plans: nothing is proposed any more
}

// New begins a backtest.
func New(s Setup) *Test {
	t := &Test{setup: s, tallies: map[string]*tally{}, days: map[string]*Day{}, open: map[string]*episode{}, episodes: map[string]int{}, used: map[string][]time.Time{}}
	t.width = widthOf(s.To.Sub(s.From))
	for at := s.From; at.Before(s.To); at = at.Add(t.width) {
		t.slots = append(t.slots, Slot{From: at, Levels: map[soar.Level]int{}})
	}
	inUse := map[string]soar.Rule{}
	for _, rule := range s.InUse {
		inUse[rule.ID] = rule
	}
	for _, rule := range s.Rules {
		before, there := inUse[rule.ID]
		delete(inUse, rule.ID)
		made := t.tally(rule)
		switch {
		case !s.Compared:
		case !there:
			made.status = StatusNew
		case before.Version != rule.Version:
			made.status = StatusChanged
		default:
			made.status = StatusSame
		}
	}
	for _, gone := range inUse {
		t.tally(gone).status = StatusGone
	}
	return t
}

// widths are how long a slot of the timeline can be.
var widths = []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}

// maxSlots is how many slots a page's timeline shows well.
const maxSlots = 96

func widthOf(window time.Duration) time.Duration {
	for _, width := range widths {
		if window <= maxSlots*width {
			return width
		}
	}
	return window / maxSlots
}

// Add takes what the rules and correlations detect in one event, and what those in use detect in it: what is suppressed and
// what only feeds correlations, too. Events come in the order of time.
func (t *Test) Add(at time.Time, found, inUse []soar.Detection) {
	t.evaluated++
	for _, d := range found {
		switch made := t.tally(d.Rule); {
		case d.SuppressedBy != "":
			made.suppressed[d.SuppressedBy]++
		case d.OnlyFeeds:
			made.matches++
		default:
			t.count(at, d)
		}
	}
	if t.setup.Compared {
		t.compare(loud(found), loud(inUse))
	}
	t.joinAll(at, loud(found))
}

// loud leaves out what is suppressed and what only feeds correlations: nobody hears of it.
func loud(all []soar.Detection) []soar.Detection {
	return slices.DeleteFunc(slices.Clone(all), func(d soar.Detection) bool { return d.SuppressedBy != "" || d.OnlyFeeds })
}

// Correlated takes what became of correlations' events beside firing, by correlation, until now.
func (t *Test) Correlated(counts map[string]correlate.Counts) {
	for rule, of := range counts {
		if made := t.tallies[rule]; made != nil {
			made.correlated = of
		}
	}
}

// Unreadable counts an event that no rule could be tried on.
func (t *Test) Unreadable(event string) {
	t.evaluated++
	if t.broken++; len(t.named) < maxNamed {
		t.named = append(t.named, event)
	}
}

// Faulted counts an event on which a rule's condition failed.
func (t *Test) Faulted(rule string) {
	if made := t.tallies[rule]; made != nil {
		made.faults++
	}
}

func (t *Test) count(at time.Time, d soar.Detection) {
	t.tally(d.Rule).add(t, at, d)
	if slot := int(at.Sub(t.setup.From) / t.width); slot >= 0 && slot < len(t.slots) {
		t.slots[slot].Levels[d.Rule.Level]++
	}
	name := at.UTC().Format(time.DateOnly)
	if t.days[name] == nil {
		t.days[name] = &Day{Day: name, Levels: map[soar.Level]int{}}
	}
	t.days[name].Levels[d.Rule.Level]++
}

// compare counts, rule by rule, what both sets of rules detect in an event, and what one of them does.
func (t *Test) compare(found, inUse []soar.Detection) {
	before := map[string]bool{}
	for _, d := range inUse {
		before[d.Rule.ID] = true
		t.tally(d.Rule).inUse++
	}
	for _, d := range found {
		if !before[d.Rule.ID] {
			t.tally(d.Rule).added++
		}
		delete(before, d.Rule.ID)
	}
	for rule := range before {
		t.tallies[rule].gone++
	}
}
