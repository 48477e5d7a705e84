package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/rules/hunt"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func huntCommand(streams IO) *cobra.Command {
	command := group("hunt", "List hunts, run one now, or bring their schedules to what the files say", "  sallyport hunt list\n  sallyport hunt run H-0001")
	command.Long = "Exit codes: 0 done, whatever a hunt's outcome is; 1 it could not be done; 2 a hunt's file is refused, or wrong usage."
	command.AddCommand(huntList(streams), huntRun(streams), huntApply(streams))
	return command
}

// loadHunts reads the hunts of the config's content. The good ones come with the faults of the others.
func loadHunts(c *cobra.Command) (*office, []hunt.Hunt, error) {
	o, err := openOffice(c)
	if err != nil {
		return nil, nil, err
	}
	hunts, faults := hunt.Load(o.config.Sources()...)
	if faults != nil {
		faults = fmt.Errorf("hunts refused:\n%w", faults)
	}
	return o, hunts, faults
}

func huntList(streams IO) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use: "list", Short: "List the hunts of the content; needs no server", Args: cobra.NoArgs, Example: "  sallyport hunt list\n  sallyport hunt list -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			o, hunts, faults := loadHunts(c)
			if o == nil {
				return faults
			}
			if output == "json" {
				return errors.Join(writeJSON(streams, listed(hunts)), faults)
			}
			table := tabwriter.NewWriter(streams.Out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(table, "ID\tTITLE\tTECHNIQUE\tSTREAM\tSCHEDULE (UTC)\tLOOKS BACK")
			for _, h := range hunts {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", Printable(h.ID), Printable(h.Title), Printable(h.Technique), Printable(h.Stream), h.Schedule, h.Lookback)
			}
			return errors.Join(table.Flush(), faults)
		},
	}
	outputFlag(command, &output)
	return command
}

// listedHunt is a hunt as -o json lists it.
type listedHunt struct {
	ID         string `json:"id"`
	Title      string `json:"title"`
	Hypothesis string `json:"hypothesis"`
	Technique  string `json:"technique,omitempty"`
	Stream     string `json:"stream"`
	Schedule   string `json:"schedule"`
	Lookback   string `json:"lookback"`
	Method     string `json:"method"`
	Opens      bool   `json:"opens"`
	Version    string `json:"version"`
	File       string `json:"file"`
}

func listed(hunts []hunt.Hunt) []listedHunt {
	list := make([]listedHunt, len(hunts))
	for i, h := range hunts {
		list[i] = listedHunt{h.ID, h.Title, h.Hypothesis, h.Technique, h.Stream, h.Schedule, h.Lookback.String(), h.Analysis.Method, h.Opens, h.Version, h.File}
	}
	return list
}

func huntRun(streams IO) *cobra.Command {
	var output string
	command := &cobra.Command{
		Use: "run ID", Short: "Run a hunt now and wait for its outcome", Args: cobra.ExactArgs(1), Example: "  sallyport hunt run H-0001\n  sallyport hunt run H-0001 -o json",
		Long: "The worker runs the hunt as its own content says it; a hunt that runs already is waited for. The outcome is recorded as\n" +
			"any other, and what it proves takes the ordinary way.",
		RunE: func(c *cobra.Command, args []string) error {
			_, temporal, err := openTemporal(c)
			if err != nil {
				return err
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
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
	}, "Hunt", activities.HuntRequest{ID: id})
	if err != nil {
		return outcome, fmt.Errorf("start hunt: %w", err)
	}
	if err := run.Get(ctx, &outcome); err != nil {
		return outcome, fmt.Errorf("hunt %s: %w", id, frontend.Said(err))
	}
	return outcome, nil
}

func printOutcome(streams IO, o activities.HuntOutcome) {
	fmt.Fprintf(streams.Out, "%s %s: %s\n", Printable(o.Hunt), o.Outcome, Printable(o.Reason))
	for _, stream := range slices.Sorted(maps.Keys(o.Watermarks)) {
		fmt.Fprintf(streams.Out, "  as known at %s in stream %s\n", o.Watermarks[stream].UTC().Format(time.DateTime+"Z"), Printable(stream))
	}
	for _, p := range o.Proofs {
		fmt.Fprintf(streams.Out, "  %s  %d times since %s: %s\n", Printable(p.Entity), p.Count, p.At.UTC().Format(time.DateTime+"Z"), Printable(fmt.Sprint(p.Values)))
	}
}

func huntApply(streams IO) *cobra.Command {
	return &cobra.Command{
		Use: "apply", Short: "Bring the schedules to what the files say", Args: cobra.NoArgs, Example: "  sallyport hunt apply",
		Long: "Makes or changes the schedule of each hunt, and removes those of hunts that are gone. If any file is refused, nothing is\n" +
			"changed.",
		RunE: func(c *cobra.Command, _ []string) error {
			o, hunts, faults := loadHunts(c)
			if faults != nil {
				return faults
			}
			temporal, err := o.temporal(c.Context())
			if err != nil {
				return err
			}
			defer temporal.Close()
			applied, err := daemon.ApplyHunts(c.Context(), temporal, hunts)
			for _, id := range applied.Scheduled {
				fmt.Fprintln(streams.Out, "scheduled", Printable(id))
			}
			for _, id := range applied.Removed {
				fmt.Fprintln(streams.Out, "removed", Printable(id))
			}
			if err != nil {
				return bad(err)
			}
			return nil
		},
	}
}
