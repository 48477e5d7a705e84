package embedded_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// The files pins_*_test.go prove, against the real server, each behaviour of Temporal that the design leans on. When an
// upgrade breaks one, the design has to move, not the test.

// approvals adds up accepted updates; a negative one is refused by the validator. The signal "renew" continues it as new.
func approvals(ctx workflow.Context, sum int) (int, error) {
	add := func(_ workflow.Context, n int) (int, error) {
		sum += n
		return sum, nil
	}
	positive := func(n int) error {
		if n < 0 {
			return errors.New("negative")
		}
		return nil
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, "add", add, workflow.UpdateHandlerOptions{Validator: positive}); err != nil {
		return 0, err
	}
	renew := false
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(workflow.GetSignalChannel(ctx, "renew"), func(c workflow.ReceiveChannel, _ bool) { renew = c.Receive(ctx, nil) })
	selector.AddReceive(workflow.GetSignalChannel(ctx, "close"), func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	selector.Select(ctx)
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return 0, err
	}
	if renew {
		return 0, workflow.NewContinueAsNewError(ctx, "Approvals", sum)
	}
	return sum, nil
}

func registerApprovals(w worker.Worker) { w.RegisterWorkflowWithOptions(approvals, named("Approvals")) }

func add(ctx context.Context, id, updateID string, n int) (sum int, err error) {
	h, err := cl.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateName: "add", UpdateID: updateID, Args: []any{n}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return 0, err
	}
	return sum, h.Get(ctx, &sum)
}

func start(t *testing.T, id, queue, name string, args ...any) client.WorkflowRun {
	t.Helper()
	run, err := cl.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func signal(t *testing.T, id, name string) {
	t.Helper()
	if err := cl.SignalWorkflow(t.Context(), id, "", name, nil); err != nil {
		t.Fatal(err)
	}
}

func TestPinUpdate(t *testing.T) {
	t.Parallel()
	const id = "update"
	ctx := t.Context()
	run := start(t, id, work(t, registerApprovals), "Approvals", 0)
	if sum, err := add(ctx, id, "click", 1); err != nil || sum != 1 {
		t.Fatalf("an update answers %d, %v", sum, err)
	}
	before := len(events(t, id))
	if _, err := add(ctx, id, "forged", -1); err == nil {
		t.Error("the validator refused nothing")
	}
	if after := len(events(t, id)); after != before {
		t.Errorf("a refused update left %d events", after-before)
	}
	if sum, err := add(ctx, id, "click", 1); err != nil || sum != 1 {
		t.Errorf("the same update id again answers %d, %v; want the first answer", sum, err)
	}
	signal(t, id, "close")
	var sum int
	if err := run.Get(ctx, &sum); err != nil || sum != 1 {
		t.Errorf("the workflow ended with %d, %v", sum, err)
	}
}

// State must keep who has decided: the server's memory of update ids ends with the run.
func TestPinUpdateIDIsForgottenByContinueAsNew(t *testing.T) {
	t.Parallel()
	const id = "update-renewed"
	ctx := t.Context()
	first := start(t, id, work(t, registerApprovals), "Approvals", 0)
	if _, err := add(ctx, id, "click", 1); err != nil {
		t.Fatal(err)
	}
	signal(t, id, "renew")
	eventually(t, "a new run is there", func() bool { return describe(t, id).GetExecution().GetRunId() != first.GetRunID() })
	if sum, err := add(ctx, id, "click", 1); err != nil || sum != 2 {
		t.Errorf("the same update id in the next run answers %d, %v; it ran once more until now: 2", sum, err)
	}
	signal(t, id, "close")
}

// A click that timed out is unknown, not refused: nothing is written, and it is applied when a worker comes.
func TestPinUpdateWithoutWorker(t *testing.T) {
	t.Parallel()
	const id = "update-unheard"
	queue := t.Name()
	run := start(t, id, queue, "Approvals", 0)
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := add(short, id, "click", 1); err == nil {
		t.Fatal("an update was answered without a worker")
	}
	for _, e := range events(t, id) {
		if e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED {
			t.Error("an update was accepted without a worker")
		}
	}
	work(t, registerApprovals)
	if sum, err := add(t.Context(), id, "click", 1); err != nil || sum != 1 {
		t.Errorf("pressed again, the update answers %d, %v; want it applied once", sum, err)
	}
	signal(t, id, "close")
	if err := run.Get(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
