package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// plan asks what to do; what was planned before is not planned again.
func (i *incident) plan(ctx workflow.Context, phase string) (soar.Plan, error) {
	plan, err := do(workflow.WithActivityOptions(ctx, patient), activities.MakePlan, activities.PlanRequest{
		Incident: i.Record.ID, Key: i.key, Entity: i.Record.Entity, Brief: i.Record.Brief, Verdict: i.Record.Verdict, Answers: i.Record.Answers,
		Exposure: i.Record.Exposure, Earlier: i.Planned, Revision: len(i.Plans), Phase: phase,
	})
	if err != nil {
		return plan, fmt.Errorf("plan: %w", err)
	}
	i.Plans, i.Planned = append(i.Plans, plan), append(i.Planned, plan.Actions...)
	for _, a := range plan.Actions {
		i.action(a)
		i.audit(ctx, "planned", a.ID, map[string]any{
			"action": a.String(), "mode": a.Mode, "reason": a.Reason, "for": a.For.String(), "people": a.RequiresPeople,
			"plan": plan.Name, "version": plan.Version, "policy": plan.PolicyVersion, "digest": i.solo(a).Digest(),
		})
	}
	return plan, nil
}

// contain plans and begins each containment in its mode, side by side. One that fails never lifts another.
func (i *incident) contain(ctx workflow.Context) error {
	plan, err := i.plan(ctx, activities.PhaseContain)
	if err != nil {
		return err
	}
	if len(plan.Actions) == 0 {
		i.say(ctx, "The plan contains nothing.")
	}
	for _, a := range plan.Actions {
		i.carry(ctx, a)
	}
	return nil
}

// carry lets an action take its way in a coroutine of its own.
func (i *incident) carry(ctx workflow.Context, a soar.Action) {
	i.busy++
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { i.busy-- }()
		switch a.Mode {
		case soar.Auto:
			i.begin(ctx, a, nil, a.For)
		case soar.Hold:
			i.begin(ctx, a, nil, i.Settings.HoldFor)
			i.askAndRenew(ctx, a)
		case soar.Ask:
			i.askAndBegin(ctx, a)
		default: // suggest
			i.action(a).State = "suggested"
			i.say(ctx, "Suggested: %s.", a)
		}
	})
}

func (i *incident) askAndBegin(ctx workflow.Context, a soar.Action) {
	if r := i.askFor(ctx, a); r.Outcome == soar.Approved {
		i.begin(ctx, a, r.Decisions, a.For)
	}
}

// askAndRenew asks about what is held already; silence lets it lapse.
func (i *incident) askAndRenew(ctx workflow.Context, a soar.Action) {
	r := i.askFor(ctx, a)
	if r.Outcome != soar.Approved {
		return
	}
	order, err := i.order(ctx, a, r.Decisions, a.For)
	if err == nil {
		err = workflow.SignalExternalWorkflow(ctx, activities.ContainID(a.ID), "", activities.RenewSignal, order).Get(ctx, nil)
	}
	if err != nil {
		i.say(ctx, "%s was approved, and could not be renewed: it lapses. %s", a, clip(said(err), 200))
	}
}

// askFor puts an action to people.
func (i *incident) askFor(ctx workflow.Context, a soar.Action) Request {
	if i.asking.find(a.ID) == nil {
		i.say(ctx, "People are asked: %s?", a)
		i.audit(ctx, "asked", a.ID, map[string]any{"digest": i.solo(a).Digest()})
	}
	i.writeSoon(ctx, a)
	r, err := i.asking.ask(ctx, i.solo(a), i.Settings.ApprovalWindow)
	record := i.action(a)
	record.Outcome, record.DecidedBy = r.Outcome, r.deciders()
	if err != nil || r.Outcome == soar.Approved {
		return r
	}
	if record.State == string(soar.Planned) {
		record.State = string(r.Outcome)
	}
	i.say(ctx, "%s: %s.", a, r.Outcome)
	i.audit(ctx, "decided", a.ID, map[string]any{"outcome": r.Outcome})
	return r
}

// writeSoon makes what waits for people known to those who look at the records.
func (i *incident) writeSoon(ctx workflow.Context, a soar.Action) {
	i.asking.open(ctx, i.solo(a), i.Settings.ApprovalWindow)
	i.write(ctx)
}

