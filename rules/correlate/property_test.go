package correlate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
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

// plainly says what fires, from the specification alone: for each event the window that ends at it, counted anew.
func plainly(set *correlate.Set, events []*correlate.Event) map[string]float64 {
	fired := map[string]float64{}
	for _, rule := range set.Rules() {
		for i, last := range events {
			if !slices.Contains(rule.Rules, last.Rule) {
				continue
			}
			var window []*correlate.Event
			for _, e := range events[:i+1] {
				if slices.Contains(rule.Rules, e.Rule) && valueOf(e, "g") == valueOf(last, "g") && last.Time.Sub(e.Time) <= rule.Timespan {
					window = append(window, e)
				}
			}
			if value, holds := counted(rule, window); holds {
				fired[rule.ID+" "+last.Ref.ID] = value
			}
		}
	}
	return fired
}

func valueOf(e *correlate.Event, name string) string {
	for _, v := range e.Values {
		if v.Name == name {
			return v.Text
		}
	}
	return ""
}

func counted(rule *correlate.Rule, window []*correlate.Event) (value float64, holds bool) {
	seen, texts, numbers := map[string]bool{}, map[string]int{}, []float64{}
	for _, e := range window {
		seen[e.Rule] = true
		text := ""
		for _, field := range rule.Fields {
			text += valueOf(e, field) + "/"
			if n, err := strconv.ParseFloat(valueOf(e, field), 64); err == nil {
				numbers = append(numbers, n)
			}
		}
		texts[text]++
	}
	slices.Sort(numbers)
	total := 0.0
	for _, n := range numbers {
		total += n
	}
	switch rule.Type {
	case "event_count":
		value = float64(len(window))
	case "value_count":
		value = float64(len(texts))
	case "value_sum":
		value = total
	case "value_avg":
		value = total / float64(len(numbers))
	case "value_median":
		value = quantile(numbers, 0.5)
	case "value_percentile":
		if value = quantile(numbers, rule.Percentile/100); len(numbers) == 0 {
			value = 100 * float64(texts[valueOf(window[len(window)-1], rule.Fields[0])+"/"]) / float64(len(window))
		}
	case "temporal":
		value = float64(len(seen))
		if rule.Extended != nil {
			return value, rule.Extended.Holds(func(i int) bool { return seen[rule.Rules[i]] })
		}
	case "temporal_ordered":
		return ordered(rule, window)
	}
	return value, bounded(rule, value)
}

func bounded(rule *correlate.Rule, value float64) bool {
	if len(rule.Bounds) == 0 {
		return value >= float64(len(rule.Rules))
	}
	compare := map[string]bool{}
	for word, of := range rule.Bounds {
		compare[word] = map[string]bool{"gt": value > of, "gte": value >= of, "lt": value < of, "lte": value <= of, "eq": value == of, "neq": value != of}[word]
	}
	return !slices.Contains(slices.Collect(maps.Values(compare)), false)
}

func quantile(numbers []float64, share float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	rank := share * float64(len(numbers)-1)
	low := int(rank)
	if part := rank - float64(low); part > 0 {
		return numbers[low] + part*(numbers[low+1]-numbers[low])
	}
	return numbers[low]
}

// ordered tries every chain of events that ends at the last one. Events of one instant may be taken in either order.
func ordered(rule *correlate.Rule, window []*correlate.Event) (value float64, holds bool) {
	window = slices.Clone(window)
	place := func(e *correlate.Event) int { return slices.Index(rule.Rules, e.Rule) }
	last := window[len(window)-1]
	longest := 0
	var walk func(e *correlate.Event, length int)
	walk = func(e *correlate.Event, length int) {
		if clean(rule, window, e, last) {
			longest = max(longest, length)
		}
		for _, before := range window {
			if place(before) < place(e) && !before.Time.After(e.Time) && !negated(rule, before) {
				walk(before, length+1)
			}
		}
	}
	if !negated(rule, last) {
		walk(last, 1)
	}
	if rule.Extended != nil {
		return float64(longest), longest == len(rule.Rules)-len(rule.Extended.Negated())
	}
	return float64(longest), bounded(rule, float64(longest))
}

func negated(rule *correlate.Rule, e *correlate.Event) bool {
	return rule.Extended != nil && slices.Contains(rule.Extended.Negated(), slices.Index(rule.Rules, e.Rule))
}

// clean reports whether nothing that must not match did so from begin to end.
func clean(rule *correlate.Rule, window []*correlate.Event, begin, end *correlate.Event) bool {
	order := func(e *correlate.Event) string {
		return fmt.Sprintf("%020d %d %s", e.Time.UnixNano(), slices.Index(rule.Rules, e.Rule), e.Ref.ID)
	}
	return !slices.ContainsFunc(window, func(e *correlate.Event) bool {
		return negated(rule, e) && order(e) > order(begin) && order(e) < order(end)
	})
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
