package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/starter/cli"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// demoWithin bounds a demo that asks nothing; one that waits for a person has longer.
const (
	demoWithin   = 58 * time.Second
	personWithin = 30 * time.Minute
)

type demoFlags struct {
	yes                             bool
	report, events, opensearch, dir string
	verbose                         bool
}

func demoCommand(streams cli.IO) *cobra.Command {
	var flags demoFlags
	command := &cobra.Command{
		Use: "demo", Short: "Show the whole chain on this machine", Args: cobra.NoArgs,
		Long: "Starts Temporal with its UI, stand-ins of the vendors' systems and the worker, plays a recorded attack into\n" +
			"OpenSearch, and tells what happens: detection, incident, case, blocks that you approve, scan, patch, report.\n" +
			"Exit code 0: the end state is right; 1: it is not; 3: no event opened an incident.",
		Example: "  sallyport-allinone demo\n  sallyport-allinone demo --yes --report out.json\n  sallyport-allinone demo --events mine.ndjson\n" +
			"  sallyport-allinone demo --opensearch http://127.0.0.1:9200",
		RunE: func(c *cobra.Command, _ []string) error { return demo(c.Context(), streams, flags) },
	}
	command.Flags().BoolVar(&flags.yes, "yes", false, "ask nothing: a second lab person approves everything by the same way")
	command.Flags().StringVar(&flags.report, "report", "", "write the end state as JSON to this file")
	command.Flags().StringVar(&flags.events, "events", "", "play these events (NDJSON) instead of the recorded attack")
	command.Flags().StringVar(&flags.opensearch, "opensearch", "", "address of a real OpenSearch to use instead of the stand-in")
	command.Flags().BoolVar(&flags.verbose, "verbose", false, "also log what the worker logs")
	return command
}

func demo(ctx context.Context, streams cli.IO, flags demoFlags) (err error) {
	events, err := readEvents(flags.events)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sallyport-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	limit := personWithin
	if flags.yes {
		limit = demoWithin
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	fmt.Fprintln(streams.Out, "A recorded attack on a small office, on this machine alone: nothing outside is touched.\n"+
		"Starting Temporal and its UI, stand-ins for the office's systems, and Sallyport ...")
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	office, err := lab.Start(ctx, lab.Options{Dir: dir, OpenSearch: flags.opensearch, Program: program, Events: events})
	if err != nil {
		return cli.Failed(fmt.Errorf("lab: %w", err))
	}
	defer func() { err = errors.Join(err, office.Close()) }()
	return runDemo(ctx, streams, flags, office, events)
}

func runDemo(ctx context.Context, streams cli.IO, flags demoFlags, office *lab.Lab, events [][]byte) error {
	config, err := daemon.LoadConfig(office.ConfigFile())
	if err != nil {
		return fmt.Errorf("the lab's config: %w", err)
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	ready := make(chan [2]string, 1)
	began := time.Now()
	go func() {
		ended <- up(running, config, demoLogger(streams, flags), func(frontend, ui string) { ready <- [2]string{frontend, ui} })
	}()
	select {
	case err := <-ended:
		return err
	case at := <-ready:
		ui := at[1]
		config.Temporal.Address = at[0]
		sayUp(streams, flags, ui, time.Since(began))
		s := show{streams: streams, flags: flags, office: office, config: config, ui: ui, prompt: newPrompt(streams)}
		err := s.run(ctx, events)
		stop()
		return errors.Join(err, <-ended)
	}
}

// sayUp says where to look, and what is asked of whoever reads it.
func sayUp(streams cli.IO, flags demoFlags, ui string, took time.Duration) {
	fmt.Fprintf(streams.Out, "Up after %s. Watch it there: %s\n", took.Round(10*time.Millisecond), ui)
	if flags.yes {
		fmt.Fprint(streams.Out, "It takes less than a minute. With --yes a second person of the lab approves whatever is asked.\n\n")
		return
	}
	fmt.Fprint(streams.Out, "It takes about a minute, and asks you before what needs a person. Ctrl-C ends it, and leaves nothing behind.\n\n")
}

// demoLogger is quiet unless asked: the timeline is what people read.
func demoLogger(streams cli.IO, flags demoFlags) *slog.Logger {
	if flags.verbose {
		return slog.New(slog.NewTextHandler(streams.Err, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	return slog.New(slog.DiscardHandler)
}

// maxEventFile bounds --events, in bytes.
const maxEventFile = 256 << 20

// readEvents returns the events of a file, or the recorded attack. A line that is no JSON stays: the chain must take it.
func readEvents(file string) ([][]byte, error) {
	if file == "" {
		return lab.RecordedAttack(), nil
	}
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxEventFile+1))
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	if len(text) > maxEventFile {
		return nil, fmt.Errorf("events: %s is over %d bytes", file, maxEventFile)
	}
	events := lab.Lines(text)
	if len(events) == 0 {
		return nil, fmt.Errorf("events: %s holds none", file)
	}
	return events, nil
}
