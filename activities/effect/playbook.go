package effect

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// CheckPlaybook lets check mode log in to a host only where a run could be admitted at all: not to a protected one, and
// not while the kill switch is on. It asks for no grant: it comes before the question.
func (e *Envelope) CheckPlaybook(check func(context.Context, activities.PlaybookRequest) (activities.PlaybookReport, error)) func(context.Context, activities.PlaybookRequest) (activities.PlaybookReport, error) {
	return func(ctx context.Context, req activities.PlaybookRequest) (activities.PlaybookReport, error) {
		err := checkRequest(req)
		if err == nil {
			err = e.Protected.Check(req.Action)
		}
		if err == nil {
			err = e.checkSwitch(ctx)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			return activities.PlaybookReport{}, fmt.Errorf("check playbook: %w", ctx.Err())
		case err != nil:
			return activities.PlaybookReport{Host: req.Host, Check: true, Reason: "refused: " + err.Error()}, nil
		}
		return check(ctx, req)
	}
}

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
			return activities.PlaybookReport{Host: req.Host, Refused: true, Reason: held.Reason}, auditErr
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
	if err := checkRequest(req); err != nil {
		return err
	}
	if err := CheckGrant(e.GrantKey, req.Action, req.Incident, req.Grant); err != nil {
		return err
	}
	return e.mayBegin(ctx, activities.Order{Action: req.Action, Incident: req.Incident, Grant: req.Grant})
}

// checkRequest returns why a request is not about exactly the action that it carries.
func checkRequest(req activities.PlaybookRequest) error {
	switch {
	case activities.CheckBatch([]soar.Action{req.Action}) != nil:
		return errors.New("the action is incomplete")
	case req.ActionID != req.Action.ID || req.Playbook != req.Action.Playbook || req.Host != req.Action.Target:
		return errors.New("the request is not about its action")
	}
	return nil
}
