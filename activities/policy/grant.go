package policy

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/plan"
)

// GrantAction carries out the step of that name. It trusts no workflow: decisions are verified again, and what happens
// by itself is asked of the policy again, on what the ledger says. A refusal is a permanent error; what can't be read
// or reached is a retryable one, and meanwhile nothing is granted.
func (p *Policy) GrantAction(ctx context.Context, req activities.GrantRequest) (soar.Grant, error) {
	if len(p.GrantKey) != ed25519.PrivateKeySize {
		return soar.Grant{}, activities.Permanent(errors.New("this role has no grant key"))
	}
	action, ok := req.Plan.Find(req.ActionID)
	if !ok || req.Plan.Incident == "" {
		return soar.Grant{}, refuse(errors.New("the plan has no such action"))
	}
	file, plans, err := p.read()
	if err != nil {
		return soar.Grant{}, err
	}
	now := p.Now().UTC()
	grant := soar.Grant{
		ActionDigest: action.Digest(), Incident: req.Plan.Incident, Mode: action.Mode, Decisions: req.Decisions,
		At: now, NotAfter: now.Add(beginWithin), Until: now.Add(beginWithin + action.For),
	}
	switch {
	case action.Mode == soar.Ask, action.Mode == soar.Hold && len(req.Decisions) > 0:
		grant.Override, err = p.approved(file, action, req)
	case action.Mode == soar.Auto, action.Mode == soar.Hold:
		if action.Mode == soar.Hold { // nobody has approved yet: it ends unless somebody does
			grant.Until = now.Add(beginWithin + min(action.For, p.Settings.HoldFor))
		}
		err = p.wantedStill(ctx, file, plans, action, req)
	default:
		err = refuse(fmt.Errorf("mode %q is never carried out", action.Mode))
	}
	if err != nil {
		return soar.Grant{}, err
	}
	grant.Signature = ed25519.Sign(p.GrantKey, grant.Signed())
	return grant, nil
}

// beginWithin is how long a grant may be used to begin: long enough for a system that restarts, and no standing permission.
const beginWithin = time.Hour

func refuse(err error) error { return activities.Permanent(fmt.Errorf("not granted: %w", err)) }

// approved checks each decision's signature, that it is about this plan, and the quorum.
func (p *Policy) approved(file *File, action soar.Action, req activities.GrantRequest) (override bool, err error) {
	need := file.approval(action.Kind, req.Verdict.Severity)
	people, inGroup, overriding := map[string]bool{}, false, 0
	for _, d := range req.Decisions {
		person, err := p.verify(d)
		switch {
		case err != nil:
			return false, refuse(err)
		case !d.Approve:
			return false, refuse(fmt.Errorf("%s denied it", person.Name))
		case d.Digest != req.Plan.Digest():
			return false, refuse(fmt.Errorf("%s approved something else", person.Name))
		case len(person.Groups) == 0 || people[person.Name]:
			continue // counts for nothing, or counted already
		}
		people[person.Name] = true
		inGroup = inGroup || inOneOf(person, need.Groups)
		if d.Override {
			overriding++
		}
	}
	if wanted := max(need.People, action.RequiresPeople); len(people) < wanted || !inGroup {
		return false, refuse(fmt.Errorf("%d of %d people approved, one of whom must be in %v", len(people), wanted, need.Groups))
	}
	protected := p.checkProtected(action)
	if protected == nil {
		return false, nil
	}
	if overriding < file.Override.People {
		return false, refuse(fmt.Errorf("%w: %d of %d people overrode that", protected, overriding, file.Override.People))
	}
	return true, nil
}

// wantedStill asks the policy again whether it wants the action by itself, on the detections that the ledger has.
func (p *Policy) wantedStill(ctx context.Context, file *File, plans []plan.Plan, action soar.Action, req activities.GrantRequest) error {
	if p.Ledger == nil || len(req.Detections) == 0 {
		return refuse(errors.New("no detection shows that it is needed"))
	}
	if err := p.judged(req); err != nil {
		return refuse(err)
	}
	found, err := p.Ledger.Detections(ctx, req.Detections)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	again, err := asked(found, req)
	if err != nil {
		return refuse(err)
	}
	at := slices.IndexFunc(plans, func(candidate plan.Plan) bool { return candidate.ID == req.Plan.Name })
	if at < 0 {
		return refuse(fmt.Errorf("there is no plan %q any more", req.Plan.Name))
	}
	if holds, err := plans[at].Holds(envOf(again)); err != nil || !holds {
		return refuse(errors.New("the plan does not hold for what the ledger says"))
	}
	proposals, err := p.propose(file, &plans[at], again)
	if err != nil {
		return err
	}
	for _, a := range proposals {
		if a.Kind == action.Kind && a.Key() == action.Key() && a.Mode == action.Mode && a.For >= action.For && action.For > 0 {
			return nil
		}
	}
	return refuse(errors.New("the policy does not want it by itself"))
}

// judged returns why the verdict is not one that was given on this incident and on these answers.
func (p *Policy) judged(req activities.GrantRequest) error {
	key := p.GrantKey.Public().(ed25519.PublicKey)
	if !ed25519.Verify(key, req.Verdict.Signed(req.Plan.Incident), req.Verdict.Signature) || req.Verdict.Answers != soar.DigestOf(req.Answers) {
		return errors.New("the verdict was never given on these answers")
	}
	return nil
}

// asked makes the plan request anew from the ledger's detections, each of which must be this incident's.
func asked(found []soar.Detection, req activities.GrantRequest) (again activities.PlanRequest, err error) {
	if len(found) != len(req.Detections) {
		return again, errors.New("the ledger does not have all of the detections")
	}
	again = activities.PlanRequest{Incident: req.Plan.Incident, Key: req.Plan.Key, Verdict: req.Verdict, Answers: req.Answers, Revision: req.Plan.Revision, Phase: activities.PhaseContain}
	for i, d := range found {
		if d.IncidentID != req.Plan.Incident || d.Entity.IncidentKey() != req.Plan.Key || d.SuppressedBy != "" {
			return again, errors.New("a detection is not this incident's")
		}
		again.Entity = d.Entity.Normalised()
		again.Brief.Add(req.Detections[i], d)
	}
	return again, nil
}
