// Package correlate joins what rules matched: Sigma's correlations (specification 2.1), sequences, thresholds, and the
// risk of an entity. It is pure state: no clock, no I/O, no goroutine. Time comes with the events.
//
// An event counts at its event time, clamped to [read - 24 h, read + 5 min], and takes part from when it was read until
// events are read that are a window and 15 minutes younger. Within that, the order in which events arrive makes no
// difference to a condition that more events only make truer (gt, gte, names without not): each event that comes late is
// put in its place, and every window that it changes is looked at again. A condition with an upper bound fires on what
// has arrived, and takes nothing back.
//
// Reading order: correlate.go (what goes in and comes out), rule.go (a correlation made ready), store.go (its memory),
// group.go (the windows of one group), window.go, ordered.go and risk.go (what is counted), standing.go (a risk explained),
// needs.go, wheel.go, line.go.
package correlate

import (
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How far an event's own time is believed, and how late it may come.
const (
	Behind   = 24 * time.Hour
	Ahead    = 5 * time.Minute
	Lateness = 15 * time.Minute
)

// MaxFrom is how many events a firing names, the newest ones.
const MaxFrom = 20

// Names that every event has, besides those that its rule's correlations need.
const (
	EntityField = "sallyport.entity" // family/name
	AssetField  = "sallyport.asset"  // its name
	RuleField   = "sallyport.rule"   // id
)

// Value is one field of an event.
type Value struct{ Name, Text string }

// Event says that a rule, or a correlation, matched. It must not change once it was fed.
type Event struct {
	Ref         soar.DetectionRef // its document; two events of one id are the same
	Rule        string            // id of the rule or correlation
	Level       soar.Level
	Time        time.Time // of the event itself
	ReadAt      time.Time
	FedAt       time.Time // by the clock of who feeds it; zero: nobody looked
	Values      []Value   // fields that correlations need
	Entity      soar.Entity
	Asset       soar.Asset
	Stream      string
	Event       soar.EventRef
	Observables []soar.Observable
	Match       bool // only feeds correlations: no detection, so no risk
}

func (e *Event) value(name string) string {
	for i := range e.Values {
		if e.Values[i].Name == name {
			return e.Values[i].Text
		}
	}
	switch name {
	case EntityField:
		if e.Entity.Name != "" {
			return e.Entity.String()
		}
	case AssetField:
		return e.Asset.Name
	case RuleField:
		return e.Rule
	}
	return ""
}

// at is the event's time as far as it is believed, in nanoseconds.
func (e *Event) at() int64 {
	earliest, latest := e.ReadAt.Add(-Behind), e.ReadAt.Add(Ahead)
	switch {
	case e.Time.Before(earliest):
		return earliest.UnixNano()
	case e.Time.After(latest):
		return latest.UnixNano()
	}
	return e.Time.UnixNano()
}

// read is when the event was read as far as that is believed, in nanoseconds: never after it was fed. A reader whose clock
// is ahead must not end the time of what others read.
func (e *Event) read() int64 {
	if !e.FedAt.IsZero() && e.ReadAt.After(e.FedAt) {
		return e.FedAt.UnixNano()
	}
	return e.ReadAt.UnixNano()
}

// Firing says that a correlation holds for a group.
type Firing struct {
	Rule    *Rule
	Group   []Value // the group-by fields
	Value   float64 // what was counted
	Count   int     // events in the window
	Trigger *Event  // the last event of the window; with the rule it names the firing for ever
	Time    time.Time
	ReadAt  time.Time // of the newest event when it fired
	Events  []*Event  // at most MaxFrom, the newest, oldest first
	Silent  bool      // within the correlation's silence: it feeds other correlations and nothing else
	Parts   []Part    // of a risk
}

// Values are what correlations over this one may ask of it: what the last event carried, and the group.
func (f *Firing) Values() []Value {
	values := slices.Clone(f.Group)
	for _, value := range f.Trigger.Values {
		if !slices.ContainsFunc(values, func(v Value) bool { return v.Name == value.Name }) {
			values = append(values, value)
		}
	}
	return values
}

// usualSize is what an event takes of memory, in bytes, beside its place in a correlation.
const usualSize = 600

// weight is how many usual events an event counts for: who attacks decides how large its observables and values are.
func (e *Event) weight() int {
	size := 0
	for _, o := range e.Observables {
		size += 32 + len(o.Type) + len(o.Value) // with the two strings' heads
	}
	for _, v := range e.Values {
		size += 32 + len(v.Text)
	}
	return 1 + size/usualSize
}

// Limits bound the memory of one correlation. What is put out for them is counted.
type Limits struct {
	Groups   int // groups of one correlation; the one that was used least recently goes
	Entries  int // events of one correlation; one that is large counts for several
	PerGroup int // events of one group; the oldest goes
}

// Usual are the limits of the product: about 70 MB for the busiest correlation, at most about 120 MB (measured).
var Usual = Limits{Groups: 20_000, Entries: 100_000, PerGroup: 10_000}

// Counts say what became of a correlation's events beside firing. They only grow.
type Counts struct {
	Evicted uint64 // events that were put out before their time, for the limits
	Late    uint64 // events that came after their time
	Silent  uint64 // firings within the silence
}

// State is the memory of a set of correlations. It is for one goroutine.
type State struct {
	set    *Set
	newest int64 // the read time up to which events were fed
	stores []*store
}

// New returns an empty memory.
func New(set *Set, limits Limits) *State {
	s := &State{set: set}
	for _, rule := range set.rules {
		s.stores = append(s.stores, newStore(rule, limits))
	}
	return s
}

// Feed takes an event and returns what fires. An event that was fed before changes nothing.
func (s *State) Feed(e *Event) []Firing { return s.feed(e, true) }

// Recall takes an event that was fed before a restart: it counts, and fires nothing.
func (s *State) Recall(e *Event) { s.feed(e, false) }

func (s *State) feed(e *Event, loud bool) (fired []Firing) {
	s.newest = max(s.newest, e.read())
	s.Remember(e)
	for _, to := range s.set.feeds[e.Rule] {
		fired = s.stores[to.rule].take(e, to.member, s.newest, loud, fired)
	}
	if s.set.risk >= 0 && !e.Match && e.Rule != RiskRule && e.Entity.Family != soar.OwnFamily {
		fired = s.stores[s.set.risk].take(e, 0, s.newest, loud, fired)
	}
	return fired
}

// Remember takes a correlation's own firing, as the ledger has it: the correlation keeps its silence after it. Other
// events are passed over.
func (s *State) Remember(e *Event) {
	if i, there := s.set.byID[e.Rule]; there && !e.Match {
		s.stores[i].remember(e, s.newest)
	}
}

// Counts are those of a correlation, by id.
func (s *State) Counts() map[string]Counts {
	counts := make(map[string]Counts, len(s.stores))
	for _, store := range s.stores {
		counts[store.rule.ID] = store.counts
	}
	return counts
}

// Entries is how many events the memory holds, each once for every correlation that it feeds.
func (s *State) Entries() (entries int) {
	for _, store := range s.stores {
		entries += store.entries
	}
	return entries
}

// Set is what the memory is of.
func (s *State) Set() *Set { return s.set }

// Newest is the read time up to which events were fed.
func (s *State) Newest() time.Time { return time.Unix(0, s.newest).UTC() }
