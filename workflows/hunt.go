package workflows

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// Hunt runs one hunt: what its file says now, its bounded query, and its outcome into the records.
func Hunt(ctx workflow.Context, req activities.HuntRequest) (activities.HuntOutcome, error) {
	ctx = workflow.WithActivityOptions(ctx, quick)
	req.Run = cmp.Or(req.Run, workflow.GetInfo(ctx).WorkflowExecution.RunID)
	hunt, err := do(ctx, activities.ReadHunt, req)
	if err != nil {
		return activities.HuntOutcome{}, fmt.Errorf("read hunt: %w", err)
	}
	bounded := quick
	bounded.StartToCloseTimeout = hunt.Timeout + time.Minute
	outcome, err := do(workflow.WithActivityOptions(ctx, bounded), activities.RunHunt, hunt)
	if temporal.IsCanceledError(err) {
		return outcome, err
	}
	if err != nil { // nobody answered: that is no "nothing found"
		outcome = unanswered(hunt, workflow.Now(ctx).UTC(), err)
	}
	workflow.SetCurrentDetails(ctx, "### "+escape(hunt.Title)+"\n\n"+escape(outcome.String())+"\n")
	if _, err := do(workflow.WithActivityOptions(ctx, patient), activities.RecordHunt, activities.HuntRecord{Hunt: hunt, Outcome: outcome}); err != nil {
		return outcome, fmt.Errorf("record hunt: %w", err)
	}
	return outcome, nil
}

// unanswered is the outcome of a hunt whose cluster did not answer, however often it was asked.
func unanswered(h activities.Hunt, at time.Time, err error) activities.HuntOutcome {
	return activities.HuntOutcome{
		Hunt: h.ID, Run: h.Run, Title: h.Title, Version: h.Version, Outcome: activities.Inconclusive, Reason: "not answered: " + clip(said(err), 300), At: at,
	}
}
