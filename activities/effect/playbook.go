package effect

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// RunPlaybook puts the envelope's first half around the step RunPlaybook: a run needs a grant for exactly this action,
// an unprotected host, room within the limits and a kill switch that is off. A refusal is a report that did not
// complete, with the reason. A playbook has no expiry and no release: it stands in no register.
func (e *Envelope) RunPlaybook(run func(context.Context, activities.PlaybookRequest) (activities.PlaybookReport, error)) func(context.Context, activities.PlaybookRequest) (activities.PlaybookReport, error) {
	return func(ctx context.Context, req activities.PlaybookRequest) (activities.PlaybookReport, error) {
		held := soar.Containment{Action: req.Action, Incident: req.Incident, Grant: req.Grant}
		if err := e.mayRun(ctx, req); err != nil {
			if ctx.Err() != nil {
				return activities.PlaybookReport{}, fmt.Errorf("run playbook: %w", ctx.Err())
			}
			held, auditErr := e.refuse(ctx, held, err)
			return activities.PlaybookReport{Host: req.Host, Reason: "refused: " + held.Reason}, auditErr
		}
		if err := e.audit(ctx, held, "playbook begun"); err != nil {
			return activities.PlaybookReport{}, err
		}
		report, err := run(ctx, req)
		if err != nil {
			return report, err
		}
		held.Reason = report.Reason
		if err := e.audit(ctx, held, outcomeOf(report)); err != nil { // it has run: its report must not be lost with the line
			report.Tasks = append(report.Tasks, "the audit log does not have the end of this run")
		}
		return report, nil
	}
}

func outcomeOf(report activities.PlaybookReport) string {
	switch {
	case report.Completed:
		return "playbook completed"
	case report.Interrupted:
		return "playbook interrupted"
	}
	return "playbook failed"
}

func (e *Envelope) mayRun(ctx context.Context, req activities.PlaybookRequest) error {
	action := req.Action
	switch {
	case activities.CheckBatch([]soar.Action{action}) != nil:
		return errors.New("the action is incomplete")
	case req.ActionID != action.ID || req.Playbook != action.Playbook || req.Host != action.Target:
		return errors.New("the request is not what was granted")
	}
	if err := CheckGrant(e.GrantKey, action, req.Incident, req.Grant); err != nil {
		return err
	}
	return e.mayBegin(ctx, activities.Order{Action: action, Incident: req.Incident, Grant: req.Grant})
}
