package embedded_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func activityNamed(name string) activity.RegisterOptions {
	return activity.RegisterOptions{Name: name}
}

func nothing(context.Context) error { return nil }

// once runs one activity with these options.
func once(name string, o workflow.ActivityOptions) func(workflow.Context) error {
	return func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, o), name).Get(ctx, nil)
	}
}

// A long scan or playbook can be stopped because it heartbeats, and the workflow waits until it has stopped.
func TestPinCancelReachesAHeartbeat(t *testing.T) {
	t.Parallel()
	const id = "scan"
	began, ended := make(chan struct{}), make(chan time.Time, 1)
	scan := func(ctx context.Context) error {
		close(began)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				ended <- time.Now()
				return ctx.Err()
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}
	queue := work(t, func(w worker.Worker) {
		w.RegisterActivityWithOptions(scan, activityNamed("Scan"))
		o := workflow.ActivityOptions{StartToCloseTimeout: time.Hour, HeartbeatTimeout: time.Minute, WaitForCancellation: true}
		w.RegisterWorkflowWithOptions(once("Scan", o), named("Scanning"))
	})
	run := start(t, id, queue, "Scanning")
	<-began
	asked := time.Now()
	if err := cl.CancelWorkflow(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); !temporal.IsCanceledError(err) {
		t.Errorf("the workflow ended with %v", err)
	}
	select {
	case at := <-ended:
		t.Logf("the cancel reached the activity after %v", at.Sub(asked).Round(time.Millisecond))
	default:
		t.Error("the workflow ended before the activity")
	}
}

// A reader may fail all night: its attempts add nothing to the history, and a lost worker is noticed by its heartbeat.
func TestPinRetriesLeaveNoEvents(t *testing.T) {
	t.Parallel()
	const id = "reader"
	read := func(ctx context.Context) error {
		switch activity.GetInfo(ctx).Attempt {
		case 1: // silent until the server gives it up
			<-ctx.Done()
			return ctx.Err()
		case 2, 3, 4:
			return errors.New("the cluster is away")
		}
		return nil
	}
	queue := work(t, func(w worker.Worker) {
		w.RegisterActivityWithOptions(read, activityNamed("Read"))
		w.RegisterWorkflowWithOptions(once("Read", workflow.ActivityOptions{
			StartToCloseTimeout: time.Hour, HeartbeatTimeout: 3 * time.Second,
			RetryPolicy: &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond, BackoffCoefficient: 1},
		}), named("Reading"))
	})
	if err := start(t, id, queue, "Reading").Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	started := 0
	for _, e := range events(t, id) {
		if a := e.GetActivityTaskStartedEventAttributes(); a != nil {
			started++
			if a.GetAttempt() != 5 {
				t.Errorf("the attempt is %d, want 5", a.GetAttempt())
			}
		}
	}
	if started != 1 {
		t.Errorf("%d starts stand in the history, want 1", started)
	}
}

// A lease term: a worker that is asked to stop tells its activity, which hands over and is tried again elsewhere.
func TestPinStopHandsOver(t *testing.T) {
	t.Parallel()
	const id = "handover"
	held := make(chan int32, 10)
	hold := func(ctx context.Context) error {
		attempt := activity.GetInfo(ctx).Attempt
		held <- attempt
		if attempt > 1 {
			return nil
		}
		<-activity.GetWorkerStopChannel(ctx)
		return errors.New("handing over")
	}
	begin := func() worker.Worker {
		w := worker.New(cl, t.Name(), worker.Options{WorkerStopTimeout: 5 * time.Second})
		w.RegisterActivityWithOptions(hold, activityNamed("Hold"))
		w.RegisterWorkflowWithOptions(once("Hold", workflow.ActivityOptions{
			StartToCloseTimeout: time.Hour, RetryPolicy: &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond},
		}), named("Holding"))
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		return w
	}
	first := begin()
	run := start(t, id, t.Name(), "Holding")
	<-held
	first.Stop()
	second := begin()
	defer second.Stop()
	if err := run.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if attempt := <-held; attempt != 2 {
		t.Errorf("the other worker had attempt %d", attempt)
	}
}

// veil stands for encryption: no text passes it in the clear.
type veil struct{}

func (veil) Encode(in []*commonpb.Payload) ([]*commonpb.Payload, error) { return veiled(in), nil }
func (veil) Decode(in []*commonpb.Payload) ([]*commonpb.Payload, error) { return veiled(in), nil }

func veiled(in []*commonpb.Payload) (out []*commonpb.Payload) {
	for _, p := range in {
		data := make([]byte, len(p.GetData()))
		for i, b := range p.GetData() {
			data[i] = b ^ 0xff
		}
		out = append(out, &commonpb.Payload{Metadata: p.GetMetadata(), Data: data})
	}
	return out
}

// With a codec, and the failure converter told so, neither inputs nor failures stand in the history in the clear.
func TestPinCodecHidesInputsAndFailures(t *testing.T) {
	t.Parallel()
	const id, secret = "veiled", "alice@example.org"
	dc := converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), veil{})
	c, err := client.NewClientFromExisting(cl, client.Options{
		Logger: silent(), DataConverter: dc,
		FailureConverter: temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: dc, EncodeCommonAttributes: true}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, t.Name(), worker.Options{})
	w.RegisterWorkflowWithOptions(func(_ workflow.Context, who string) error { return errors.New("no such account: " + who) }, named("Leak"))
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: t.Name(), StaticDetails: secret}, "Leak", secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err == nil || !strings.Contains(err.Error(), secret) {
		t.Errorf("the starter sees %v, want the failure in the clear", err)
	}
	failed := false
	for _, e := range events(t, id) {
		failed = failed || e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED
		if text := e.String(); strings.Contains(text, secret) || strings.Contains(text, "no such account") {
			t.Errorf("in the clear: %s", text)
		}
	}
	if !failed {
		t.Error("the history has no failure to look at")
	}
}
