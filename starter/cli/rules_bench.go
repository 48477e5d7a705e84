package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/rules"
)

func rulesBenchCommand(streams IO) *cobra.Command {
	var folders []string
	var events, output string
	command := &cobra.Command{
		Use: "bench [--rules DIR]... --events FILE", Short: "Measure how fast rules evaluate events", Args: cobra.NoArgs,
		Long: "Reads all events into memory and evaluates them on one core, in turns with encoding/json decoding the same bytes into a map.\n" +
			"The ratio of the two says more than either time: what else the machine does meets both. Lines that are no JSON objects\n" +
			"are left out and counted.\n\n" +
			"Exit codes: 0 measured; 1 the events can't be read, or are none; 2 wrong usage, or no rule.",
		Example: "  sallyport rules bench --rules sigma --events events.ndjson.gz\n  sallyport rules bench --events - -o json < events.ndjson",
		RunE: func(*cobra.Command, []string) error {
			begin := time.Now()
			library, err := loadRules(streams, folders)
			if err != nil {
				return err
			}
			loaded := time.Since(begin)
			lines, err := readEvents(streams.In, events)
			if err != nil {
				return err
			}
			measured, err := library.Bench(lines)
			if err != nil {
				return bad(fmt.Errorf("%s: %w", events, err))
			}
			measured.LoadSeconds = loaded.Seconds()
			return sayBenchmark(streams.Out, measured, output)
		},
	}
	rulesFlag(command, &folders)
	command.Flags().StringVar(&events, "events", "", "NDJSON, plain or gzip; - is standard input")
	_ = command.MarkFlagRequired("events")
	outputFlag(command, &output)
	return command
}

// readEvents takes the lines of a file that are not empty.
func readEvents(in io.Reader, name string) (lines [][]byte, err error) {
	reader, closer, err := openEvents(in, name)
	if err != nil {
		return nil, err
	}
	defer closer()
	text, err := io.ReadAll(reader)
	if err != nil {
		return nil, bad(fmt.Errorf("%s: %w", name, err))
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	return slices.DeleteFunc(bytes.Split(text, []byte("\n")), func(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }), nil
}

func sayBenchmark(out io.Writer, b rules.Benchmark, output string) error {
	if output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(b)
	}
	fmt.Fprintf(out, "%d rules, %d events, %d matches\n", b.Rules, b.Events, b.Matches)
	if b.NotJSON > 0 {
		fmt.Fprintf(out, "%d lines are no JSON objects and were left out\n", b.NotJSON)
	}
	fmt.Fprintf(out, "%.0f events per second, %.0f ns per event, %.2f times as fast as decoding\n", b.EventsPerSecond, b.NanosecondsPerEvent, b.Ratio)
	fmt.Fprintf(out, "%.2f candidates per event, %.3f allocations per event that matches nothing\n", b.CandidatesPerEvent, b.AllocsPerNonmatchingEvent)
	fmt.Fprintf(out, "loaded in %.2f s, %d MB of heap\n", b.LoadSeconds, b.HeapBytes>>20)
	for _, dear := range b.Dearest {
		fmt.Fprintf(out, "%8.0f ns  %s\n", dear.NanosecondsPerEvent, Printable(dear.Title))
	}
	return nil
}
