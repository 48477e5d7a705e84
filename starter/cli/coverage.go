package cli

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

func coverageCommand(streams IO) *cobra.Command {
	var output, at string
	var most int
	command := &cobra.Command{
		Use: "coverage [STREAM...]", Short: "Say up to when everything that was indexed has been evaluated, and what holds it",
		Long: "Reads the readers' cursors in the state cluster; no daemon needs to run. The watermark is index time, by Sallyport's clock: all that\n" +
			"OpenSearch had acknowledged before it is evaluated. Shards that can't be read come first, then those with something unread.\n\n" +
			"--at answers from when on everything indexed before TIME is evaluated, at the latest: the past of a watermark is kept to 1 s or a\n" +
			"32nd of its age. Exit code 0: every named stream covers TIME; 1: one does not (or the state can't be read); 2: wrong usage. Without\n" +
			"--at it is 0 whatever is shown.",
		Example: "  sallyport coverage\n  sallyport coverage wazuh --at 2026-11-27T05:00:00Z\n  sallyport coverage --at 15m -o json",
		RunE: func(c *cobra.Command, names []string) error {
			now := time.Now()
			asked, err := readMoment(at, now)
			if err != nil {
				return err
			}
			return showCoverage(c, streams, names, asked, now, most, output)
		},
	}
	outputFlag(command, &output)
	command.Flags().StringVar(&at, "at", "", "a time (2026-11-27T05:00:00Z, or a date: its beginning in UTC), or how long ago (15m)")
	command.Flags().IntVar(&most, "most", 20, "how many shards of each stream at the most")
	return command
}

// readMoment reads a time, a date, or how long ago; nothing is the zero time.
func readMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("--at %q is no time: write 2026-11-27T05:00:00Z, 2026-11-27 or 15m", text)
}

func showCoverage(c *cobra.Command, streams IO, names []string, at, now time.Time, most int, output string) error {
	o, err := openOffice(c)
	if err != nil {
		return err
	}
	if len(o.config.Detect.Streams) == 0 {
		return errors.New("the config has no stream: add one under streams")
	}
	state, err := o.state(c.Context())
	if err != nil {
		return err
	}
	all, err := detect.Cover(c.Context(), opensearch.NewCursors(state), o.config.Detect, names, at, now, most)
	if unknown, is := errors.AsType[*detect.UnknownStreamError](err); is {
		return unknown
	}
	if err != nil {
		return bad(fmt.Errorf("read cursors: %w", err))
	}
	if output == "json" {
		err = writeJSON(streams, all)
	} else {
		for _, one := range all {
			err = errors.Join(err, printCoverage(streams, one, now))
		}
	}
	return errors.Join(err, uncovered(all))
}

// uncovered is exit code 1 for streams that do not cover the time that was asked for; it names them.
func uncovered(all []detect.Coverage) error {
	var open []string
	for _, one := range all {
		if one.Answer != nil && !one.Answer.Covered {
			open = append(open, one.Stream)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return bad(fmt.Errorf("not covered: %s", strings.Join(open, ", ")))
}

func printCoverage(streams IO, c detect.Coverage, now time.Time) error {
	out := streams.Out
	fmt.Fprintf(out, "stream %s (%s): ", Printable(c.Stream), Printable(c.Index))
	switch {
	case c.Started.IsZero():
		fmt.Fprintln(out, "nobody ever read it; does a worker with role detect run?")
	case c.Watermark.IsZero():
		fmt.Fprintln(out, "not yet read to its end")
	default:
		fmt.Fprintf(out, "all that was indexed before %s is evaluated (%s ago)\n", moment(c.Watermark), span(now.Sub(c.Watermark)))
	}
	if c.Answer != nil {
		fmt.Fprintf(out, "  before %s: %s\n", moment(c.Answer.At), answered(*c.Answer))
	}
	if c.Started.IsZero() {
		return nil
	}
	oldest := ""
	if !c.Oldest.IsZero() {
		oldest = ", the oldest for " + span(now.Sub(c.Oldest))
	}
	fmt.Fprintf(out, "  shards %d, stalled %d, operations unread %d%s\n", c.Known, c.Stalled, c.Unread, oldest)
	fmt.Fprintf(out, "  since %s (from: %s): holes accepted %d, refreshes forced %d, rewinds %d, undrained on delete %d\n",
		moment(c.Started), c.From, c.Met.Holes, c.Met.Refreshes, c.Met.Rewinds, c.Met.Lost)
	if c.Lateness.Events > 0 {
		fmt.Fprintf(out, "  lateness of %d events: p50 %s, p99 %s\n", c.Lateness.Events, within(c.Lateness.P50), within(c.Lateness.P99))
	}
	return printShards(streams, c, now)
}

func printShards(streams IO, c detect.Coverage, now time.Time) error {
	if len(c.Shards) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(streams.Out, 2, 4, 2, ' ', 0)
	fmt.Fprintln(table, "  SHARD\tUNREAD\tFOR\tHOLES\tREFRESHES\tREWINDS\tSTATE")
	for _, s := range c.Shards {
		name, since, state := fmt.Sprintf("%s[%d]", Printable(s.Index), s.Shard), "", "read"
		if s.Shard < 0 {
			name = Printable(s.Index)
		}
		if !s.Since.IsZero() {
			since = span(now.Sub(s.Since))
		}
		switch {
		case s.Why != "":
			state = "STALLED: " + Printable(s.Why)
		case s.Unread > 0:
			state = "reading"
		}
		fmt.Fprintf(table, "  %s\t%d\t%s\t%d\t%d\t%d\t%s\n", name, s.Unread, since, s.Met.Holes, s.Met.Refreshes, s.Met.Rewinds, state)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if c.More > 0 {
		fmt.Fprintf(streams.Out, "  and %d more: --most shows them\n", c.More)
	}
	return nil
}

func answered(a detect.Answer) string {
	if a.Covered {
		return "COVERED since " + moment(a.Since) + " at the latest"
	}
	return "NOT COVERED: " + Printable(a.Why)
}

func moment(at time.Time) string { return at.UTC().Format(time.DateTime + "Z") }

// span is a duration that a person reads at a glance.
func span(d time.Duration) string {
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func within(d time.Duration) string {
	if d == detect.Never {
		return "over 168h"
	}
	return "within " + d.String()
}
