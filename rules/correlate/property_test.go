package correlate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// growing are conditions that more events only make truer; shrinking ones may become false again.
var (
	growing = map[string]string{
		"count":    "type: event_count\n  rules: [a, b]\n  group-by: [g]\n  timespan: 20s\n  condition: {gte: 4}",
		"values":   "type: value_count\n  rules: [a, b]\n  group-by: [g]\n  timespan: 30s\n  condition: {field: [v, w], gt: 3}",
		"sum":      "type: value_sum\n  rules: [a]\n  group-by: [g]\n  timespan: 25s\n  condition: {field: n, gte: 20}",
		"together": "type: temporal\n  rules: [a, b, c]\n  group-by: [g]\n  timespan: 8s",
		"either":   "type: temporal\n  rules: [a, b, c]\n  group-by: [g]\n  timespan: 4s\n  condition: a and (b or c)",
		"order":    "type: temporal_ordered\n  rules: [a, b, c]\n  group-by: [g]\n  timespan: 12s",
		"twoof":    "type: temporal_ordered\n  rules: [a, b, c]\n  group-by: [g]\n  timespan: 2s\n  condition: {gte: 2}",
	}
	shrinking = map[string]string{
		"exact":   "type: event_count\n  rules: [a, b]\n  group-by: [g]\n  timespan: 20s\n  condition: {eq: 3}",
		"range":   "type: value_count\n  rules: [a]\n  group-by: [g]\n  timespan: 30s\n  condition: {field: v, gt: 1, lt: 4}",
		"average": "type: value_avg\n  rules: [a, b]\n  group-by: [g]\n  timespan: 15s\n  condition: {field: n, gt: 5}",
		"ninety":  "type: value_percentile\n  rules: [a, b]\n  group-by: [g]\n  timespan: 40s\n  condition: {field: n, percentile: 90, lte: 7}",
		"median":  "type: value_median\n  rules: [b]\n  group-by: [g]\n  timespan: 40s\n  condition: {field: n, gte: 4}",
		"rare":    "type: value_percentile\n  rules: [a, b]\n  group-by: [g]\n  timespan: 30s\n  condition: {field: v, lte: 20}",
		"alone":   "type: temporal\n  rules: [a, b]\n  group-by: [g]\n  timespan: 6s\n  condition: a and not b",
		"without": "type: temporal_ordered\n  rules: [a, b, c]\n  group-by: [g]\n  timespan: 12s\n  condition: a and c and not b",
	}
)

func compiled(t testing.TB, head string, all ...map[string]string) *correlate.Set {
	t.Helper()
	return withRisk(t, head, nil, all...)
}

func withRisk(t testing.TB, head string, risk *correlate.Risk, all ...map[string]string) *correlate.Set {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"a", "b", "c"} {
		files[name+".yml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "title: %s\nname: %s\nlogsource: {category: test}\ndetection: {s: {x: %s}, condition: s}\n", name, name, name)}
	}
	for _, some := range all {
		for name, body := range some {
			files["z-"+name+".yml"] = &fstest.MapFile{Data: fmt.Appendf(nil, "title: %s\nname: %s\n%s\ncorrelation:\n  %s\n", name, name, head, body)}
		}
	}
	library, report := rules.Load(files)
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	return correlate.Compile(library.Correlations, nil, risk)
}

var day = time.Date(2026, 11, 2, 6, 0, 0, 0, time.UTC)

// some makes events of three rules and two groups, in the order of their time; several share a second.
func some(random *rand.Rand, n int) []*correlate.Event {
	events, at := []*correlate.Event{}, day
	for i := range n {
		at = at.Add(time.Duration(random.IntN(4)) * time.Second)
		events = append(events, &correlate.Event{
			Ref: soar.DetectionRef{ID: fmt.Sprintf("e%04d", i)}, Rule: string(rune('a' + random.IntN(3))), Level: soar.Low, Time: at, ReadAt: at,
			Entity: soar.Entity{Family: "host", Name: fmt.Sprint("h", random.IntN(2))},
			Values: []correlate.Value{
				{Name: "g", Text: fmt.Sprint("g", random.IntN(2))},
				{Name: "v", Text: fmt.Sprint("v", random.IntN(5))},
				{Name: "w", Text: fmt.Sprint(random.IntN(2))},
				{Name: "n", Text: fmt.Sprint(float64(random.IntN(100)) / 10)},
			},
		})
	}
	return events
}

// shuffled makes events come late, each by at most so long.
func shuffled(random *rand.Rand, events []*correlate.Event, most time.Duration) []*correlate.Event {
	late := slices.Clone(events)
	for i, e := range late {
		moved := *e
		moved.ReadAt = e.Time.Add(time.Duration(random.Int64N(int64(most) + 1)))
		late[i] = &moved
	}
	slices.SortStableFunc(late, func(a, b *correlate.Event) int { return a.ReadAt.Compare(b.ReadAt) })
	return late
}

// name is what names a firing for ever.
func name(f correlate.Firing) string { return f.Rule.ID + " " + f.Trigger.Ref.ID }

func fedTo(state *correlate.State, events []*correlate.Event) map[string]float64 {
	fired := map[string]float64{}
	for _, e := range events {
		for _, f := range state.Feed(e) {
			fired[name(f)] = f.Value
		}
	}
	return fired
}

// inTheirOrder is the order in which events of one instant stand: by the rule's place.
func inTheirOrder(events []*correlate.Event) []*correlate.Event {
	sorted := slices.Clone(events)
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		if !a.Time.Equal(b.Time) {
			return a.Time.Before(b.Time)
		}
		return a.Rule < b.Rule || a.Rule == b.Rule && a.Ref.ID < b.Ref.ID
	})
	return sorted
}

func seeds(t *testing.T, n int, test func(t *testing.T, random *rand.Rand)) {
	t.Helper()
	for seed := range uint64(n) {
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { test(t, rand.New(rand.NewPCG(seed, 7))) }) {
			return
		}
	}
}

// TestWindows holds every type against windows that are counted anew, event by event.
func TestWindows(t *testing.T) {
	set := compiled(t, "suppress: 0s", growing, shrinking)
	seeds(t, 40, func(t *testing.T, random *rand.Rand) {
		events := inTheirOrder(some(random, 120))
		same(t, fedTo(correlate.New(set, correlate.Usual), events), plainly(set, events))
	})
}

// TestOrderOfArrival: what comes late, within the lateness, makes no difference to conditions that only grow.
func TestOrderOfArrival(t *testing.T) {
	set := compiled(t, "suppress: 0s", growing)
	seeds(t, 40, func(t *testing.T, random *rand.Rand) {
		events := inTheirOrder(some(random, 150))
		same(t, fedTo(correlate.New(set, correlate.Usual), shuffled(random, events, correlate.Lateness)), plainly(set, events))
	})
}

func same(t *testing.T, got, want map[string]float64) {
	t.Helper()
	if len(want) == 0 {
		t.Error("nothing fires: the test asks nothing")
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if _, fired := got[key]; !fired {
			t.Errorf("%s did not fire, want %g", key, want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, wanted := want[key]; !wanted {
			t.Errorf("%s fired with %g", key, got[key])
		}
	}
}
