package cli

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/backtest"
)

// planner asks the policy and the plans what they would have made of an incident of which nothing but its detections is
// known.
type planner struct {
	policy    *policy.Policy
	protected *effect.Protected
	caps      map[string]backtest.Cap
}

// typedOnly lets the policy ask what the config protects.
type typedOnly struct{ *effect.Protected }

// Check implements policy.Protected.
func (t typedOnly) Check(action soar.Action) error { return t.CheckTyped(action) }

func newPlanner(o *office, sources []fs.FS) (*planner, error) {
	protected, err := o.config.TypedProtected()
	if err != nil {
		return nil, err
	}
	p := &planner{protected: protected, caps: map[string]backtest.Cap{}}
	p.policy = &policy.Policy{Sources: sources, Systems: o.config.Systems.CanAct(), Protected: typedOnly{protected}, Now: time.Now}
	for _, kind := range []string{soar.BlockAddress, soar.Patch} {
		limit, window, err := p.policy.Cap(kind)
		if err != nil {
			return nil, err
		}
		p.caps[kind] = backtest.Cap{Actions: limit.Actions, Window: window}
	}
	return p, nil
}

// modeNone is an action that is not proposed at the score of the levels alone, and would be at a higher one.
const modeNone soar.Mode = "none"

// propose judges and plans twice: as if no source had been asked, and as if all had said the worst.
func (p *planner) propose(q backtest.Question) (answer backtest.Proposal, err error) {
	ctx := context.Background()
	verdict, err := p.policy.Judge(ctx, activities.JudgeRequest{Incident: q.Incident, Key: q.Key, Brief: q.Brief})
	if err != nil {
		return answer, fmt.Errorf("judge: %w", err)
	}
	ask := activities.PlanRequest{
		Incident: q.Incident, Key: q.Key, Entity: q.Entity, Brief: q.Brief, Verdict: verdict, Earlier: q.Earlier, Revision: q.Revision, Phase: activities.PhaseContain,
	}
	made, err := p.policy.MakePlan(ctx, ask)
	if err != nil {
		return answer, err
	}
	ask.Verdict.Score, ask.Verdict.Severity, ask.Verdict.Confidence = 100, 4, 1
	worst, err := p.policy.MakePlan(ctx, ask)
	if err != nil {
		return answer, err
	}
	answer = backtest.Proposal{Score: verdict.Score, Severity: verdict.Severity.String(), Plan: made.Name, Planned: made.Actions}
	for _, a := range made.Actions {
		upTo := a.Mode
		if at := indexOf(worst.Actions, a); at >= 0 {
			upTo = worst.Actions[at].Mode
		}
		answer.Actions = append(answer.Actions, p.shown(a, a.Mode, upTo))
	}
	for _, a := range worst.Actions {
		if indexOf(made.Actions, a) < 0 {
			answer.Actions = append(answer.Actions, p.shown(a, modeNone, a.Mode))
			answer.Planned = append(answer.Planned, a)
		}
	}
	return answer, nil
}

func indexOf(actions []soar.Action, a soar.Action) int {
	return slices.IndexFunc(actions, func(b soar.Action) bool { return a.Kind == b.Kind && a.Key() == b.Key() })
}

func (p *planner) shown(a soar.Action, mode, upTo soar.Mode) backtest.Action {
	made := backtest.Action{Kind: a.Kind, System: a.System, Target: a.Target, On: cmp.Or(a.OnName, a.On), For: a.For, Mode: mode, UpTo: upTo, Reason: a.Reason}
	if why := p.protected.CheckTyped(a); why != nil {
		made.Protected = why.Error()
	}
	return made
}
