package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/workflows"
)

// bootstrap starts what always runs: limits, a workflow per stream, the dispatcher, and the schedules of reconcile and
// hunts. All of it is there already after the first start; starting it again changes nothing.
func (d *daemon) bootstrap(ctx context.Context) error {
	if _, err := frontend.New(d.temporal).StartLimits(ctx, activities.None{}); err != nil { // it goes on from what was kept
		return err
	}
	for _, stream := range d.config.Detect.Streams {
		slots := max(1, stream.Slots)
		if err := d.startOnce(ctx, workflows.StreamID(stream.Name), "reads stream "+stream.Name, workflows.Stream, stream.Name, slots); err != nil {
			return err
		}
	}
	if len(d.config.Detect.Streams) > 0 {
		if err := d.startOnce(ctx, workflows.DispatcherID, "tells incidents of detections", workflows.Dispatcher); err != nil {
			return err
		}
	}
	if err := d.scheduleReconcile(ctx); err != nil {
		return err
	}
	if !d.config.has(RoleRespond) {
		return nil
	}
	return d.scheduleHunts(ctx)
}

// startOnce starts a workflow that runs for ever, unless it does already.
func (d *daemon) startOnce(ctx context.Context, id, summary string, workflow any, args ...any) error {
	options := client.StartWorkflowOptions{
		ID: id, TaskQueue: activities.Queue, StaticSummary: summary,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
	if _, err := d.temporal.ExecuteWorkflow(ctx, options, workflow, args...); err != nil {
		return fmt.Errorf("start %s: %w", id, err)
	}
	return nil
}

// scheduleReconcile compares register, workflows and ledger now, and then at intervals.
func (d *daemon) scheduleReconcile(ctx context.Context) error {
	schedule := client.ScheduleOptions{
		ID:      "reconcile",
		Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: d.config.Times.Reconcile}}},
		Action:  &client.ScheduleWorkflowAction{ID: "reconcile", Workflow: workflows.Reconcile, TaskQueue: activities.Queue, Args: []any{d.config.Times.Sweep}},
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Minute,
	}
	if err := putSchedule(ctx, d.temporal, schedule); err != nil {
		return err
	}
	trigger := client.ScheduleTriggerOptions{Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP}
	if err := d.temporal.ScheduleClient().GetHandle(ctx, schedule.ID).Trigger(ctx, trigger); err != nil {
		return fmt.Errorf("reconcile now: %w", err)
	}
	return nil
}

// putSchedule makes the schedule, or brings the one that is there to its spec and action.
func putSchedule(ctx context.Context, c client.Client, want client.ScheduleOptions) error {
	_, err := c.ScheduleClient().Create(ctx, want)
	if err == nil {
		return nil
	}
	var exists *serviceerror.AlreadyExists
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) && !errors.As(err, &exists) {
		return fmt.Errorf("schedule %s: %w", want.ID, err)
	}
	handle := c.ScheduleClient().GetHandle(ctx, want.ID)
	err = handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		in.Description.Schedule.Spec, in.Description.Schedule.Action = &want.Spec, want.Action
		return &client.ScheduleUpdate{Schedule: &in.Description.Schedule}, nil
	}})
	if err != nil {
		return fmt.Errorf("schedule %s: %w", want.ID, err)
	}
	return nil
}
