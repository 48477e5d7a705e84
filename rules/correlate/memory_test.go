package correlate_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// at makes an event of rule a in a group, read when it happened.
func at(id, group string, seconds int) *correlate.Event {
	t := day.Add(time.Duration(seconds) * time.Second)
	return &correlate.Event{
		Ref: soar.DetectionRef{ID: id}, Rule: "a", Level: soar.Low, Time: t, ReadAt: t, Entity: soar.Entity{Family: "host", Name: group},
		Values: []correlate.Value{{Name: "g", Text: group}},
	}
}

func three(t *testing.T, head string) *correlate.Set {
	t.Helper()
	return compiled(t, head, map[string]string{"c3": "type: event_count\n  rules: [a]\n  group-by: [g]\n  timespan: 1m\n  condition: {gte: 3}"})
}

// TestLimits: memory is bounded whatever comes, and what is put out is counted.
func TestLimits(t *testing.T) {
	limits := correlate.Limits{Groups: 50, Entries: 300, PerGroup: 20}
	state := correlate.New(three(t, "suppress: 0s"), limits)
	for i := range 5000 {
		state.Feed(at(fmt.Sprint(i), fmt.Sprint(i%400), i/100))
	}
	counts := state.Counts()["c3"]
	if state.Entries() > limits.Entries || counts.Evicted != uint64(5000-state.Entries()) {
		t.Errorf("%d entries are held, %d were put out of 5000", state.Entries(), counts.Evicted)
	}
	for i := range 100 {
		state.Feed(at(fmt.Sprint("one", i), "one", 51))
	}
	if fired := state.Feed(at("last", "one", 52)); len(fired) != 1 || fired[0].Value != 20 || len(fired[0].Events) != correlate.MaxFrom {
		t.Errorf("a full group counts %+v, want the 20 newest", fired)
	}
}

// TestLargeEventsCountForSeveral, so that memory is bounded in bytes too, whatever groups were there before; a usual one
// counts for one.
func TestLargeEventsCountForSeveral(t *testing.T) {
	state := correlate.New(three(t, "suppress: 0s"), correlate.Limits{Groups: 300, Entries: 300, PerGroup: 200})
	for i := range 300 {
		usual := at(fmt.Sprint(i), fmt.Sprint(i), 0)
		for n := range 5 {
			usual.Observables = append(usual.Observables, soar.Observable{Type: "url", Value: fmt.Sprintf("https://shop.example/%d/%030d", n, i)})
		}
		state.Feed(usual)
	}
	if n := state.Entries(); n != 300 {
		t.Errorf("%d usual events are held, want 300", n)
	}
	for i := range 100 {
		large := at(fmt.Sprint("large", i), fmt.Sprint("large", i%50), 1)
		for range 6 {
			large.Observables = append(large.Observables, soar.Observable{Type: "user", Value: strings.Repeat("x", 1000)})
		}
		state.Feed(large)
	}
	if n, counts := state.Entries(), state.Counts()["c3"]; n > 300/11+1 || counts.Evicted != uint64(400-n) {
		t.Errorf("%d large events are held, %d were put out; 11 of usual size are in each, want at most %d", n, counts.Evicted, 300/11+1)
	}
}

// TestTimeIsOver: what was read a window and the lateness ago is forgotten by itself, and nothing of it is evicted.
func TestTimeIsOver(t *testing.T) {
	state := correlate.New(three(t, "suppress: 0s"), correlate.Usual)
	for i := range 1000 {
		state.Feed(at(fmt.Sprint(i), fmt.Sprint(i), i))
	}
	state.Feed(at("late", "0", 7200))
	if n, counts := state.Entries(), state.Counts()["c3"]; n != 1 || counts.Evicted != 0 {
		t.Errorf("%d entries, %+v", n, counts)
	}
	old := at("old", "0", 60)
	if state.Feed(old); state.Counts()["c3"].Late != 1 {
		t.Errorf("an event of two hours ago: %+v", state.Counts()["c3"])
	}
}

