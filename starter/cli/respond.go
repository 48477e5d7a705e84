package cli

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func releaseCommand(streams IO) *cobra.Command {
	var all, list, forget bool
	var flags decideFlags
	command := &cobra.Command{
		Use: "release [ACTION...]", Short: "End containments now, before they expire",
		Long:    "Each named containment is told to end; it undoes what it put there and reads back that it is gone.\nThe signal is durable: it is heard even if no worker runs now. Where the system is gone for good and the release can\nnever be read back, two people give it up with --forget: then the register lists it no more, and nobody has verified it.",
		Example: "  sallyport release --list\n  sallyport release 5d1c...-1-0\n  sallyport release --all\n  sallyport release --forget 5d1c...-1-0 --as ana --reason \"the host is scrapped\"",
		RunE: func(c *cobra.Command, args []string) error {
			live, err := liveContainments(c)
			if err != nil {
				return err
			}
			if list {
				return printContainments(streams, live)
			}
			chosen, err := choose(live, args, all)
			if err != nil {
				return err
			}
			if forget {
				return forgetOne(c, streams, chosen, flags)
			}
			return release(c, streams, chosen)
		},
	}
	command.Flags().BoolVar(&all, "all", false, "end every containment that is not over")
	command.Flags().BoolVar(&list, "list", false, "only list what is contained")
	command.Flags().BoolVar(&forget, "forget", false, "give up a release that can't be read back; needs a second person")
	addDecideFlags(command, &flags)
	return command
}

func liveContainments(c *cobra.Command) ([]soar.Containment, error) {
	o, err := openOffice(c)
	if err != nil {
		return nil, err
	}
	state, err := o.state(c.Context())
	if err != nil {
		return nil, err
	}
	entries, err := opensearch.NewRegister(state).Live(c.Context())
	if err != nil {
		return nil, bad(fmt.Errorf("read the register: %w", err))
	}
	var live []soar.Containment
	for _, entry := range entries {
		live = append(live, entry.Live()...)
	}
	return live, nil
}

// choose picks the named containments; none named is an error, never "all".
func choose(live []soar.Containment, names []string, all bool) ([]soar.Containment, error) {
	if all == (len(names) > 0) {
		return nil, errors.New("name the actions to release, or give --all (`sallyport release --list` shows them)")
	}
	if all {
		return live, nil // none is no error: then there is nothing to end
	}
	var chosen []soar.Containment
	for _, name := range names {
		found := false
		for _, held := range live {
			if held.Action.ID == name {
				chosen, found = append(chosen, held), true
			}
		}
		if !found {
			return nil, bad(fmt.Errorf("nothing is contained under %q (`sallyport release --list`)", name))
		}
	}
	return chosen, nil
}

func release(c *cobra.Command, streams IO, chosen []soar.Containment) error {
	if len(chosen) == 0 {
		fmt.Fprintln(streams.Out, "nothing is contained")
		return nil
	}
	_, temporal, err := openTemporal(c)
	if err != nil {
		return err
	}
	defer temporal.Close()
	house := frontend.New(temporal)
	var faults []error
	for _, held := range chosen {
		if err := house.Release(c.Context(), held.Action, whoami()); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", held.Action.ID, noWorkflow(err)))
			continue
		}
		fmt.Fprintf(streams.Out, "told to end: %s\n", Printable(held.Action.String()))
	}
	if len(faults) > 0 {
		return bad(errors.Join(faults...))
	}
	return nil
}

// noWorkflow says what to do where Temporal lost the containment: its entry in the register brings it back.
func noWorkflow(err error) error {
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return errors.New("no workflow holds it now: reconcile starts one for its entry in the register within minutes (times.reconcile); then release it again")
	}
	return err
}

// forgetOne gives one release up, in the name of one person.
func forgetOne(c *cobra.Command, streams IO, chosen []soar.Containment, flags decideFlags) error {
	if len(chosen) != 1 {
		return errors.New("one at a time: name the action whose release is given up")
	}
	key, err := flags.person()
	if err != nil {
		return err
	}
	_, temporal, err := openTemporal(c)
	if err != nil {
		return err
	}
	defer temporal.Close()
	action := chosen[0].Action
	outcome, err := Decide(c.Context(), temporal, activities.ContainID(action.ID), key, soar.Decision{
		Request: activities.ForgetID(action.ID), Digest: action.Digest(), By: flags.as, Approve: true, Method: policy.MethodCLI,
		Reason: flags.reason, Override: true, SignedAt: time.Now().UTC(),
	})
	if err != nil {
		return bad(fmt.Errorf("not recorded: %w", err))
	}
	if outcome == "" {
		fmt.Fprintln(streams.Out, "recorded; a second person must give it up, too")
		return nil
	}
	fmt.Fprintf(streams.Out, "given up: %s\n", Printable(action.String()))
	return nil
}

func printContainments(streams IO, live []soar.Containment) error {
	if len(live) == 0 {
		fmt.Fprintln(streams.Out, "nothing is contained")
		return nil
	}
	table := tabwriter.NewWriter(streams.Out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ACTION\tWHAT\tSTATE\tEXPIRES\tINCIDENT")
	for _, held := range live {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", held.Action.ID, Printable(held.Action.String()), held.State, held.Expires.Local().Format(time.DateTime), held.Incident)
	}
	return table.Flush()
}

func haltCommand(streams IO) *cobra.Command {
	return switchCommand(streams, activities.HaltUpdate, &cobra.Command{
		Use: "halt", Short: "Throw the kill switch: no new effect begins; releases go on",
		Example: "  sallyport halt --reason \"maintenance of the firewall\"",
	})
}

func resumeCommand(streams IO) *cobra.Command {
	return switchCommand(streams, activities.ResumeUpdate, &cobra.Command{
		Use: "resume", Short: "Lift the kill switch",
		Example: "  sallyport resume --reason \"the firewall is back\"",
	})
}

func switchCommand(streams IO, update string, command *cobra.Command) *cobra.Command {
	var reason string
	command.Args = cobra.NoArgs
	command.RunE = func(c *cobra.Command, _ []string) error { return throwSwitch(c, streams, update, reason) }
	command.Flags().StringVar(&reason, "reason", "", "why; needed")
	_ = command.MarkFlagRequired("reason") // the flag is there
	return command
}

func throwSwitch(c *cobra.Command, streams IO, update, reason string) error {
	_, temporal, err := openTemporal(c)
	if err != nil {
		return err
	}
	defer temporal.Close()
	ctx, cancel := context.WithTimeout(c.Context(), decideWithin)
	defer cancel()
	handle, err := temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: activities.LimitsID, UpdateName: update, WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{activities.Switch{By: whoami(), Reason: reason, At: time.Now().UTC()}},
	})
	if err != nil {
		return bad(fmt.Errorf("kill switch: %w", frontend.Said(err)))
	}
	var state activities.SwitchState
	if err := handle.Get(ctx, &state); err != nil {
		return bad(fmt.Errorf("kill switch: %w", frontend.Said(err)))
	}
	printSwitch(streams, state)
	return nil
}

func printSwitch(streams IO, state activities.SwitchState) {
	if state.Halted {
		fmt.Fprintf(streams.Out, "halted by %s since %s: %s\n", Printable(state.By), state.Since.Local().Format(time.DateTime), Printable(state.Reason))
		return
	}
	fmt.Fprintln(streams.Out, "running: effects are carried out as approved")
}

// whoami is the operator's name for the audit log: what the machine knows of who typed this.
func whoami() string {
	if me, err := user.Current(); err == nil {
		return me.Username
	}
	return "operator"
}
