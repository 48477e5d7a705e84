package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// stage is where the house's workflows play in virtual time: the environment's one root workflow, which starts every
// other one as its child, as the frontend would by itself. It lasts for that long.
func stage(ctx workflow.Context, lasts time.Duration) error {
	children := map[string]workflow.ChildWorkflowFuture{}
	deliveries, over := workflow.GetSignalChannel(ctx, deliverSignal), false
	end := workflow.NewTimer(ctx, lasts)
	workflow.GetInfo(ctx) // shows itself to suggests
	for !over {
		workflow.NewSelector(ctx).
			AddFuture(end, func(workflow.Future) { over = true }).
			AddReceive(deliveries, func(c workflow.ReceiveChannel, _ bool) {
				var d delivery
				c.Receive(ctx, &d)
				deliver(ctx, children, d)
			}).
			Select(ctx)
	}
	return nil
}

const deliverSignal = "deliver"

// delivery is signal-with-start; without a signal it only starts.
type delivery struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Args    []any  `json:"args"`
	Signal  string `json:"signal"`
	Payload any    `json:"payload"`
}

func deliver(ctx workflow.Context, children map[string]workflow.ChildWorkflowFuture, d delivery) {
	if child := children[d.ID]; child == nil || child.IsReady() {
		options := workflow.ChildWorkflowOptions{
			WorkflowID: d.ID, ParentClosePolicy: enums.PARENT_CLOSE_POLICY_TERMINATE, WaitForCancellation: true, // else the environment ends it at once
		}
		children[d.ID] = workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, options), d.Type, d.Args...)
		if err := children[d.ID].GetChildWorkflowExecution().Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Error("not started", "workflow", d.ID, "error", err)
			return
		}
	}
	if d.Signal != "" {
		_ = workflow.SignalExternalWorkflow(ctx, d.ID, "", d.Signal, d.Payload).Get(ctx, nil) // as lost as one to the server
	}
}

// frontend is Temporal's frontend before the stage: the part of its client that the house uses.
type frontend struct {
	client.Client // nil: whatever else is called is a fault of the test

	env     *testsuite.TestWorkflowEnvironment
	running map[string]bool
	updates int
	wishes  []activities.Wish                 // that were sent to devices
	wished  func(n int)                       // called after the n-th of them; may be nil
	results map[string]converter.EncodedValue // of what ended well, by workflow id
	failed  []error                           // how the others ended
	down    bool                              // nobody answers
}

var errDown = errors.New("frontend is down")