// TestClocks: an event of next year does not stop the windows of today, and one of last year is one of yesterday.
func TestClocks(t *testing.T) {
	state := correlate.New(three(t, "suppress: 0s"), correlate.Usual)
	wrong := at("future", "x", 0)
	wrong.Time = day.AddDate(1, 0, 0)
	state.Feed(wrong)
	state.Feed(at("1", "x", 1))
	state.Feed(at("2", "x", 2))
	fired := state.Feed(at("3", "x", 3))
	if len(fired) != 1 || !fired[0].Time.Equal(day.Add(3*time.Second)) || fired[0].Value != 3 {
		t.Errorf("beside an event of next year: %+v", fired)
	}
	for i := range 3 {
		old := at(fmt.Sprint("old", i), "x", 10+i)
		old.Time = day.AddDate(-1, 0, i)
		fired = state.Feed(old)
	}
	if len(fired) != 1 || !fired[0].Time.Equal(day.Add(12*time.Second-correlate.Behind)) {
		t.Errorf("three of last year: %+v", fired)
	}
}

// TestSilence: one firing, then none for as long as the correlation is silent, before and after; all are counted.
func TestSilence(t *testing.T) {
	state := correlate.New(three(t, "suppress: 5m"), correlate.Usual)
	var fired []int
	for i := range 60 {
		if len(state.Feed(at(fmt.Sprintf("%03d", i), "x", i*10))) > 0 {
			fired = append(fired, i*10)
		}
	}
	if !slices.Equal(fired, []int{20, 320}) || state.Counts()["c3"].Silent != 56 {
		t.Errorf("fired at %v, %+v", fired, state.Counts()["c3"])
	}
	if other := state.Feed(at("other", "y", 600)); len(other) != 0 {
		t.Error("one event of another group fired")
	}
}

// TestSilenceOfWhatFeeds: what is silent still feeds the correlations over it.
func TestSilenceOfWhatFeeds(t *testing.T) {
	set := compiled(t, "suppress: 1h", map[string]string{
		"inner": "type: event_count\n  rules: [a]\n  group-by: [g]\n  timespan: 1m\n  condition: {gte: 2}",
		"outer": "type: event_count\n  generate: true\n  rules: [inner]\n  group-by: [g]\n  timespan: 1m\n  condition: {gte: 3}",
	})
	state := correlate.New(set, correlate.Usual)
	var silent []bool
	for i := range 4 {
		for _, f := range state.Feed(at(fmt.Sprint(i), "x", i)) {
			silent = append(silent, f.Silent)
		}
	}
	if !slices.Equal(silent, []bool{false, true, true}) || set.OnlyFeeds("inner") || !set.OnlyFeeds("a") {
		t.Errorf("silent %v", silent)
	}
}

// TestNeeds: a rule's matches carry what its correlations ask for, also through correlations between.
func TestNeeds(t *testing.T) {
	set := compiled(t, "level: high", map[string]string{
		"inner": "type: value_count\n  rules: [a, b]\n  group-by: [g]\n  timespan: 1m\n  condition: {field: [v, w], gte: 2}\n  aliases: {g: {a: source, b: target}}",
		"outer": "type: event_count\n  rules: [inner]\n  group-by: [user, g, sallyport.entity]\n  timespan: 1m\n  condition: {gte: 3}",
	})
	for id, want := range map[string][]string{"a": {"source", "user", "v", "w"}, "b": {"target", "user", "v", "w"}, "c": nil, "inner": {"g", "user"}} {
		got := slices.Sorted(slices.Values(set.Needs(id)))
		if !slices.Equal(got, want) {
			t.Errorf("%s needs %v, want %v", id, got, want)
		}
	}
}

// TestRisk: weak signs of several rules open what none of them would, each counts half after a half-life, and no rule
// counts more than it may.
func TestRisk(t *testing.T) {
	risk := &correlate.Risk{Weights: map[soar.Level]float64{soar.Low: 10, soar.Medium: 20}, HalfLife: time.Hour, Threshold: 50, PerRule: 30, Quiet: 24 * time.Hour}
	state := correlate.New(correlate.Compile(nil, nil, risk), correlate.Usual)
	of := func(id, rule string, level soar.Level, seconds int) *correlate.Event {
		e := at(id, "shop-01", seconds)
		e.Rule, e.Level = rule, level
		return e
	}
	for i := range 100 {
		if fired := state.Feed(of(fmt.Sprint("noise", i), "noisy", soar.Low, 0)); len(fired) > 0 {
			t.Fatalf("one noisy rule fired: %+v", fired[0].Parts)
		}
	}
	match := of("match", "inner", soar.Medium, 0)
	match.Match = true
	if fired := state.Feed(match); len(fired) > 0 {
		t.Error("what only feeds correlations is a risk")
	}
	if fired := state.Feed(of("info", "talk", soar.Informational, 0)); len(fired) > 0 {
		t.Error("what weighs nothing fired")
	}
	fired := state.Feed(of("second", "other", soar.Medium, 60))
	if len(fired) != 1 || fired[0].Rule.ID != correlate.RiskRule || len(fired[0].Parts) != 2 || fired[0].Trigger.Ref.ID != "second" {
		t.Fatalf("50 of 50: %+v", fired)
	}
	if parts := fired[0].Parts; parts[0].Rule != "noisy" || parts[0].Count != 100 || parts[0].Sum != 30 || parts[1].Rule != "other" || math.Abs(parts[1].Sum-20) > 1e-9 {
		t.Errorf("parts %+v", parts)
	}
	if fired := state.Feed(of("third", "another", soar.Medium, 120)); len(fired) > 0 {
		t.Error("it says so twice")
	}
	slow := correlate.New(correlate.Compile(nil, nil, risk), correlate.Usual)
	for i, rule := range []string{"p", "q", "r"} {
		if fired := slow.Feed(of(rule, rule, soar.Medium, i*3600)); len(fired) > 0 {
			t.Errorf("20 + 10 + 5 fired: %+v", fired[0].Parts)
		}
	}
}

