package effect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
)

// answerWithin is how long the limits workflow may take to answer; then the answer is no.
const answerWithin = 20 * time.Second

// TemporalLimits asks the workflow activities.LimitsID. It starts none: one that was started for the asking would know
// of no halt and of nothing that happened before. Whoever finds that none runs starts it loudly: the daemon, reconcile.
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

// errNotRunning is what a workflow that was ended by hand comes to: its last state is no answer.
var errNotRunning = errors.New("the workflow of limits and kill switch does not run")

// State implements Limits. A workflow that does not run answers nothing: its state is unknown.
func (l *TemporalLimits) State(ctx context.Context) (state activities.SwitchState, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	described, err := l.client.DescribeWorkflowExecution(ctx, activities.LimitsID, "")
	if err != nil {
		return state, fmt.Errorf("describe limits: %w", err)
	}
	if described.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return state, errNotRunning
	}
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
	handle, err := l.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: activities.LimitsID, UpdateName: name, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return fmt.Errorf("update limits: %w", err)
	}
	if err := handle.Get(ctx, out); err != nil {
		return fmt.Errorf("update limits: %w", err)
	}
	return nil
}

// ReadLimits carries out the step of that name. What is in force by the register counts, whatever was kept: for its
// window, from its grant on.
func (e *Envelope) ReadLimits(ctx context.Context, _ activities.None) (activities.LimitsState, error) {
	state, err := e.Register.Limits(ctx)
	if err != nil {
		return state, fmt.Errorf("kept limits: %w", err)
	}
	entries, err := e.Register.Live(ctx)
	if err != nil {
		return state, fmt.Errorf("register: %w", err)
	}
	for _, entry := range entries {
		for _, held := range entry.Live() {
			known := slices.ContainsFunc(state.Taken, func(t activities.Taken) bool { return t.ActionID == held.Action.ID })
			limit, window, err := e.Rules.Cap(held.Action.Kind)
			if known || err != nil { // a kind that the policy no longer knows is refused anyway
				continue
			}
			state.Taken = append(state.Taken, activities.Taken{
				ActionID: held.Action.ID, Kind: held.Action.Kind, Cap: limit.Actions, Until: held.Grant.At.Add(window),
			})
		}
	}
	return state, nil
}

// KeepLimits carries out the step of that name.
func (e *Envelope) KeepLimits(ctx context.Context, state activities.LimitsState) (activities.None, error) {
	if state.Revision < 1 {
		return activities.None{}, activities.Permanent(errors.New("limits without a revision"))
	}
	if err := e.Register.KeepLimits(ctx, state); err != nil {
		return activities.None{}, fmt.Errorf("keep limits: %w", err)
	}
	return activities.None{}, nil
}
