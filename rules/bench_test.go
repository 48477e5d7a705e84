package rules

import (
	"bytes"
	"encoding/json"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// lanes are the recorded and synthetic event files, with the ratio that must be reached.
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

// BenchmarkRatio compares the engine, over all public rules, with decoding the same bytes into a map, in one run.
func BenchmarkRatio(b *testing.B) {
	library, _ := loadSigma(b)
	for _, lane := range lanes {
		b.Run(lane, func(b *testing.B) {
			events := slices.Collect(bytes.Lines(unzip(b, "events/"+lane+".ndjson.gz")))
			engine := library.program.NewMatcher("")
			match := func(event []byte) { _, _ = engine.Match(event) }
			for _, event := range events {
				match(event)
			}
			decode := func(event []byte) {
				var root map[string]any
				_ = json.Unmarshal(event, &root)
			}
			for b.Loop() {
				cost, best := interleaved(events, 31, decode, match)
				b.ReportMetric(cost[0]/cost[1], "x-decode")
				b.ReportMetric(best[0]/best[1], "x-decode-best")
				b.ReportMetric(cost[1], "ns/event")
				b.ReportMetric(cost[0], "decode-ns/event")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	dir := shared.Path(b, "sigma")
	for b.Loop() {
		begin := spent()
		loadDir(dir)
		b.ReportMetric((spent() - begin).Seconds(), "cpu-s/load")
	}
}