// TestRiskOfABacklog: detections that come in no order at all add up to the same, at the last of them.
func TestRiskOfABacklog(t *testing.T) {
	const n = 5000
	sum := 0.0
	for i := range n {
		sum += math.Exp2(-float64(i) / 3600)
	}
	risk := &correlate.Risk{Weights: map[soar.Level]float64{soar.Low: 1}, HalfLife: time.Hour, Threshold: sum - 0.1, Quiet: time.Hour}
	for name, order := range map[string]func(i int) int{"in order": func(i int) int { return i }, "in none": func(i int) int { return (i*7919 + 1) % n }} {
		state, fired := correlate.New(correlate.Compile(nil, nil, risk), correlate.Usual), []correlate.Firing{}
		for i := range n {
			e := at(fmt.Sprint(order(i)), "shop-01", order(i))
			e.ReadAt = day.Add(2 * time.Hour)
			fired = append(fired, state.Feed(e)...)
		}
		if len(fired) != 1 || fired[0].Trigger.Ref.ID != fmt.Sprint(n-1) || math.Abs(fired[0].Value-sum) > 1e-5 {
			t.Errorf("%s: %+v, want %g", name, fired, sum)
		}
	}
}

// TestStandingIsWhatFired: whenever a risk fires, however late its detections came, its standing at that time is the same
// sum of the same parts, and each detection's share is a part of its rule's.
func TestStandingIsWhatFired(t *testing.T) {
	random, fires := rand.New(rand.NewPCG(3, 5)), 0
	events := some(random, 400)
	random.Shuffle(20, func(i, j int) { events[i], events[j] = events[j], events[i] })
	state, fed := correlate.New(correlate.Compile(nil, nil, risky), correlate.Usual), map[string][]*correlate.Event{}
	for _, e := range events {
		host := e.Entity.String()
		fed[host] = append(fed[host], e)
		for _, f := range state.Feed(e) {
			fires++
			standing := risky.Standing(fed[host], f.Time)
			if standing.Sum != f.Value || !slices.EqualFunc(standing.Parts, f.Parts, like) || !risky.Holds(standing.Sum) || len(standing.Shares) != f.Count {
				t.Errorf("%s at %s: %+v, it fired with %g: %+v", host, f.Time, standing, f.Value, f.Parts)
			}
			for _, part := range standing.Parts {
				for _, share := range standing.Shares {
					if share.Event.Rule == part.Rule {
						part.Whole -= share.Value
						part.Count--
					}
				}
				if math.Abs(part.Whole) > 1e-6 || part.Count != 0 {
					t.Errorf("shares leave %g and %d of %s", part.Whole, part.Count, part.Rule)
				}
			}
		}
	}
	if before := risky.Standing(events, day.Add(-time.Second)); before.Sum != 0 || len(before.Shares) > 0 {
		t.Errorf("before anything was detected: %+v", before)
	}
	if fires < 5 {
		t.Errorf("it fired %d times: the test's events are not what it says", fires)
	}
}

// like compares parts as far as rounding leaves them alike.
func like(a, b correlate.Part) bool {
	return a.Rule == b.Rule && a.Count == b.Count && math.Abs(a.Sum-b.Sum) < 1e-6 && math.Abs(a.Whole-b.Whole) < 1e-6
}
