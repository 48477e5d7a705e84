package rules

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/rules/engine"
)

// Benchmark is how fast a library evaluates some events on one core.
type Benchmark struct {
	Rules                     int       `json:"rules"`
	Events                    int       `json:"events"`
	NotJSON                   int       `json:"not_json"` // lines that are no JSON objects; they are left out
	Matches                   int       `json:"matches"`
	EventsPerSecond           float64   `json:"events_per_second"`
	NanosecondsPerEvent       float64   `json:"ns_per_event"`
	Ratio                     float64   `json:"ratio"` // of the time to decode the same bytes with encoding/json into a map
	AllocsPerNonmatchingEvent float64   `json:"allocs_per_nonmatching_event"`
	CandidatesPerEvent        float64   `json:"candidates_per_event"`
	LoadSeconds               float64   `json:"load_seconds"`
	HeapBytes                 uint64    `json:"heap_bytes"` // of rules and events' classes, compiled
	Dearest                   []DearOne `json:"dearest_rules"`
}

// DearOne is a rule with the time that its evaluation takes, over all events.
type DearOne struct {
	ID                  string  `json:"id"`
	Title               string  `json:"title"`
	NanosecondsPerEvent float64 `json:"ns_per_event"`
}

const (
	benchTurn  = 15 * time.Millisecond
	benchTurns = 31
	benchBatch = 32
	dearest    = 10
)

// Bench measures those of the lines that are events. Engine and decoder take turns, so that what else the machine does
// meets both.
func (l *Library) Bench(lines [][]byte) (Benchmark, error) {
	matcher := l.program.NewMatcher("")
	b := Benchmark{Rules: l.Len()}
	whole, err := l.For(Auto)
	if err != nil {
		return b, err
	}
	var events, quiet [][]byte
	for _, line := range lines { // here classes learn what is rare
		matches, err := whole.Match(line)
		if err != nil {
			b.NotJSON++
			continue
		}
		events = append(events, line)
		if b.Matches += len(matches); len(matches) == 0 {
			quiet = append(quiet, line)
		}
	}
	if b.Events = len(events); b.Events == 0 {
		return b, fmt.Errorf("none of %d lines is an event to measure", len(lines))
	}
	l.program.Settle()
	for _, event := range events {
		_, _ = matcher.Match(event) // it was an object above
		b.CandidatesPerEvent += float64(matcher.Candidates()) / float64(len(events))
	}
	b.AllocsPerNonmatchingEvent = allocs(matcher, quiet)
	decoding := turns(events, func(event []byte) {
		var root map[string]any
		_ = json.Unmarshal(event, &root) // each was an object above
	}, func(event []byte) { _, _ = matcher.Match(event) })
	b.NanosecondsPerEvent, b.Ratio = decoding[1], decoding[0]/decoding[1]
	b.EventsPerSecond = 1e9 / b.NanosecondsPerEvent
	b.Dearest = l.dearest(matcher, events)
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.HeapBytes = memory.HeapAlloc
	runtime.KeepAlive(l)
	runtime.KeepAlive(whole)
	return b, nil
}

// turns returns the median nanoseconds for one event of each function.
func turns(events [][]byte, each ...func([]byte)) (medians []float64) {
	costs, at := make([][]float64, len(each)), make([]int, len(each))
	for range benchTurns {
		for i, run := range each {
			n, begin := 0, time.Now()
			for time.Since(begin) < benchTurn {
				for range benchBatch {
					run(events[at[i]%len(events)])
					at[i]++
				}
				n += benchBatch
			}
			costs[i] = append(costs[i], float64(time.Since(begin))/float64(n))
		}
	}
	for _, cost := range costs {
		slices.Sort(cost)
		medians = append(medians, cost[len(cost)/2])
	}
	return medians
}

func allocs(matcher *engine.Matcher, events [][]byte) float64 {
	var before, after runtime.MemStats
	rounds := 1 + 10_000/max(1, len(events)) // what the runtime allocates meanwhile must not count
	runtime.ReadMemStats(&before)
	for range rounds {
		for _, event := range events {
			_, _ = matcher.Match(event)
		}
	}
	runtime.ReadMemStats(&after)
	return math.Floor(float64(after.Mallocs-before.Mallocs)/float64(rounds*max(1, len(events)))*1000) / 1000
}

// dearest are the rules whose evaluation takes longest.
func (l *Library) dearest(matcher *engine.Matcher, events [][]byte) (found []DearOne) {
	costs := make([]time.Duration, l.Len())
	matcher.Account(costs)
	defer matcher.Account(nil)
	for _, event := range events {
		_, _ = matcher.Match(event)
	}
	order := make([]int, len(costs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(costs[b] - costs[a]) })
	for _, i := range order[:min(dearest, len(order))] {
		if costs[i] == 0 {
			break
		}
		one := DearOne{NanosecondsPerEvent: float64(costs[i]) / float64(len(events))}
		if i < len(l.native) {
			one.ID, one.Title = l.native[i].ID, l.native[i].Title
		} else {
			one.ID, one.Title = l.sigma[i-len(l.native)].ID, l.sigma[i-len(l.native)].Title
		}
		found = append(found, one)
	}
	return found
}
