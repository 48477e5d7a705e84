package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// caseWithin is how long an incident waits for its case. A case system that is down for longer holds up no containment:
// the incident goes on, and the case is opened beside it as soon as it can be.
const caseWithin = 2 * time.Minute

// openCase opens the case, until it is open or was refused for good; it returns after caseWithin at the latest.
func (i *incident) openCase(ctx workflow.Context) {
	i.beginCase(ctx)
	options := workflow.AwaitOptions{Timeout: caseWithin, TimerOptions: workflow.TimerOptions{Summary: "wait for the case"}}
	if over, err := workflow.AwaitWithOptions(ctx, options, func() bool { return !i.opening }); err == nil && !over {
		i.say(ctx, "The case system does not answer: the incident goes on, and its case is opened later.")
		i.write(ctx)
	}
}

// beginCase opens the case beside what else goes on, however long that takes. A new run that asks again finds the case
// that an earlier attempt opened.
func (i *incident) beginCase(ctx workflow.Context) {
	i.busy, i.opening = i.busy+1, true
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { i.busy-- }()
		opened, err := do(workflow.WithActivityOptions(ctx, patient), activities.OpenCase, activities.CaseRequest{
			Incident: i.Record.ID, Key: i.key, Title: i.Record.Title, Brief: i.Record.Brief, Verdict: i.Record.Verdict,
			UIBase: i.Settings.UIBase, Previous: i.Record.Previous,
		})
		i.opening = false
		if err != nil {
			i.Caseless = true
			i.say(ctx, "No case could be opened: %s. The incident goes on without one.", clip(said(err), 300))
			i.audit(ctx, "opened", "", map[string]any{"score": i.Record.Verdict.Score, "without_case": clip(said(err), 300)})
			return
		}
		i.Record.Case = opened
		i.say(ctx, "Case %s is open in %s.", opened.ID, opened.System)
		i.audit(ctx, "opened", opened.ID, map[string]any{"case": opened.ID, "score": i.Record.Verdict.Score})
		i.write(ctx)
	})
}

// note adds to the case; the record has it all the same.
func (i *incident) note(ctx workflow.Context, key, text string) {
	if i.Record.Case.ID == "" {
		return
	}
	note := activities.CaseNote{Incident: i.Record.ID, Case: i.Record.Case, Key: key, Text: text, Observables: i.Record.Brief.Observables}
	if _, err := do(workflow.WithActivityOptions(ctx, quick), activities.NoteCase, note); err != nil {
		workflow.GetLogger(ctx).Warn("case not noted", "key", key, "error", err)
	}
}

// closeCase closes the case, if there is one, with the report.
func (i *incident) closeCase(ctx workflow.Context) {
	if i.Record.Case.ID == "" {
		return
	}
	_, err := do(workflow.WithActivityOptions(ctx, patient), activities.CloseCase, activities.CaseClose{
		Incident: i.Record.ID, Case: i.Record.Case, Status: i.resolution(), Summary: i.report(),
	})
	if err != nil {
		i.say(ctx, "The case could not be closed: %s.", clip(said(err), 300))
	}
}

// resolution is the case's last word, in TheHive's. Only what somebody vouches for is a true one: a person who approved
// an action, or a source that knows an observable as malicious. Nobody's word clears anything.
func (i *incident) resolution() string {
	for _, a := range i.Record.Actions {
		if a.Outcome == soar.Approved {
			return "TruePositive"
		}
	}
	for _, answer := range i.Record.Answers {
		for _, r := range answer.Readings {
			if r.Opinion == soar.Malicious {
				return "TruePositive"
			}
		}
	}
	return "Indeterminate"
}
