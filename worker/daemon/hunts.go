package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/rules/hunt"
	"github.com/sallyport-soar/sallyport/workflows"
)

// huntPrefix begins the id of every hunt's schedule.
const huntPrefix = "hunt/"

// HuntScheduleID is the id of a hunt's schedule.
func HuntScheduleID(hunt string) string { return huntPrefix + hunt }

// Applied is what ApplyHunts did: the ids of the hunts that are scheduled now, and of those whose schedule went away.
type Applied struct{ Scheduled, Removed []string }

// ApplyHunts makes the schedules what the hunts say, and removes those of hunts that are gone. A schedule that somebody
// paused stays paused.
func ApplyHunts(ctx context.Context, c client.Client, hunts []hunt.Hunt) (applied Applied, err error) {
	for _, h := range hunts {
		if err := putSchedule(ctx, c, huntSchedule(h)); err != nil {
			return applied, err
		}
		applied.Scheduled = append(applied.Scheduled, h.ID)
	}
	applied.Removed, err = removeHunts(ctx, c, applied.Scheduled)
	return applied, err
}

func huntSchedule(h hunt.Hunt) client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:   HuntScheduleID(h.ID),
		Spec: client.ScheduleSpec{CronExpressions: []string{h.Schedule}},
		Action: &client.ScheduleWorkflowAction{
			ID: HuntScheduleID(h.ID), Workflow: workflows.Hunt, TaskQueue: activities.Queue, StaticSummary: h.Title,
			Args: []any{activities.HuntRequest{ID: h.ID}},
		},
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: time.Hour, PauseOnFailure: true,
	}
}

// removeHunts deletes the schedules of hunts that are not kept. One that is gone already is fine.
func removeHunts(ctx context.Context, c client.Client, keep []string) (removed []string, err error) {
	schedules, err := c.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 500})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	for schedules.HasNext() {
		entry, err := schedules.Next()
		if err != nil {
			return removed, fmt.Errorf("list schedules: %w", err)
		}
		id, ours := strings.CutPrefix(entry.ID, huntPrefix)
		if !ours || slices.Contains(keep, id) {
			continue
		}
		err = c.ScheduleClient().GetHandle(ctx, entry.ID).Delete(ctx)
		if _, gone := errors.AsType[*serviceerror.NotFound](err); err != nil && !gone {
			return removed, fmt.Errorf("remove schedule %s: %w", entry.ID, err)
		}
		removed = append(removed, id)
	}
	return removed, nil
}

// scheduleHunts brings the schedules to the content at start. A hunt that is refused is told and left out, and then no
// schedule is removed: it may be that one's.
func (d *daemon) scheduleHunts(ctx context.Context) error {
	hunts, faults := hunt.Load(d.config.Sources()...)
	if faults == nil {
		_, err := ApplyHunts(ctx, d.temporal, hunts)
		return err
	}
	d.log.ErrorContext(ctx, "hunts refused", "faults", faults.Error())
	for _, h := range hunts {
		if err := putSchedule(ctx, d.temporal, huntSchedule(h)); err != nil {
			return err
		}
	}
	return nil
}
