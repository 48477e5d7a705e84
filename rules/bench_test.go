package rules

import (
	"bytes"
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/engine"
)

// bar is what a lane must reach and what it aims at, as the ratio of the time to decode its events.
type bar struct{ must, aim float64 }

var bars = map[string]bar{"windows-mixed": {5, 8}, "process-creation": {3, 5}, "powershell": {1.5, 4}}

// lanes are the recorded and synthetic event files.
var lanes = []string{
	"windows-mixed", "process-creation", "powershell", "synthetic-raw_windows", "synthetic-structured_windows",
	"synthetic-cisco_syslog", "synthetic-sysmon_file_event", "synthetic-correlation",
}

// spent is the processor time of this process.
func spent() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// interleaved runs functions in turns of 15 ms, so that a neighbour's noise meets all alike, and returns the
// nanoseconds that each needs for one event: the median, and that of the best tenth, which a busy machine spoils least.
func interleaved(events [][]byte, rounds int, each ...func([]byte)) (medians, best []float64) {
	costs := make([][]float64, len(each))
	at := make([]int, len(each))
	for range rounds {
		for i, run := range each {
			n, begin := 0, spent()
			for spent()-begin < 15*time.Millisecond {
				for range 32 {
					run(events[at[i]%len(events)])
					at[i]++
					n++
				}
			}
			costs[i] = append(costs[i], float64(spent()-begin)/float64(n))
		}
	}
	for i := range costs {
		slices.Sort(costs[i])
		medians, best = append(medians, costs[i][len(costs[i])/2]), append(best, costs[i][len(costs[i])/10])
	}
	return medians, best
}

func decodeMap(event []byte) {
	var root map[string]any
	_ = json.Unmarshal(event, &root) // it is an object, or the engine says so
}

// matching is a matcher of a program that has met a lane's events.
func matching(program *engine.Program, events [][]byte) func([]byte) {
	matcher := program.NewMatcher("")
	match := func(event []byte) { _, _ = matcher.Match(event) }
	for _, event := range events {
		match(event)
	}
	return match
}

func eachLane(b *testing.B, run func(b *testing.B, lane string, events [][]byte)) {
	for _, lane := range lanes {
		b.Run(lane, func(b *testing.B) {
			run(b, lane, slices.Collect(bytes.Lines(unzip(b, "events/"+lane+".ndjson.gz"))))
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkRatio compares the engine, over all public rules, with decoding the same bytes into a map, and with an engine
// without rules, which only scans the bytes, in one run.
func BenchmarkRatio(b *testing.B) {
	library, _ := loadSigma(b)
	none, _ := engine.Compile(nil, nil)
	eachLane(b, func(b *testing.B, lane string, events [][]byte) {
		match, scan := matching(library.program, events), matching(none, events)
		for b.Loop() {
			cost, best := interleaved(events, 31, decodeMap, match, scan)
			b.ReportMetric(cost[0]/cost[1], "x-decode")
			b.ReportMetric(best[0]/best[1], "x-decode-best")
			b.ReportMetric(cost[2]/cost[1], "of-scan")
			b.ReportMetric(cost[1], "ns/event")
		}
		if bar, ok := bars[lane]; ok {
			b.ReportMetric(bar.must, "must-x")
			b.ReportMetric(bar.aim, "aim-x")
		}
	})
}

// BenchmarkAllocations counts allocations for one event that matches nothing; none must be left.
func BenchmarkAllocations(b *testing.B) {
	library, _ := loadSigma(b)
	eachLane(b, func(b *testing.B, _ string, events [][]byte) {
		matching(library.program, events)
		library.program.Settle()
		matcher := library.program.NewMatcher("")
		var quiet [][]byte
		for _, event := range events {
			if hits, err := matcher.Match(event); err == nil && len(hits) == 0 {
				quiet = append(quiet, event)
			}
		}
		for b.Loop() {
			b.ReportMetric(allocs(matcher, quiet), "allocs/event")
			b.ReportMetric(0, "must")
		}
		b.ReportMetric(float64(len(quiet)), "events")
	})
}

// BenchmarkTwice compares the engine over all public rules and a copy of each, whose texts differ a bit, with the engine
// over the rules alone: at most 1.2 times the time of an event, 1.1 is the aim.
func BenchmarkTwice(b *testing.B) {
	library, _ := loadSigma(b)
	var once []engine.Rule
	for _, rule := range library.sigma {
		once = append(once, engine.Rule{Detection: rule.Detection, Product: rule.Product, Category: rule.Category, Service: rule.Service})
	}
	twice := slices.Clone(once)
	for _, rule := range once {
		rule.Detection = changed(rule.Detection)
		twice = append(twice, rule)
	}
	one, _ := engine.Compile(once, library.lists)
	two, _ := engine.Compile(twice, library.lists)
	eachLane(b, func(b *testing.B, _ string, events [][]byte) {
		match, both := matching(one, events), matching(two, events)
		for b.Loop() {
			cost, _ := interleaved(events, 31, match, both)
			b.ReportMetric(cost[1]/cost[0], "x-once")
			b.ReportMetric(1.2, "must")
			b.ReportMetric(1.1, "aim")
		}
	})
}

// changed is a copy of a rule's selections in which one letter of each longer text is another: the copy looks for texts of
// the same kind, as a rule of the same author would. Conditions stay.
func changed(tree *document.Node) *document.Node {
	made := *tree
	made.Kids = nil
	for i, kid := range tree.Kids {
		if i < len(tree.Keys) && tree.Keys[i].Text == "condition" {
			made.Kids = append(made.Kids, kid)
		} else {
			made.Kids = append(made.Kids, changed(kid))
		}
	}
	if tree.Kind == document.Text && len(tree.Text) > 3 && !strings.ContainsAny(tree.Text, "%[(") {
		text := []byte(tree.Text)
		if at := len(text) / 2; text[at] >= 'a' && text[at] < 'z' && text[at-1] != '\\' {
			text[at]++
		}
		made.Text = string(text)
	}
	return &made
}

// BenchmarkLoad is the time to load the public rules, and the memory that they hold when the classes of all lanes are
// compiled: less than 2 s and 150 MB, aims 0.6 s and 80 MB.
func BenchmarkLoad(b *testing.B) {
	dir := shared.Path(b, "sigma")
	for b.Loop() {
		before, begin := heap(), spent()
		library, _ := loadDir(dir)
		b.ReportMetric((spent() - begin).Seconds(), "cpu-s/load")
		b.ReportMetric(float64(heap()-before)/1e6, "MB-loaded")
		for _, lane := range lanes {
			matching(library.program, slices.Collect(bytes.Lines(unzip(b, "events/"+lane+".ndjson.gz"))))
		}
		library.program.Settle()
		b.ReportMetric(float64(heap()-before)/1e6, "MB-with-classes")
		runtime.KeepAlive(library)
		for name, bound := range map[string]float64{"must-s": 2, "aim-s": 0.6, "must-MB": 150, "aim-MB": 80} {
			b.ReportMetric(bound, name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc
}