// onStage lets do run between two steps of the play; the environment is not safe for other goroutines.
func (f *frontend) onStage(ctx context.Context, do func()) error {
	done := make(chan struct{})
	f.env.RegisterDelayedCallback(func() { defer close(done); do() }, 0)
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SignalWithStartWorkflow implements client.Client.
func (f *frontend) SignalWithStartWorkflow(ctx context.Context, id, signal string, payload any, _ client.StartWorkflowOptions, kind any, args ...any) (client.WorkflowRun, error) {
	var failed error
	err := f.onStage(ctx, func() {
		if failed = f.up(); failed == nil {
			if wish, ok := payload.(activities.Wish); ok {
				f.wishes = append(f.wishes, wish)
			}
			f.env.SignalWorkflow(deliverSignal, delivery{ID: id, Type: kind.(string), Args: args, Signal: signal, Payload: payload})
			if f.wished != nil {
				f.wished(len(f.wishes))
			}
		}
	})
	return nil, errors.Join(err, failed)
}

func (f *frontend) up() error {
	if f.down {
		return errDown
	}
	return nil
}

// UpdateWorkflow implements client.Client, for workflows that run.
func (f *frontend) UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	got := &answer{done: make(chan struct{})}
	var failed error
	err := f.onStage(ctx, func() {
		if failed = f.up(); failed == nil {
			failed = f.update(o.WorkflowID, o.UpdateName, got, o.Args...)
		}
	})
	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}
	select {
	case <-got.done:
		return got, errors.Join(got.rejected, got.err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// update calls a running workflow's update; on the stage only.
func (f *frontend) update(id, name string, got *answer, args ...any) error {
	f.updates++
	return f.env.UpdateWorkflowByID(id, name, fmt.Sprint("update-", f.updates), got, args...)
}

// ExecuteWorkflow implements client.Client.
func (f *frontend) ExecuteWorkflow(ctx context.Context, o client.StartWorkflowOptions, kind any, args ...any) (client.WorkflowRun, error) {
	return nil, f.onStage(ctx, func() { f.env.SignalWorkflow(deliverSignal, delivery{ID: o.ID, Type: kind.(string), Args: args}) })
}

// QueryWorkflow implements client.Client.
func (f *frontend) QueryWorkflow(ctx context.Context, id, _, name string, args ...any) (value converter.EncodedValue, err error) {
	var failed error
	err = f.onStage(ctx, func() {
		if failed = f.up(); failed == nil {
			value, failed = f.env.QueryWorkflowByID(id, name, args...)
		}
	})
	return value, errors.Join(err, failed)
}

// DescribeWorkflowExecution implements client.Client.
func (f *frontend) DescribeWorkflowExecution(ctx context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	status := enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	known := false
	err := f.onStage(ctx, func() {
		var running bool
		if running, known = f.running[id]; running {
			status = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		}
	})
	if err == nil && !known {
		err = serviceerror.NewNotFound("no workflow " + id)
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: status, Execution: &commonpb.WorkflowExecution{WorkflowId: id},
	}}, err
}

// watch keeps the list of what runs.
func (f *frontend) watch() {
	f.running, f.results = map[string]bool{}, map[string]converter.EncodedValue{}
	f.env.SetOnChildWorkflowStartedListener(func(info *workflow.Info, _ workflow.Context, _ converter.EncodedValues) {
		f.running[info.WorkflowExecution.ID] = true
	})
	f.env.SetOnChildWorkflowCompletedListener(func(info *workflow.Info, result converter.EncodedValue, err error) {
		f.running[info.WorkflowExecution.ID] = false
		if err != nil {
			f.failed = append(f.failed, err)
			return
		}
		f.results[info.WorkflowExecution.ID] = result
	})
}

// result is what a workflow ended with last.
func (f *frontend) result(id string, out any) error {
	if f.results[id] == nil {
		return fmt.Errorf("%s has not ended well: %v", id, f.failed)
	}
	return f.results[id].Get(out)
}

// answer collects what became of one update.
type answer struct {
	rejected error // by the validator: nothing stands in the history
	err      error // by the handler
	outcome  any
	done     chan struct{} // nil: nobody waits
}

// Accept implements the environment's callbacks, as the two below.
func (a *answer) Accept() {}

// Reject is the validator's no.
func (a *answer) Reject(err error) { a.rejected = err; a.end() }

// Complete is the handler's word.
func (a *answer) Complete(out any, err error) { a.outcome, a.err = out, err; a.end() }

func (a *answer) end() {
	if a.done != nil {
		close(a.done)
	}
}

// refused is why a decision did not count; nil when it did.
func (a *answer) refused() error { return errors.Join(a.rejected, a.err) }

// Get implements client.WorkflowUpdateHandle.
func (a *answer) Get(_ context.Context, out any) error {
	if a.err != nil || out == nil {
		return a.err
	}
	payload, err := converter.GetDefaultDataConverter().ToPayload(a.outcome)
	if err != nil {
		return err
	}
	return converter.GetDefaultDataConverter().FromPayload(payload, out)
}

// WorkflowID implements client.WorkflowUpdateHandle.
func (a *answer) WorkflowID() string { return "" }

// RunID implements client.WorkflowUpdateHandle.
func (a *answer) RunID() string { return "" }

// UpdateID implements client.WorkflowUpdateHandle.
func (a *answer) UpdateID() string { return "" }
