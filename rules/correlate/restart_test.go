package correlate_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// chained are correlations over correlations.
var chained = map[string]string{
	"again":  "type: event_count\n  rules: [count, values]\n  group-by: [g]\n  timespan: 40s\n  condition: {gte: 2}",
	"spread": "type: temporal_ordered\n  rules: [count, c]\n  group-by: [w]\n  timespan: 30s",
}

var risky = &correlate.Risk{Weights: map[soar.Level]float64{soar.Low: 1}, HalfLife: 20 * time.Second, Threshold: 4, PerRule: 2.5, Quiet: time.Minute}

// ledger is what is kept of a run: documents in the order in which they were written, each once.
type ledger struct {
	written []*correlate.Event
	ids     map[string]bool
}

func (l *ledger) write(e *correlate.Event) {
	if !l.ids[e.Ref.ID] {
		l.ids[e.Ref.ID] = true
		l.written = append(l.written, e)
	}
}

// dispatch feeds what was written from a position on, and writes what fires, until there is nothing more or it is
// killed after so many; it returns where it stood.
func (l *ledger) dispatch(state *correlate.State, from, most int) int {
	for ; from < len(l.written) && most > 0; from, most = from+1, most-1 {
		for _, f := range state.Feed(l.written[from]) {
			l.write(&correlate.Event{
				Ref: soar.DetectionRef{ID: name(f)}, Rule: f.Rule.ID, Level: soar.Medium, Time: f.Time, ReadAt: f.ReadAt, Values: f.Values(),
				Entity: f.Trigger.Entity, Match: f.Rule.Only || f.Silent,
			})
		}
	}
	return from
}

// rebuilt is a memory made of the ledger alone: what stands before the cursor is recalled, within the memory's time, and
// every firing is remembered.
func (l *ledger) rebuilt(set *correlate.Set, cursor int, random *rand.Rand) *correlate.State {
	state := correlate.New(set, correlate.Usual)
	since := time.Time{}
	for _, e := range l.written[:cursor] {
		if e.ReadAt.After(since) {
			since = e.ReadAt
		}
	}
	since = since.Add(-set.Memory())
	before := slices.Clone(l.written[:cursor])
	random.Shuffle(len(before), func(i, j int) { before[i], before[j] = before[j], before[i] }) // shards come in any order
	for _, e := range before {
		if !e.ReadAt.Before(since) {
			state.Recall(e)
		}
	}
	for _, e := range l.written {
		if !e.ReadAt.Before(since) {
			state.Remember(e)
		}
	}
	return state
}

// run appends events in batches. With restarts the dispatcher is killed at random, its cursor behind what it did.
func run(set *correlate.Set, events []*correlate.Event, restarts *rand.Rand) *ledger {
	l, state, at := &ledger{ids: map[string]bool{}}, correlate.New(set, correlate.Usual), 0
	batches := rand.New(rand.NewPCG(uint64(len(events)), 3))
	for len(events) > 0 {
		n := min(len(events), 1+batches.IntN(12))
		for _, e := range events[:n] {
			l.write(e)
		}
		events = events[n:]
		for restarts != nil && restarts.IntN(3) == 0 {
			reached := l.dispatch(state, at, restarts.IntN(20))
			at -= min(at, restarts.IntN(30)) // what was saved is older still
			at = min(at, reached)
			state = l.rebuilt(set, at, restarts)
		}
		at = l.dispatch(state, at, 1<<30)
	}
	return l
}

// TestRestarts: a memory that is rebuilt from the ledger, again and again, gives what an unbroken run gives. Events come
// late by up to the lateness, some by hours; correlations are chained, keep their silence, have upper bounds.
func TestRestarts(t *testing.T) {
	for silence, head := range map[string]string{"of a minute": "suppress: 1m", "none": "suppress: 0s", "the timespan": "level: high"} {
		t.Run("silence "+silence, func(t *testing.T) {
			set := withRisk(t, head, risky, growing, shrinking, chained)
			seeds(t, 20, func(t *testing.T, random *rand.Rand) {
				events := scattered(random, 400)
				want, got := run(set, events, nil), run(set, events, random)
				fired := len(want.written) - len(events)
				if fired < 20 {
					t.Errorf("%d firings: the test asks little", fired)
				}
				same(t, idsOf(got), idsOf(want))
			})
		})
	}
}

// scattered are events that come late by seconds, by minutes, and some by hours, over several hours.
func scattered(random *rand.Rand, n int) []*correlate.Event {
	events := some(random, n)
	for i, e := range events {
		pause := time.Duration(i/50) * 13 * time.Minute
		e.Time, e.ReadAt = e.Time.Add(pause), e.ReadAt.Add(pause)
		late := []time.Duration{0, time.Second, 5 * time.Second, 10 * time.Minute, 15 * time.Minute, 3 * time.Hour, 30 * time.Hour, -time.Hour}
		e.Time = e.Time.Add(-late[random.IntN(len(late))])
	}
	return events
}

func idsOf(l *ledger) map[string]float64 {
	ids := map[string]float64{}
	for _, e := range l.written {
		ids[fmt.Sprint(e.Ref.ID, " match:", e.Match)] = 0
	}
	return ids
}

// TestReach is the sum along a chain, with each silence: what is not fed would be missing at its end.
func TestReach(t *testing.T) {
	count := func(of, timespan string) string {
		return "type: event_count\n  rules: [" + of + "]\n  group-by: [g]\n  timespan: " + timespan + "\n  condition: {gte: 2}"
	}
	risk := &correlate.Risk{HalfLife: time.Hour, Threshold: 1, Quiet: 3 * time.Hour}
	for name, tt := range map[string]struct {
		set  *correlate.Set
		want time.Duration
	}{
		"one":            {compiled(t, "suppress: 0s", map[string]string{"x": count("a", "2h")}), 2*time.Hour + 20*time.Minute},
		"a silence":      {compiled(t, "suppress: 5h", map[string]string{"x": count("a", "2h")}), 7*time.Hour + 20*time.Minute},
		"a chain":        {compiled(t, "suppress: 0s", map[string]string{"x": count("a", "2h"), "y": count("x", "3h"), "z": count("b", "4h")}), 5*time.Hour + 40*time.Minute},
		"a risk":         {withRisk(t, "suppress: 0s", risk, map[string]string{"x": count("a", "2h")}), 12*time.Hour + 40*time.Minute},
		"a silent chain": {compiled(t, "suppress: 1h", map[string]string{"x": count("a", "2h"), "y": count("x", "3h")}), 7*time.Hour + 40*time.Minute},
	} {
		if got := tt.set.Reach(); got < tt.want || got > tt.want+tt.want/64 {
			t.Errorf("%s: %s, want little more than %s", name, got, tt.want)
		}
	}
}
