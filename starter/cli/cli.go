// Package cli is the operator's command line, as a function that tests can call.
//
// Exit codes: 0 good; 1 the command did its work and the answer is bad (a refused rule, a failed check, a broken
// chain); 2 wrong usage or config; 3 nothing happened (demo: no event matched).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/internal/config"
)

// Exit codes.
const (
	exitGood    = 0
	exitBad     = 1
	exitUsage   = 2
	exitNothing = 3
)

// IO is where a command reads and writes.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// Terminal is the process's own IO.
func Terminal() IO { return IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr} }

// Verbs are the commands that need the embedded Temporal. The all-in-one build brings them; the lean build has none,
// names them all the same, and says which build has them.
type Verbs struct {
	Up   func(streams IO) *cobra.Command
	Demo func(streams IO) *cobra.Command
	Lab  func(streams IO) *cobra.Command
}

// ExitError ends the command with a code; a nil Err says nothing more.
type ExitError struct {
	Code int
	Err  error
}

// Error implements error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap implements errors.Unwrap.
func (e *ExitError) Unwrap() error { return e.Err }

// bad wraps an error whose exit code is 1.
func bad(err error) error { return &ExitError{Code: exitBad, Err: err} }

// NothingHappened ends a command with exit code 3.
func NothingHappened(err error) error { return &ExitError{Code: exitNothing, Err: err} }

// Failed ends a command with exit code 1.
func Failed(err error) error { return bad(err) }

// Main runs one command and returns its exit code. An interrupt ends its context; a second one ends the process.
func Main(args []string, streams IO, verbs Verbs) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := rootCommand(streams, verbs)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitGood
	}
	if text := err.Error(); text != "" {
		if file, unknown := root.PersistentFlags().GetString("config"); unknown == nil {
			text = config.Locate(file, err).Error()
		}
		fmt.Fprintln(streams.Err, "sallyport:", text)
	}
	if exit, ok := errors.AsType[*ExitError](err); ok {
		return exit.Code
	}
	return exitUsage
}

func rootCommand(streams IO, verbs Verbs) *cobra.Command {
	root := &cobra.Command{
		Use:   "sallyport",
		Short: "Durable incident response for the open-source fortress",
		Long: "sallyport reads security events from OpenSearch, runs every incident as a durable workflow, and contains,\n" +
			"scans and patches with your approval. Every containment ends by itself and is verified.\n\n" +
			"Exit codes: 0 good; 1 the command did its work and the answer is bad (a failed check, a broken chain, a decision that\n" +
			"was not recorded); 2 wrong usage or config; 3 nothing happened (demo: no event opened an incident).",
		Example: "  sallyport demo                     # the whole chain on this machine, with nothing installed\n" +
			"  sallyport config init > sallyport.yaml\n" +
			"  sallyport check                    # is everything that the config names reachable and right?\n" +
			"  sallyport incident list\n" +
			"  sallyport approve REQUEST",
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.PersistentFlags().String("config", defaultConfig(), "the config file; SALLYPORT_CONFIG names another default")
	root.AddCommand(checkCommand(streams), incidentCommand(streams), approveCommand(streams), denyCommand(streams), releaseCommand(streams), haltCommand(streams),
		resumeCommand(streams), rulesCommand(streams), huntCommand(streams), coverageCommand(streams), auditCommand(streams), configCommand(streams), keyCommand(streams), versionCommand(streams))
	for _, verb := range []struct {
		name, short string
		build       func(IO) *cobra.Command
	}{
		{"up", "Run everything in one process, with Temporal inside", verbs.Up},
		{"demo", "Show the whole chain on this machine", verbs.Demo},
	} {
		root.AddCommand(verbOr(verb.build, streams, verb.name, verb.short))
	}
	if verbs.Lab != nil {
		root.AddCommand(verbs.Lab(streams))
	}
	return root
}

// group is a command that only holds others: alone it prints its help, and a word that none of them has is an error.
func group(name, short, example string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Example: example, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
}

// verbOr is the verb, or, in the lean build, its name and where it is.
func verbOr(build func(IO) *cobra.Command, streams IO, name, short string) *cobra.Command {
	if build != nil {
		return build(streams)
	}
	return &cobra.Command{
		Use: name, Short: short + " (in the all-in-one build)", DisableFlagParsing: true, Example: "  bin/sallyport-allinone " + name,
		RunE: func(*cobra.Command, []string) error {
			return fmt.Errorf("%s needs the all-in-one build: `make build`, then bin/sallyport-allinone %s", name, name)
		},
	}
}

func defaultConfig() string {
	if named := os.Getenv("SALLYPORT_CONFIG"); named != "" {
		return named
	}
	return "sallyport.yaml"
}
