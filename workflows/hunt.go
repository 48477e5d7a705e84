package workflows

import (
	"cmp"
	"fmt"
	"time"

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
	if err != nil {
		return outcome, fmt.Errorf("run hunt: %w", err)
	}
	if _, err := do(ctx, activities.RecordHunt, outcome); err != nil {
		return outcome, fmt.Errorf("record hunt: %w", err)
	}
	return outcome, nil
}
