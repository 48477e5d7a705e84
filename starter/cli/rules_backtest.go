package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/backtest"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/rules/correlate"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// backtestFlags are what the command is asked.
type backtestFlags struct {
	stream, from, to, before string
	folders                  []string
	replace                  bool
	rate, page               int
	output, html             string
}

func rulesBacktestCommand(streams IO) *cobra.Command {
	f := &backtestFlags{}
	command := &cobra.Command{
		Use: "backtest --stream NAME --from T [--to T] [--rules DIR]...", Short: "Say what rules would have detected in a stream's past", Args: cobra.NoArgs,
		Long: "Reads a stream's past from its cluster, by the events' own time, and says for each rule what it would have detected,\n" +
			"which incidents that would have opened, and what the plans would have proposed. It writes nothing and needs no Temporal.\n" +
			"One search runs at a time, at most --rate documents a second are read, and a cluster that asks for less gets less.\n" +
			"What lies before the window is read first, as far back as correlations and risk remember, so that they know it; what is\n" +
			"found there is not told.\n" +
			"An interrupt ends it and shows what was found until then; `backtest: {off: true}` of a stream forbids it.\n\n" +
			"Without --rules the rules in use are tried: the shipped ones and those of the config's content folders. --rules lays a\n" +
			"folder over them, as one more of content would, or with --replace puts it in the place of content's, and compares.\n\n" +
			"T is a time as 2026-11-01T00:00:00Z, a date (its beginning, UTC), now, or how long ago: -7d, -12h, -30m.\n\n" +
			"Exit codes: 0 all of the window was read; 1 a part of it, or a rule was refused; 2 wrong usage or config, or the stream\n" +
			"can't be read by time; 3 the window holds no event.",
		Example: "  sallyport rules backtest --stream wazuh --from -7d\n" +
			"  sallyport rules backtest --stream wazuh --from 2026-11-01 --to 2026-11-08 --rules my-rules --html backtest.html\n" +
			"  sallyport rules backtest --stream wazuh --from -30d --rate 500 -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := openOffice(c)
			if err != nil {
				return err
			}
			return runBacktest(c.Context(), streams, o, *f)
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.stream, "stream", "", "the stream, by its name in the config")
	flags.StringVar(&f.from, "from", "", "when the window begins")
	flags.StringVar(&f.to, "to", "now", "when it ends")
	flags.StringArrayVar(&f.folders, "rules", nil, "a folder that is laid over the rules in use; may be given several times")
	flags.BoolVar(&f.replace, "replace", false, "the folders of --rules stand in the place of the config's content folders")
	flags.StringVar(&f.before, "before", "", "how long before the window reading begins, as 12h; if not given, as long as correlations and risk remember, at most the window's length or a day")
	flags.IntVar(&f.rate, "rate", 0, "documents a second at most; 0, and no more than, what the stream's config says (5000 if nothing)")
	flags.IntVar(&f.page, "page", 0, "documents of one search at most; 0: the stream's page")
	flags.StringVar(&f.html, "html", "", "also write the result to this file, as one HTML page")
	outputFlag(command, &f.output)
	return command
}

// backtesting is one run.
type backtesting struct {
	streams  IO
	stream   detect.Stream
	history  *opensearch.History
	test     *backtest.Test
	now      *detect.Evaluator           // of the rules that are tried
	inUse    *detect.Evaluator           // nil: not compared
	before   map[string]correlate.Counts // the window
	partial  []string                    // why what lies before it is not known
	refused  []string
	progress progress
}

func runBacktest(ctx context.Context, streams IO, o *office, f backtestFlags) error {
	b := &backtesting{streams: streams, history: &opensearch.History{}}
	setup, load, err := b.prepare(o, f)
	if err != nil {
		return err
	}
	if err := b.openRules(o, f, &setup); err != nil {
		return err
	}
	cluster, err := o.cluster(ctx, b.stream.Cluster)
	if err != nil {
		return err
	}
	if setup.Before, err = b.memory(f.before, setup.To.Sub(setup.From)); err != nil {
		return err
	}
	window := opensearch.Window{Pattern: b.stream.Index, Fields: setup.fields, From: setup.From, To: setup.To}
	b.readBefore(ctx, cluster, window, setup.Setup, load)
	err = b.open(ctx, cluster, window)
	setup.TimeField = b.history.Field
	b.test = backtest.New(setup.Setup)
	switch {
	case err == nil:
		return b.report(f, b.read(ctx, load))
	case ctx.Err() != nil:
		return b.report(f, errEarly)
	}
	return err
}

// errEarly says that nothing of the window was read.
var errEarly = errors.New("it was interrupted before the window began")

// backtestSetup is what is counted, and where an event's time lies.
type backtestSetup struct {
	backtest.Setup
	fields []string
}

// prepare reads the flags against the config.
func (b *backtesting) prepare(o *office, f backtestFlags) (w backtestSetup, load opensearch.Load, err error) {
	if b.stream, err = o.stream(f.stream); err != nil {
		return w, load, err
	}
	if b.stream.Backtest.Off {
		return w, load, fmt.Errorf("stream %s: backtest is off in the config", b.stream.Name)
	}
	now := time.Now()
	from, err := timeOf(f.from, now)
	if err != nil {
		return w, load, fmt.Errorf("--from: %w", err)
	}
	to, err := timeOf(f.to, now)
	switch {
	case err != nil:
		return w, load, fmt.Errorf("--to: %w", err)
	case !from.Before(to):
		return w, load, fmt.Errorf("the window ends (%s) before it begins (%s)", to.Format(time.RFC3339), from.Format(time.RFC3339))
	case f.rate < 0 || f.page < 0 || f.page > 10_000:
		return w, load, errors.New("--rate is at least 1, --page 1 to 10000")
	case f.replace && len(f.folders) == 0:
		return w, load, errors.New("--replace wants the folders that stand in the place of content: name them with --rules")
	}
	most := b.stream.Backtest.MostRate()
	load = opensearch.Load{
		Page: cmp.Or(f.page, b.stream.Page, 1000), Rate: min(cmp.Or(f.rate, most), most), Now: time.Now, Wait: wait,
	}
	w.Setup = backtest.Setup{
		Stream: b.stream.Name, Index: b.stream.Index, From: from, To: to, Quiet: o.config.Times.Quiet, Longest: o.config.Times.Episode,
	}
	return w, load, nil
}

