package effect

import (
	"context"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
)

// answerWithin is how long the limits workflow may take to answer; then the answer is no.
const answerWithin = 20 * time.Second

// TemporalLimits asks the workflow activities.LimitsID, starting it where none runs.
type TemporalLimits struct{ client client.Client }

// NewTemporalLimits returns limits over an open client.
func NewTemporalLimits(c client.Client) *TemporalLimits { return &TemporalLimits{client: c} }

// Reserve implements Limits. The workflow knows a reservation by its action, so asking again takes no more room.
func (l *TemporalLimits) Reserve(ctx context.Context, r activities.Reservation) (reserved activities.Reserved, err error) {
	return reserved, l.update(ctx, activities.ReserveUpdate, r, &reserved)
}

// Return implements Limits.
func (l *TemporalLimits) Return(ctx context.Context, r activities.Reservation) error {
	return l.update(ctx, activities.ReturnUpdate, r, nil)
}

// State implements Limits. A workflow that does not run answers nothing: its state is unknown.
func (l *TemporalLimits) State(ctx context.Context) (state activities.SwitchState, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer, err := l.client.QueryWorkflow(ctx, activities.LimitsID, "", activities.LimitsQuery)
	if err != nil {
		return state, fmt.Errorf("query limits: %w", err)
	}
	if err := answer.Get(&state); err != nil {
		return state, fmt.Errorf("query limits: %w", err)
	}
	return state, nil
}

func (l *TemporalLimits) update(ctx context.Context, name string, in activities.Reservation, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	handle, err := l.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: l.client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID: activities.LimitsID, TaskQueue: activities.Queue, StaticSummary: "limits and kill switch",
			WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		}, activities.LimitsName),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: activities.LimitsID, UpdateName: name, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return fmt.Errorf("update limits: %w", err)
	}
	if err := handle.Get(ctx, out); err != nil {
		return fmt.Errorf("update limits: %w", err)
	}
	return nil
}