// judgedOn is what the verdict rests on, where no person stands for the action.
func (i *incident) judgedOn(decisions []soar.Decision) []soar.Answer {
	if len(decisions) > 0 {
		return nil
	}
	return i.Record.Answers
}

// order is the permission to carry an action out: granted by decisions, or for auto and hold by the policy again.
func (i *incident) order(ctx workflow.Context, a soar.Action, decisions []soar.Decision, d time.Duration) (activities.Order, error) {
	grant, err := do(workflow.WithActivityOptions(ctx, attended), activities.GrantAction, activities.GrantRequest{
		Plan: i.solo(a), ActionID: a.ID, Decisions: decisions, Verdict: i.Record.Verdict, Detections: i.Detections, Answers: i.judgedOn(decisions),
	})
	if err != nil {
		return activities.Order{}, err
	}
	return activities.Order{Action: a, Incident: i.Record.ID, IncidentKey: i.key, Grant: grant, Expires: workflow.Now(ctx).Add(d)}, nil
}

// begin starts the containment, which from then on lives by itself.
func (i *incident) begin(ctx workflow.Context, a soar.Action, decisions []soar.Decision, d time.Duration) {
	order, err := i.order(ctx, a, decisions, d)
	if err == nil {
		err = startContain(ctx, Containing{Order: order, Settings: i.Settings, Incident: i.key})
	}
	if err != nil {
		record := i.action(a)
		record.State, record.Reason = string(soar.Refused), clip(said(err), 300)
		i.say(ctx, "Not done: %s: %s.", a, record.Reason)
		i.audit(ctx, "refused", a.ID, map[string]any{"reason": record.Reason})
		return
	}
	i.audit(ctx, "granted", a.ID, map[string]any{"by": decidersOf(decisions), "expires": order.Expires})
}

func decidersOf(decisions []soar.Decision) string {
	r := Request{Decisions: decisions}
	if names := r.deciders(); len(names) > 0 {
		return fmt.Sprint(names)
	}
	return "policy"
}

// hear listens to containments and remediations for as long as the incident runs. It is busy until what it heard is
// written: neither an end nor a new run may come in between.
func (i *incident) hear(ctx workflow.Context) {
	workflow.Go(ctx, func(ctx workflow.Context) {
		take := func(in func(workflow.Context, workflow.ReceiveChannel)) func(workflow.ReceiveChannel, bool) {
			return func(c workflow.ReceiveChannel, _ bool) {
				i.busy++
				defer func() { i.busy-- }()
				in(ctx, c)
			}
		}
		for {
			workflow.NewSelector(ctx).AddReceive(i.stood, take(i.stands)).AddReceive(i.mended, take(i.remediated)).Select(ctx)
		}
	})
}

func (i *incident) stands(ctx workflow.Context, c workflow.ReceiveChannel) {
	var held soar.Containment
	c.Receive(ctx, &held)
	record := i.action(held.Action)
	if record.State == string(soar.Released) {
		return
	}
	record.State, record.Reason, i.LastNews = string(held.State), held.Reason, workflow.Now(ctx)
	record.AppliedAt, record.ConfirmedAt, record.ReleasedAt, record.Expires = held.AppliedAt, held.ConfirmedAt, held.ReleasedAt, &held.Expires
	switch held.State {
	case soar.Contained:
		i.say(ctx, "Contained, and read back: %s until %s.", held.Action, held.Expires.UTC().Format("15:04:05"))
	case soar.Released:
		if held.Reason != "" {
			i.say(ctx, "Released (%s): %s: %s.", held.ReleasedBy, held.Action, held.Reason)
			break
		}
		if held.AppliedAt == nil {
			i.say(ctx, "Over before it could be carried out (%s), and read back as not there: %s.", held.ReleasedBy, held.Action)
			break
		}
		i.say(ctx, "Released (%s), and read back as gone: %s.", held.ReleasedBy, held.Action)
	default:
		i.say(ctx, "%s is %s: %s.", held.Action, held.State, held.Reason)
	}
	i.note(ctx, fmt.Sprintf("%s/%s", held.Action.ID, held.State), fmt.Sprintf("%s: %s %s", held.Action, held.State, held.Reason))
	i.write(ctx)
}