// openRules loads the rules that are tried, and those that they are compared with.
func (b *backtesting) openRules(o *office, f backtestFlags, w *backtestSetup) error {
	folders, err := ruleSources(f.folders)
	if err != nil {
		return err
	}
	sources := o.config.Sources()
	if w.Compared = len(f.folders) > 0; w.Compared {
		inUse, _ := rules.NewLive(sources...)
		if b.inUse, err = detect.NewEvaluator(inUse, b.stream, nil); err != nil {
			return err
		}
		w.InUse = inUse.Library().Known()
		if f.replace {
			sources = []fs.FS{content.Files}
		}
		sources = append(sources, folders...)
	}
	tried, report := rules.NewLive(sources...)
	for _, fault := range report.Refused {
		b.refused = append(b.refused, fault.Error())
		fmt.Fprintln(b.streams.Err, "refused ", Printable(fault.Error()))
	}
	w.Rules, w.fields = tried.Library().Known(), tried.Library().TimeFields(b.stream.Mapping)
	if len(w.fields) == 0 {
		return fmt.Errorf("mapping %s has no time: name it under `time`", b.stream.Mapping)
	}
	if b.now, err = detect.NewEvaluator(tried, b.stream, func(rule string, _ error) { b.test.Faulted(rule) }); err != nil {
		return err
	}
	planner, err := newPlanner(o, sources)
	if err != nil {
		return err
	}
	w.Propose, w.Caps = planner.propose, planner.caps
	return nil
}

// take tries the rules on a page of events.
func (b *backtesting) take(page []opensearch.Past) error {
	for _, past := range page {
		found, err := b.now.Evaluate(past)
		if err != nil {
			b.test.Unreadable(past.Document.Index + "/" + past.ID)
			continue
		}
		if b.inUse == nil {
			b.test.Add(past.At, found, nil)
			continue
		}
		before, err := b.inUse.Evaluate(past)
		if err != nil {
			b.test.Unreadable(past.Document.Index + "/" + past.ID)
			continue
		}
		b.test.Add(past.At, found, before)
	}
	b.progress.add(len(page))
	return nil
}

// report shows the result. What is partial ends with exit code 1, and says so in the result itself.
func (b *backtesting) report(f backtestFlags, reading error) error {
	b.test.Correlated(b.counts())
	r := b.test.Result()
	r.Documents, r.WithoutTime, r.Refused = b.history.Documents, b.history.Timeless, b.refused
	r.Partial, r.Assumptions = append(r.Partial, b.partial...), append(r.Assumptions, b.forgotten()...)
	switch {
	case errors.Is(reading, errEarly):
		r.Partial = append(r.Partial, reading.Error())
	case errors.Is(reading, context.Canceled):
		r.Partial = append(r.Partial, "it was interrupted")
	case reading != nil:
		r.Partial = append(r.Partial, "the cluster does not give the rest: "+oneLine(reading.Error()))
	case r.Evaluated != r.Documents:
		r.Partial = append(r.Partial, fmt.Sprintf("the copy holds %d events, and %d came", r.Documents, r.Evaluated))
	}
	r.Complete = len(r.Partial) == 0
	if err := b.write(f, r); err != nil {
		return err
	}
	switch {
	case !r.Complete:
		return bad(errors.New("partial: " + strings.Join(r.Partial, "; ")))
	case len(b.refused) > 0:
		return bad(errors.New("rules were refused"))
	case r.Documents == 0:
		return NothingHappened(fmt.Errorf("no event of stream %s lies in the window", b.stream.Name))
	}
	return nil
}

func (b *backtesting) write(f backtestFlags, r backtest.Result) error {
	if f.output == "json" {
		if err := writeJSON(b.streams, r); err != nil {
			return err
		}
	} else if err := printBacktest(b.streams.Out, r); err != nil {
		return err
	}
	if f.html == "" {
		return nil
	}
	page, err := os.OpenFile(f.html, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // it shows events
	if err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	return errors.Join(r.WritePage(page), page.Close())
}

// stream is the stream of that name.
func (o *office) stream(name string) (detect.Stream, error) {
	var known []string
	for _, stream := range o.config.Detect.Streams {
		if stream.Name == name {
			return stream, nil
		}
		known = append(known, stream.Name)
	}
	if slices.Sort(known); len(known) == 0 {
		return detect.Stream{}, errors.New("no stream is configured: add one below streams")
	}
	return detect.Stream{}, fmt.Errorf("no stream is named %q: --stream takes %s", name, strings.Join(known, ", "))
}

// cluster opens a cluster that streams are read from; "" is the state cluster.
func (o *office) cluster(ctx context.Context, name string) (*opensearch.Client, error) {
	if name == "" {
		return o.state(ctx)
	}
	c, err := opensearch.Open(ctx, o.config.Clusters[name])
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", name, err)
	}
	return c, nil
}
