package embedded_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func schedule(t *testing.T, id, queue, arg string) client.ScheduleHandle {
	t.Helper()
	h, err := cl.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID:     id,
		Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: id, Workflow: "Hunt", TaskQueue: queue, Args: []any{arg}},
		// Skip is for a hunt that is still running when its next time comes.
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Hour, PauseOnFailure: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Delete(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return h
}

func hunt(ctx workflow.Context, what string) error {
	switch what {
	case "fails":
		return errors.New("it failed")
	case "waits":
		workflow.GetSignalChannel(ctx, "go").Receive(ctx, nil)
	}
	return nil
}

func registerHunts(w worker.Worker) { w.RegisterWorkflowWithOptions(hunt, named("Hunt")) }

func look(t *testing.T, h client.ScheduleHandle) *client.ScheduleDescription {
	t.Helper()
	d, err := h.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func trigger(t *testing.T, h client.ScheduleHandle) {
	t.Helper()
	if err := h.Trigger(t.Context(), client.ScheduleTriggerOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestPinScheduleSkipsWhatOverlaps(t *testing.T) {
	t.Parallel()
	const id = "hunt/long"
	h := schedule(t, id, work(t, registerHunts), "waits")
	trigger(t, h)
	eventually(t, "the first run is open", func() bool { return len(look(t, h).Info.RunningWorkflows) == 1 })
	open := look(t, h).Info.RunningWorkflows[0].WorkflowID
	if !strings.HasPrefix(open, id+"-20") {
		t.Errorf("the run's id is %s, want the schedule's with a time behind it", open)
	}
	trigger(t, h)
	eventually(t, "the second was skipped", func() bool { return look(t, h).Info.NumActionsSkippedOverlap == 1 })
	if n := look(t, h).Info.NumActions; n != 1 {
		t.Errorf("%d runs were started", n)
	}
	signal(t, open, "go")
}

func TestPinScheduleBackfillsEachTime(t *testing.T) {
	t.Parallel()
	h := schedule(t, "hunt/missed", work(t, registerHunts), "passes")
	now := time.Now()
	err := h.Backfill(t.Context(), client.ScheduleBackfillOptions{Backfill: []client.ScheduleBackfill{{
		Start: now.Add(-4 * time.Hour), End: now.Add(-time.Hour), Overlap: enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "three hours had three runs", func() bool { return look(t, h).Info.NumActions == 3 })
}

func TestPinSchedulePausesOnFailure(t *testing.T) {
	t.Parallel()
	h := schedule(t, "hunt/broken", work(t, registerHunts), "fails")
	trigger(t, h)
	eventually(t, "it is paused", func() bool { return look(t, h).Schedule.State.Paused })
}
