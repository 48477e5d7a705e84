package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Reconciled is what one comparison found and mended.
type Reconciled struct {
	Live      int `json:"live"`      // entries of the register that are not over
	Restarted int `json:"restarted"` // of these, had no workflow and have one now
	Freed     int `json:"freed"`     // detections that an incident had claimed which neither runs nor has a record
	Signalled int `json:"signalled"` // incidents that were told again of unclaimed detections
	Strays    int `json:"strays"`    // marks of ours that the register did not know, and that are released now
	// Limits tells that the workflow of limits and kill switch had ended and was started again.
	Limits bool `json:"limits,omitempty"`
}

// Reconcile covers what Temporal alone can't promise, such as a lost database: each live entry of the register gets its
// containment back, which releases it when it has expired, and unclaimed detections are signalled again.
//
// One that fails keeps none of the others.
func Reconcile(ctx workflow.Context, older time.Duration) (r Reconciled, err error) {
	ctx = workflow.WithActivityOptions(ctx, quick)
	if failed := r.limits(ctx); failed != nil {
		err = fmt.Errorf("reconcile limits: %w", failed)
	}
	if failed := r.restart(ctx); failed != nil {
		err = errors.Join(err, fmt.Errorf("reconcile containments: %w", failed))
	}
	if failed := r.strays(ctx); failed != nil {
		err = errors.Join(err, fmt.Errorf("reconcile strays: %w", failed))
	}
	if failed := r.sweep(ctx, older); failed != nil {
		err = errors.Join(err, fmt.Errorf("sweep: %w", failed))
	}
	if failed := r.dropOld(ctx); failed != nil {
		err = errors.Join(err, fmt.Errorf("drop what is old: %w", failed))
	}
	return r, err
}

// dropOld forgets what is over; a month of the ledger leaves a line in the audit log.
func (r *Reconciled) dropOld(ctx workflow.Context) error {
	dropped, err := do(ctx, activities.DropOld, activities.None{})
	for _, month := range dropped.Months {
		note(ctx, activities.AuditEntry{Chain: "house", Cause: month, What: "dropped", Subject: month})
	}
	return err
}

// limits starts the limits where somebody ended them, and says so: they go on from what was kept.
func (r *Reconciled) limits(ctx workflow.Context) error {
	started, err := do(ctx, activities.StartLimits, activities.None{})
	if err != nil || !started.Started {
		return err
	}
	r.Limits = true
	info := workflow.GetInfo(ctx).WorkflowExecution
	_, err = do(ctx, activities.Audit, activities.AuditEntry{
		Chain: activities.HouseChain, Cause: info.ID + "/" + info.RunID + "/limits", At: workflow.Now(ctx).UTC(), Actor: activities.ActorReconcile, What: "restarted",
		Subject: "limits and kill switch",
	})
	tellPeople(ctx, activities.Message{
		Workflow: activities.LimitsID, Level: "ERROR", Key: info.RunID + "/limits",
		Text: "The workflow of limits and kill switch had ended, and runs again from what was kept. Nothing began meanwhile. Who ended it?",
	})
	return err
}

// withStrays is the change since which a comparison looks for strays, too.
const withStrays = "strays"

// strays releases what bears our mark and stands in no register, unless its workflow still holds it.
func (r *Reconciled) strays(ctx workflow.Context) error {
	if workflow.GetVersion(ctx, withStrays, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	found, err := do(ctx, activities.ListStrays, activities.None{})
	if err != nil || len(found.Containments) == 0 {
		return err
	}
	if r.Strays, err = r.give(ctx, found.Containments, "stray"); r.Strays > 0 {
		tellPeople(ctx, activities.Message{
			Level: "ERROR", Key: workflow.GetInfo(ctx).WorkflowExecution.RunID + "/strays",
			Text: fmt.Sprintf("Released: %s on systems with Sallyport's mark that the register did not know. Was its index lost or restored?", count(r.Strays, "entry")),
		})
	}
	return err
}

func (r *Reconciled) sweep(ctx workflow.Context, older time.Duration) (err error) {
	err = r.free(ctx, older)
	found, failed := do(ctx, activities.ListUnclaimed, activities.SweepRequest{Older: older})
	if failed != nil {
		return errors.Join(err, failed)
	}
	for _, news := range found.Unclaimed {
		if _, failed := do(ctx, activities.SignalIncident, news); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		r.Signalled++
	}
	return err
}

// free makes unclaimed again what an incident had claimed that died before anybody could see it.
func (r *Reconciled) free(ctx workflow.Context, older time.Duration) error {
	freed, err := do(ctx, activities.FreeClaims, activities.SweepRequest{Older: older})
	if r.Freed = freed.Detections; len(freed.Incidents) > 0 {
		workflow.GetLogger(ctx).Error("incidents ended before their record was written: their detections are signalled again", "incidents", freed.Incidents, "detections", freed.Detections)
	}
	return err
}

func (r *Reconciled) restart(ctx workflow.Context) error {
	live, err := do(ctx, activities.ListContainments, activities.None{})
	if err != nil || len(live.Containments) == 0 {
		return err
	}
	r.Live = len(live.Containments)
	r.Restarted, err = r.give(ctx, live.Containments, "restarted")
	return err
}

// give starts a workflow for each containment that has none, and returns how many it started.
func (r *Reconciled) give(ctx workflow.Context, containments []soar.Containment, what string) (started int, err error) {
	settings, err := do(ctx, activities.ReadSettings, activities.None{})
	if err != nil {
		return 0, err
	}
	var ids activities.ContainmentIDs
	for _, held := range containments {
		ids.ActionIDs = append(ids.ActionIDs, held.Action.ID)
	}
	running, err := do(ctx, activities.RunningContainments, ids)
	if err != nil {
		return 0, err
	}
	for _, held := range containments {
		if slices.Contains(running.ActionIDs, held.Action.ID) {
			continue
		}
		order := activities.Order{Action: held.Action, Incident: held.Incident, IncidentKey: held.IncidentKey, Grant: held.Grant, Expires: held.Expires}
		failed := startContain(ctx, Containing{Order: order, Settings: settings, Held: &held, Incident: held.IncidentKey})
		if temporal.IsWorkflowExecutionAlreadyStartedError(failed) { // it was about to start
			continue
		}
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", held.Action.ID, failed))
			continue
		}
		started++
		r.audit(ctx, held, what)
	}
	return started, err
}

// audit notes in the incident's chain that its containment has a new workflow.
func (r *Reconciled) audit(ctx workflow.Context, held soar.Containment, what string) {
	note(ctx, activities.AuditEntry{
		Chain: held.Incident, Cause: held.Action.ID, What: what, Subject: held.Action.String(),
		Detail: map[string]any{"action_id": held.Action.ID, "state": held.State, "expires": held.Expires},
	})
}

// note writes an entry of this comparison; Cause is what it is about.
func note(ctx workflow.Context, entry activities.AuditEntry) {
	info := workflow.GetInfo(ctx).WorkflowExecution
	entry.Cause = info.ID + "/" + info.RunID + "/" + entry.Cause
	entry.At, entry.Actor = workflow.Now(ctx).UTC(), activities.ActorReconcile
	if _, err := do(ctx, activities.Audit, entry); err != nil {
		workflow.GetLogger(ctx).Error("audit entry not written", "what", entry.What, "error", err)
	}
}
