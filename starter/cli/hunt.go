package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/rules/hunt"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func huntCommand(streams IO) *cobra.Command {
	command := &cobra.Command{Use: "hunt", Short: "List hunts, run one now, or bring their schedules to what the files say"}
	command.AddCommand(huntList(streams), huntRun(streams), huntApply(streams))
	return command
}

func loadHunts(o *office) ([]hunt.Hunt, error) {
	hunts, err := hunt.Load(o.config.Sources()...)
	if err != nil {
		return nil, bad(fmt.Errorf("hunts: %w", err))
	}
	return hunts, nil
}

func huntList(streams IO) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use: "list", Short: "List the hunts of the content", Args: cobra.NoArgs, Example: "  sallyport hunt list",
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := openOffice(c)
			if err != nil {
				return err
			}
			hunts, err := loadHunts(o)
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(streams, hunts)
			}
			table := tabwriter.NewWriter(streams.Out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(table, "ID\tTITLE\tTECHNIQUE\tSTREAM\tSCHEDULE (UTC)")
			for _, h := range hunts {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", h.ID, h.Title, h.Technique, h.Stream, h.Schedule)
			}
			return table.Flush()
		},
	}
	outputFlag(command, &output)
	return command
}

func huntRun(streams IO) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use: "run ID", Short: "Run a hunt now and wait for its outcome", Args: cobra.ExactArgs(1), Example: "  sallyport hunt run H-0001",
		RunE: func(c *cobra.Command, args []string) error {
			o, err := openOffice(c)
			if err != nil {
				return err
			}
			temporal, err := o.temporal(c.Context())
			if err != nil {
				return bad(err)
			}
			defer temporal.Close()
			outcome, err := runHunt(c.Context(), temporal, args[0])
			if err != nil {
				return bad(err)
			}
			if output == "json" {
				return writeJSON(streams, outcome)
			}
			printOutcome(streams, outcome)
			return nil
		},
	}
	outputFlag(command, &output)
	return command
}

func runHunt(ctx context.Context, temporal client.Client, id string) (outcome activities.HuntOutcome, err error) {
	run, err := temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: daemon.HuntScheduleID(id) + "/now", TaskQueue: activities.Queue, StaticSummary: "hunt " + id + ", by hand",
	}, "Hunt", activities.HuntRequest{ID: id})
	if err != nil {
		return outcome, fmt.Errorf("start hunt: %w", err)
	}
	if err := run.Get(ctx, &outcome); err != nil {
		return outcome, fmt.Errorf("hunt %s: %w", id, innermost(err))
	}
	return outcome, nil
}

func printOutcome(streams IO, o activities.HuntOutcome) {
	fmt.Fprintf(streams.Out, "%s %s: %s\n", o.Hunt, o.Outcome, Printable(o.Reason))
	for stream, at := range o.Watermarks {
		fmt.Fprintf(streams.Out, "  as known at %s in stream %s\n", at.UTC().Format("2006-01-02 15:04:05Z"), stream)
	}
	for _, p := range o.Proofs {
		fmt.Fprintf(streams.Out, "  %s  %d times: %v\n", Printable(p.Entity), p.Count, Printable(fmt.Sprint(p.Values)))
	}
}

func huntApply(streams IO) *cobra.Command {
	return &cobra.Command{
		Use: "apply", Short: "Bring the schedules to what the files say", Args: cobra.NoArgs, Example: "  sallyport hunt apply",
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := openOffice(c)
			if err != nil {
				return err
			}
			hunts, err := loadHunts(o)
			if err != nil {
				return err
			}
			temporal, err := o.temporal(c.Context())
			if err != nil {
				return bad(err)
			}
			defer temporal.Close()
			applied, err := daemon.ApplyHunts(c.Context(), temporal, hunts)
			for _, id := range applied {
				fmt.Fprintln(streams.Out, "scheduled", id)
			}
			if err != nil {
				return bad(err)
			}
			return nil
		},
	}
}
