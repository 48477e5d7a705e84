package embedded_test

import (
	"errors"
	"log/slog"
	"testing"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func registerTally(w worker.Worker) { w.RegisterWorkflowWithOptions(tally, named("Tally")) }

func deliver(t *testing.T, id, queue string) client.WorkflowRun {
	t.Helper()
	run, err := cl.SignalWithStartWorkflow(t.Context(), id, "add", 1, client.StartWorkflowOptions{
		TaskQueue:                queue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, "Tally")
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// TestPinSignalWithStart is how detections open or join an incident.
func TestPinSignalWithStart(t *testing.T) {
	t.Parallel()
	const id = "incident/host/web-1"
	ctx, queue := t.Context(), work(t, registerTally)
	first := deliver(t, id, queue)
	if joined := deliver(t, id, queue); joined.GetRunID() != first.GetRunID() {
		t.Error("a second delivery did not join the run that was open")
	}
	signal(t, id, "close")
	var sum int
	if err := first.Get(ctx, &sum); err != nil || sum != 2 {
		t.Errorf("the first episode ended with %d, %v; want both detections", sum, err)
	}
	err := cl.SignalWorkflow(ctx, id, "", "add", 1)
	if _, closed := errors.AsType[*serviceerror.NotFound](err); !closed {
		t.Errorf("a plain signal to an ended workflow says %v, want NotFound", err)
	}
	next := deliver(t, id, queue)
	if next.GetRunID() == first.GetRunID() {
		t.Error("a delivery after the end opened no new run")
	}
	signal(t, id, "close")
	if err := next.Get(ctx, &sum); err != nil || sum != 1 {
		t.Errorf("the next episode ended with %d, %v; want its own detection alone", sum, err)
	}
}

// TestPinStarted: the frontend answers whether a signal-with-start started a workflow; the dispatcher's tokens rest on it.
func TestPinStarted(t *testing.T) {
	t.Parallel()
	c, err := daemon.Temporal{Address: shared.Address(), Namespace: "default"}.DialOnce(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	news := activities.News{Entity: soar.Entity{Family: "host", Name: "pin-started"}, Detections: []soar.DetectionRef{{Index: "sallyport-detections-2026.11", ID: "a"}}}
	id := news.Entity.IncidentKey()
	for step, want := range []bool{true, false, true} {
		if answer, err := frontend.New(c).SignalIncident(t.Context(), news); err != nil || answer.Started != want {
			t.Errorf("delivery %d: started %v, %v; want %v", step, answer.Started, err, want)
		}
		if step == 1 {
			if err := cl.TerminateWorkflow(t.Context(), id, "", "the episode is over"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if answer, err := frontend.New(cl).SignalIncident(t.Context(), news); err != nil || !answer.Started {
		t.Errorf("without the option: started %v, %v; want true, since nobody can tell", answer.Started, err)
	}
}

// A signal is durable without a worker; an update is not. Hence release is a signal.
func TestPinSignalWithoutWorker(t *testing.T) {
	t.Parallel()
	const id = "signal-unheard"
	queue := t.Name()
	run := start(t, id, queue, "Tally")
	if err := cl.SignalWorkflow(t.Context(), id, "", "add", 7); err != nil {
		t.Fatal(err)
	}
	var written bool
	for _, e := range events(t, id) {
		written = written || e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
	}
	if !written {
		t.Error("the signal is not in the history")
	}
	signal(t, id, "close")
	work(t, registerTally)
	var sum int
	if err := run.Get(t.Context(), &sum); err != nil || sum != 7 {
		t.Errorf("the workflow ended with %d, %v", sum, err)
	}
}

func TestPinWorkflowIDPolicies(t *testing.T) {
	t.Parallel()
	const id = "policies"
	ctx, queue := t.Context(), work(t, registerTally)
	o := client.StartWorkflowOptions{ID: id, TaskQueue: queue, WorkflowExecutionErrorWhenAlreadyStarted: true}
	first, err := cl.ExecuteWorkflow(ctx, o, "Tally")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cl.ExecuteWorkflow(ctx, o, "Tally"); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		t.Errorf("a second start says %v", err)
	}
	o.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	if same, err := cl.ExecuteWorkflow(ctx, o, "Tally"); err != nil || same.GetRunID() != first.GetRunID() {
		t.Errorf("use-existing did not join the open run: %v", err)
	}
	signal(t, id, "close")
	if err := first.Get(ctx, nil); err != nil {
		t.Fatal(err)
	}
	o.WorkflowIDConflictPolicy = enums.WORKFLOW_ID_CONFLICT_POLICY_UNSPECIFIED
	o.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	if _, err := cl.ExecuteWorkflow(ctx, o, "Tally"); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		t.Errorf("reject-duplicate after the end says %v", err)
	}
	o.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	again, err := cl.ExecuteWorkflow(ctx, o, "Tally")
	if err != nil || again.GetRunID() == first.GetRunID() {
		t.Errorf("allow-duplicate after the end: %v", err)
	}
	signal(t, id, "close")
}

// ids tells its first run's id, once by way of continue-as-new.
func ids(ctx workflow.Context, renewed bool) ([]string, error) {
	if !renewed {
		return nil, workflow.NewContinueAsNewError(ctx, "IDs", true)
	}
	info := workflow.GetInfo(ctx)
	return []string{info.FirstRunID, info.WorkflowExecution.RunID}, nil
}

// An incident's id is made from its first run's id: the same over continue-as-new, another for every start.
func TestPinFirstRunID(t *testing.T) {
	t.Parallel()
	queue := work(t, func(w worker.Worker) { w.RegisterWorkflowWithOptions(ids, named("IDs")) })
	seen := map[string]bool{}
	for range 2 {
		run := start(t, "first-run", queue, "IDs", false)
		began := run.GetRunID()
		var got []string
		if err := run.Get(t.Context(), &got); err != nil {
			t.Fatal(err)
		}
		if got[0] != began || got[1] == began {
			t.Errorf("first run and run are %v, the workflow began as %s", got, began)
		}
		seen[got[0]] = true
	}
	if len(seen) != 2 {
		t.Error("two starts had one first run id")
	}
}
