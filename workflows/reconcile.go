package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// Reconciled is what one comparison found and mended.
type Reconciled struct {
	Live      int `json:"live"`      // entries of the register that are not over
	Restarted int `json:"restarted"` // of these, had no workflow and have one now
	Signalled int `json:"signalled"` // incidents that were told again of unclaimed detections
}

// Reconcile covers what Temporal alone can't promise, such as a lost database: each live entry of the register gets its
// containment back, which releases it when it has expired, and unclaimed detections are signalled again.
func Reconcile(ctx workflow.Context, older time.Duration) (r Reconciled, err error) {
	ctx = workflow.WithActivityOptions(ctx, quick)
	if err := r.restart(ctx); err != nil {
		return r, fmt.Errorf("reconcile containments: %w", err)
	}
	sweep, err := do(ctx, activities.ListUnclaimed, activities.SweepRequest{Older: older})
	if err != nil {
		return r, fmt.Errorf("sweep: %w", err)
	}
	for _, news := range sweep.Unclaimed {
		if _, err := do(ctx, activities.SignalIncident, news); err != nil {
			return r, fmt.Errorf("sweep: %w", err)
		}
		r.Signalled++
	}
	return r, nil
}

func (r *Reconciled) restart(ctx workflow.Context) error {
	live, err := do(ctx, activities.ListContainments, activities.None{})
	if err != nil || len(live.Containments) == 0 {
		return err
	}
	settings, err := do(ctx, activities.ReadSettings, activities.None{})
	if err != nil {
		return err
	}
	r.Live = len(live.Containments)
	var ids activities.ContainmentIDs
	for _, held := range live.Containments {
		ids.ActionIDs = append(ids.ActionIDs, held.Action.ID)
	}
	running, err := do(ctx, activities.RunningContainments, ids)
	if err != nil {
		return err
	}
	for _, held := range live.Containments {
		if slices.Contains(running.ActionIDs, held.Action.ID) {
			continue
		}
		order := activities.Order{Action: held.Action, Incident: held.Incident, IncidentKey: held.IncidentKey, Grant: held.Grant, Expires: held.Expires}
		if err := startContain(ctx, Containing{Order: order, Settings: settings, Held: &held, Incident: held.IncidentKey}); err != nil {
			return err
		}
		r.Restarted++
	}
	return nil
}
