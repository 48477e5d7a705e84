package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// close ends the episode with a report. What is still contained lives on, and the report says so.
func (i *incident) close(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && i.asking.showing == 0 }); err != nil {
		return err
	}
	now := workflow.Now(ctx).UTC()
	i.Record.Status, i.Record.Closed = Closed, &now
	i.say(ctx, "Closed %s.", i.Ending)
	i.closeCase(ctx)
	i.audit(ctx, "closed", i.Record.Case.ID, map[string]any{"actions": len(i.Record.Actions), "ending": i.Ending})
	i.write(ctx)
	return i.index(ctx)
}

// report is the incident in a page of plain text.
func (i *incident) report() string {
	r := i.Record
	var text strings.Builder
	fmt.Fprintf(&text, "%s\nSeverity %s, score %d, confidence %.0f %%, %s.\n", r.Title, r.Verdict.Severity, r.Verdict.Score, 100*r.Verdict.Confidence, count(r.Brief.Detections, "detection"))
	for _, a := range r.Actions {
		fmt.Fprintf(&text, "- %s %s on %s: %s %s\n", a.Kind, a.Target, a.System, a.State, a.Reason)
	}
	for _, m := range r.Remediation {
		fmt.Fprintf(&text, "- remediation %s: %s %s\n", m.Playbook, m.Status, m.Reason)
	}
	for _, entry := range r.Timeline {
		fmt.Fprintf(&text, "%s %s\n", entry.At.Format("2006-01-02 15:04:05Z"), entry.Text)
	}
	return clip(text.String(), 16000)
}

// settleStatus says how far the incident has come.
func (i *incident) settleStatus(ctx workflow.Context) {
	status := Watching
	for _, a := range i.Record.Actions {
		if a.State == string(soar.Contained) || a.State == string(soar.Unconfirmed) {
			status = InControl
		}
	}
	if !i.idle() && status == Watching {
		status = Open
	}
	if status == i.Record.Status {
		return
	}
	i.Record.Status = status
	i.write(ctx)
	if err := i.index(ctx); err != nil {
		workflow.GetLogger(ctx).Warn("search attributes not set", "error", err)
	}
}

// write writes the record. It is tried for long: people look there.
func (i *incident) write(ctx workflow.Context) {
	i.Record.Revision++
	i.Record.Updated = workflow.Now(ctx).UTC()
	i.details(ctx)
	if _, err := do(workflow.WithActivityOptions(ctx, patient), activities.WriteRecord, i.now()); err != nil {
		workflow.GetLogger(ctx).Error("record not written", "error", err)
	}
}

// audit appends to the incident's chain what the incident itself did.
func (i *incident) audit(ctx workflow.Context, what, subject string, detail map[string]any) {
	i.auditOf(ctx, activities.ActorIncident, what, subject, detail)
}

// auditOf appends what actor did. Its cause is the same on a replay and on a retry, so it stands there once.
func (i *incident) auditOf(ctx workflow.Context, actor, what, subject string, detail map[string]any) {
	i.Audits++
	entry := activities.AuditEntry{
		Chain: i.Record.ID, Cause: fmt.Sprintf("%s/%s/%d", i.key, i.Record.ID, i.Audits), At: workflow.Now(ctx).UTC(), Actor: actor,
		What: what, Subject: subject, Detail: detail,
	}
	if _, err := do(workflow.WithActivityOptions(ctx, patient), activities.Audit, entry); err != nil {
		workflow.GetLogger(ctx).Error("audit entry not written", "what", what, "error", err)
	}
}

// card is how a request looks to people.
func (i *incident) card(r *Request) activities.Card {
	return activities.Card{
		Request: r.Action.ID, Workflow: i.key, Incident: i.Record.ID, Case: i.Record.Case, Digest: r.Digest, Actions: []soar.Action{r.Action},
		Verdict: i.Record.Verdict, Evidence: i.Record.Brief.Evidence, Expires: r.Expires, Outcome: r.Outcome, DecidedBy: r.deciders(),
		Revision: r.Revision, Posted: r.Card, Needs: r.needs(), UIBase: i.Settings.UIBase,
	}
}

// decided tells what a decision made of a request.
func (i *incident) decided(ctx workflow.Context, r *Request, d soar.Decision) {
	word := "denied"
	if d.Approve {
		word = "approved"
	}
	id := r.Action.ID
	i.say(ctx, "%s %s (%s): %s.", d.By, word, d.Method, r.Action)
	i.auditOf(ctx, d.By, "decided", id, map[string]any{"by": d.By, "method": d.Method, "approve": d.Approve, "digest": d.Digest, "reason": d.Reason, "override": d.Override})
}

// resume goes on with what an earlier run left open.
func (i *incident) resume(ctx workflow.Context) {
	i.details(ctx)
	if i.Record.Case.ID == "" && !i.Caseless {
		i.beginCase(ctx)
	}
	for n := range i.Requests {
		if i.Requests[n].Outcome == "" {
			i.carryAgain(ctx, i.Requests[n].Action)
		}
	}
}

func (i *incident) carryAgain(ctx workflow.Context, a soar.Action) {
	i.busy++
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { i.busy-- }()
		if a.Mode == soar.Hold {
			i.askAndRenew(ctx, a)
			return
		}
		i.askAndBegin(ctx, a)
	})
}
