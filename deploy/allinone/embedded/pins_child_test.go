package embedded_test

import (
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// holding stands for a containment: it waits for its release on a disconnected context, so a cancel is no release.
func holding(ctx workflow.Context) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	workflow.GetSignalChannel(ctx, "release").Receive(ctx, nil)
	return nil
}

// yielding is a child that ends when it is asked to.
func yielding(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) }

// plea says how the parent starts its child and what it does when it is called to end.
type plea struct {
	Child        string
	Policy       enums.ParentClosePolicy
	Disconnected bool // start the child on a context that the parent's cancel does not reach
	Renew        bool // continue as new when "end" comes
}

// parent starts its child, waits until it is there, and stays until it is told to end or cancelled. When cancelled it
// takes a moment to clean up, as an incident does.
func parent(ctx workflow.Context, p plea) error {
	if p.Child == "" {
		workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
		return nil
	}
	started := ctx
	if p.Disconnected {
		started, _ = workflow.NewDisconnectedContext(ctx)
	}
	started = workflow.WithChildOptions(started, workflow.ChildWorkflowOptions{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID + "/child", ParentClosePolicy: p.Policy,
	})
	if err := workflow.ExecuteChildWorkflow(started, p.Child).GetChildWorkflowExecution().Get(started, nil); err != nil {
		return err
	}
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(workflow.GetSignalChannel(ctx, "end"), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	selector.Select(ctx)
	if ctx.Err() != nil {
		rest, _ := workflow.NewDisconnectedContext(ctx)
		if err := workflow.Sleep(rest, 500*time.Millisecond); err != nil {
			return err
		}
		return ctx.Err()
	}
	if p.Renew {
		return workflow.NewContinueAsNewError(ctx, "Parent", plea{})
	}
	return nil
}

func registerParents(w worker.Worker) {
	w.RegisterWorkflowWithOptions(parent, named("Parent"))
	w.RegisterWorkflowWithOptions(holding, named("Holding"))
	w.RegisterWorkflowWithOptions(yielding, named("Yielding"))
}

const (
	abandon   = enums.PARENT_CLOSE_POLICY_ABANDON
	byDefault = enums.PARENT_CLOSE_POLICY_UNSPECIFIED
)

// TestPinChild is why a containment is an ABANDON child, started on a disconnected context, that runs on one itself.
func TestPinChild(t *testing.T) {
	t.Parallel()
	queue := work(t, registerParents)
	for name, c := range map[string]struct {
		plea  plea
		end   func(t *testing.T, id string)
		child enums.WorkflowExecutionStatus
	}{
		"it survives the parent's end":                  {plea{Child: "Yielding", Policy: abandon, Disconnected: true}, endParent, running},
		"it survives the parent's continue-as-new":      {plea{Child: "Yielding", Policy: abandon, Disconnected: true, Renew: true}, endParent, running},
		"it survives the parent's termination":          {plea{Child: "Yielding", Policy: abandon, Disconnected: true}, terminateParent, running},
		"it survives the parent's cancel":               {plea{Child: "Yielding", Policy: abandon, Disconnected: true}, cancelParent, running},
		"on the parent's context a cancel takes it":     {plea{Child: "Yielding", Policy: abandon}, cancelParent, canceled},
		"with the default policy the end takes it":      {plea{Child: "Yielding", Policy: byDefault, Disconnected: true}, endParent, terminated},
		"with the default policy continue-as-new, too":  {plea{Child: "Yielding", Policy: byDefault, Disconnected: true, Renew: true}, endParent, terminated},
		"on a context of its own a cancel asks in vain": {plea{Child: "Holding", Policy: abandon}, cancelParent, running},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := t.Name()
			start(t, id, queue, "Parent", c.plea)
			eventually(t, "the child is there", func() bool { return is(id+"/child", running) })
			c.end(t, id)
			if c.child != running {
				eventually(t, "the child has ended so", func() bool { return is(id+"/child", c.child) })
				return
			}
			staysRunning(t, id+"/child")
		})
	}
}

const (
	running    = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	canceled   = enums.WORKFLOW_EXECUTION_STATUS_CANCELED
	terminated = enums.WORKFLOW_EXECUTION_STATUS_TERMINATED
)

func endParent(t *testing.T, id string) {
	t.Helper()
	run := describe(t, id).GetExecution().GetRunId()
	signal(t, id, "end")
	eventually(t, "the parent's run has ended", func() bool { return !runIs(id, run, running) })
}

func terminateParent(t *testing.T, id string) {
	t.Helper()
	if err := cl.TerminateWorkflow(t.Context(), id, "", "pin"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the parent is terminated", func() bool { return is(id, terminated) })
}

func cancelParent(t *testing.T, id string) {
	t.Helper()
	if err := cl.CancelWorkflow(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the parent is cancelled", func() bool { return is(id, canceled) })
}

// staysRunning looks for two seconds: what a parent's close does to its child is done in milliseconds.
func staysRunning(t *testing.T, id string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 20 {
		<-tick.C
		if !is(id, running) {
			t.Fatalf("%s did not run on", id)
		}
	}
}
