package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// decideWithin is how long a decision may take until it is recorded.
const decideWithin = 30 * time.Second

type decideFlags struct {
	as, key, reason string
	override        bool
}

func approveCommand(streams IO) *cobra.Command {
	var flags decideFlags
	command := &cobra.Command{
		Use: "approve REQUEST", Short: "Approve what an incident asks for", Args: cobra.ExactArgs(1),
		Example: "  sallyport incident list                         # WAITS FOR names the requests\n  sallyport approve 5d1c...-1-2 --as ana --key ana.key",
		RunE:    func(c *cobra.Command, args []string) error { return decide(c, streams, args[0], true, flags) },
	}
	addDecideFlags(command, &flags)
	command.Flags().BoolVar(&flags.override, "override-protected", false, "act on a protected asset; needs a second person")
	return command
}

func denyCommand(streams IO) *cobra.Command {
	var flags decideFlags
	command := &cobra.Command{
		Use: "deny REQUEST", Short: "Deny what an incident asks for", Args: cobra.ExactArgs(1),
		Example: "  sallyport deny 5d1c...-1-2 --reason \"that is our scanner\"",
		RunE:    func(c *cobra.Command, args []string) error { return decide(c, streams, args[0], false, flags) },
	}
	addDecideFlags(command, &flags)
	return command
}

func addDecideFlags(command *cobra.Command, flags *decideFlags) {
	home, _ := os.UserConfigDir()
	command.Flags().StringVar(&flags.as, "as", os.Getenv("SALLYPORT_PERSON"), "who you are: a name of people: (SALLYPORT_PERSON)")
	command.Flags().StringVar(&flags.key, "key", filepath.Join(home, "sallyport", "person.key"), "your private key, as `sallyport key new` wrote it")
	command.Flags().StringVar(&flags.reason, "reason", "", "why, for the audit log")
}

// person is the key of who decides.
func (f decideFlags) person() (ed25519.PrivateKey, error) {
	if f.as == "" {
		return nil, errors.New("who decides? give --as NAME, or set SALLYPORT_PERSON")
	}
	key, err := policy.LoadPrivateKey(f.key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return key, nil
}

func decide(c *cobra.Command, streams IO, request string, approve bool, flags decideFlags) error {
	key, err := flags.person()
	if err != nil {
		return err
	}
	o, temporal, err := openTemporal(c)
	if err != nil {
		return err
	}
	defer temporal.Close()
	pending, err := o.pending(c.Context(), request)
	if err != nil {
		return bad(err)
	}
	d := soar.Decision{
		Request: request, Digest: pending.Digest, By: flags.as, Approve: approve, Method: "cli",
		Reason: flags.reason, Override: flags.override, SignedAt: time.Now().UTC(),
	}
	outcome, err := Decide(c.Context(), temporal, pending.Workflow, key, d)
	if err != nil {
		return bad(fmt.Errorf("not recorded: %w", err))
	}
	if outcome == "" {
		fmt.Fprintln(streams.Out, "recorded; it needs more approvals")
		return nil
	}
	fmt.Fprintf(streams.Out, "recorded: %s\n", outcome)
	return nil
}

// Decide signs d and delivers it by the Update Decide: the one way in which a decision is taken. An empty outcome
// means that more people are needed.
func Decide(ctx context.Context, temporal client.Client, workflow string, key ed25519.PrivateKey, d soar.Decision) (outcome soar.Outcome, err error) {
	d = policy.SignDecision(key, d)
	ctx, cancel := context.WithTimeout(ctx, decideWithin)
	defer cancel()
	handle, err := temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflow, UpdateName: activities.DecideUpdate, Args: []any{d}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return "", frontend.Said(err)
	}
	if err := handle.Get(ctx, &outcome); err != nil {
		return "", frontend.Said(err)
	}
	return outcome, nil
}

// pending finds a request among the records of incidents that wait, and asks the running workflow what it says now.
func (o *office) pending(ctx context.Context, request string) (activities.PendingApproval, error) {
	state, err := o.state(ctx)
	if err != nil {
		return activities.PendingApproval{}, err
	}
	records, err := opensearch.NewRecords(state).ListRecords(ctx, "", opensearch.MaxRecords)
	if err != nil {
		return activities.PendingApproval{}, fmt.Errorf("look for the request: %w", err)
	}
	for _, written := range records {
		if written.Closed != nil || !strings.HasPrefix(request, written.ID) {
			continue
		}
		now := o.fresh(ctx, written)
		for _, p := range now.Pending {
			if p.Request == request {
				return p, nil
			}
		}
	}
	return activities.PendingApproval{}, fmt.Errorf("nothing waits under %q: `sallyport incident list` names what does", request)
}
