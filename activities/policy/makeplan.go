package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/plan"
)

// MakePlan carries out the step of that name: the first plan whose condition holds proposes, the policy lessens. What an
// earlier revision planned is not planned again. No plan that fits is a plan without actions.
func (p *Policy) MakePlan(_ context.Context, req activities.PlanRequest) (soar.Plan, error) {
	if req.Incident == "" || (req.Phase != activities.PhaseContain && req.Phase != activities.PhaseRemediate) {
		return soar.Plan{}, activities.Permanent(fmt.Errorf("plan for incident %q, phase %q", req.Incident, req.Phase))
	}
	file, plans, err := p.read()
	if err != nil {
		return soar.Plan{}, err
	}
	made := soar.Plan{Incident: req.Incident, Key: req.Key, PolicyVersion: file.Version, Revision: req.Revision}
	chosen, err := choose(plans, req)
	if err != nil || chosen == nil {
		return made, err
	}
	made.Name, made.Version = chosen.ID, chosen.Version
	proposals, err := p.propose(file, chosen, req)
	if err != nil {
		return made, err
	}
	for _, a := range proposals {
		if planned(req.Earlier, a) || planned(made.Actions, a) {
			continue
		}
		if len(made.Actions) == file.MaxActions {
			made.Actions[len(made.Actions)-1].Reason += "; more was wanted than the policy's max_actions"
			break
		}
		a.ID = fmt.Sprintf("%s-%d-%s%d", req.Incident, req.Revision, map[string]string{activities.PhaseRemediate: "r"}[req.Phase], len(made.Actions))
		made.Actions = append(made.Actions, a)
	}
	return made, nil
}

// choose returns the first plan that holds and has steps for the phase; nil if there is none.
func choose(plans []plan.Plan, req activities.PlanRequest) (*plan.Plan, error) {
	for i := range plans {
		if len(stepsOf(&plans[i], req.Phase)) == 0 {
			continue
		}
		holds, err := plans[i].Holds(envOf(req))
		if err != nil {
			return nil, activities.Permanent(err)
		}
		if holds {
			return &plans[i], nil
		}
	}
	return nil, nil
}

func stepsOf(p *plan.Plan, phase string) []plan.Step {
	if phase == activities.PhaseRemediate {
		return p.Remediate
	}
	return p.Contain
}

// planned reports whether the same is among actions: same kind, same target, same place.
func planned(actions []soar.Action, a soar.Action) bool {
	return slices.ContainsFunc(actions, func(b soar.Action) bool {
		return a.Kind == b.Kind && a.Key() == b.Key() && a.Playbook == b.Playbook
	})
}

// propose lists what the plan's steps want, lessened by the policy; ids are not set yet.
func (p *Policy) propose(file *File, chosen *plan.Plan, req activities.PlanRequest) (actions []soar.Action, err error) {
	steps := stepsOf(chosen, req.Phase)
	for i := range steps {
		var wanted []soar.Action
		if steps[i].Kind == soar.Patch {
			wanted, err = patches(&steps[i], req)
		} else {
			wanted, err = blocks(file, &steps[i], req)
		}
		if err != nil {
			return nil, activities.Permanent(err)
		}
		for _, a := range wanted {
			actions = append(actions, p.lessen(file, a, req))
		}
	}
	return actions, nil
}

// onAgents are systems that act on one agent at a time; perimeter are those that stand between us and the world.
var (
	onAgents  = []string{"wazuh"}
	perimeter = []string{"pfsense"}
)

// blocks are the step's blocks: per address, or per address and agent.
func blocks(file *File, step *plan.Step, req activities.PlanRequest) (actions []soar.Action, err error) {
	places := []soar.Asset{{}}
	if slices.Contains(onAgents, step.System) {
		places = agents(req.Brief.Assets)
	}
	for _, address := range addressesOf(file, req) {
		if !address.External && slices.Contains(perimeter, step.System) {
			continue // whatever a plan says: what is inside is not kept out at the perimeter
		}
		for _, at := range places {
			wants, err := step.WantsAddress(plan.AddressEnv{Env: envOf(req), Address: address, Asset: assetOf(at, req)})
			if err != nil {
				return nil, err
			}
			if wants {
				actions = append(actions, soar.Action{
					Kind: step.Kind, System: step.System, Target: address.Value, On: at.AgentID, OnName: at.Name, Address: onAgent(at, req),
					For: step.For, Mode: step.Mode, Reason: step.Reason,
				})
			}
		}
	}
	return actions, nil
}

// onAgent is the observed address of an agent's host; at the perimeter there is no agent.
func onAgent(at soar.Asset, req activities.PlanRequest) string {
	if at.AgentID == "" {
		return ""
	}
	return observed(at, req)
}

// patches are the step's patches: one per asset.
func patches(step *plan.Step, req activities.PlanRequest) (actions []soar.Action, err error) {
	for _, a := range patchable(req) {
		wants, err := step.WantsAsset(plan.AssetEnv{Env: envOf(req), Asset: assetOf(a, req)})
		if err != nil {
			return nil, err
		}
		target, formErr := soar.NormalTarget(step.Kind, a.Name)
		if wants && formErr == nil {
			actions = append(actions, soar.Action{
				Kind: step.Kind, System: step.System, Target: target, Address: observed(a, req), Mode: step.Mode, Reason: step.Reason, Playbook: step.Playbook,
			})
		}
	}
	return actions, nil
}

// lessen takes an action down to what the policy allows, and says who must approve it.
func (p *Policy) lessen(file *File, a soar.Action, req activities.PlanRequest) soar.Action {
	rule := file.Kinds[a.Kind] // every kind has one: checkKinds
	if a.Kind != soar.Patch {
		a.For = min(a.For, rule.Longest)
	}
	atMost(&a, rule.Most, "")
	if a.Kind == soar.BlockAddress {
		lessenBlock(file, &a, req)
	}
	if !slices.Contains(p.Systems, a.System) {
		atMost(&a, soar.Suggest, "no system "+a.System+" is configured: do it by hand")
	}
	need := file.approval(a.Kind, req.Verdict.Severity)
	if a.Mode == soar.Ask || a.Mode == soar.Hold {
		a.RequiresPeople, a.Groups = need.People, slices.Clone(need.Groups)
	}
	if err := p.checkProtected(a); err != nil && a.Mode != soar.Suggest {
		if rank(a.Mode) > rank(soar.Ask) {
			a.Mode = soar.Ask
		}
		a.Reason += "; " + err.Error() + "; only by sallyport approve --override-protected"
		a.RequiresPeople, a.Groups = max(file.Override.People, need.People), slices.Clone(need.Groups)
	}
	return a
}

// lessenBlock takes a block down to a question where a wrong one would hurt: internal, well known, or not sure enough.
func lessenBlock(file *File, a *soar.Action, req activities.PlanRequest) {
	if address, err := netip.ParseAddr(a.Target); err != nil || !file.external(address) {
		atMost(a, soar.Ask, "the address is internal")
	}
	if list := warninglist(req.Answers, a.Target); list != "" {
		atMost(a, soar.Ask, "the address is on the warninglist "+list)
	}
	if !guarded(req.Answers, a.Target) {
		atMost(a, soar.Ask, "MISP's warninglists could not be asked about the address")
	}
	if opinion(req.Answers, a.Target) == soar.Harmless {
		atMost(a, soar.Ask, "a source says that the address is harmless")
	}
	if a.Mode == soar.Auto && (req.Verdict.Score < file.Auto.Score || req.Verdict.Confidence < file.Auto.Confidence) {
		atMost(a, soar.Ask, fmt.Sprintf("score %d and confidence %.2f are below what happens by itself", req.Verdict.Score, req.Verdict.Confidence))
	}
}

// atMost lowers the action's mode, and says why if it had to.
func atMost(a *soar.Action, most soar.Mode, why string) {
	if rank(a.Mode) <= rank(most) {
		return
	}
	a.Mode = most
	a.Reason += "; " + cmp.Or(why, "the policy allows no more than "+string(most))
}

func (p *Policy) checkProtected(a soar.Action) error {
	if p.Protected == nil {
		return errors.New("what is protected is not known")
	}
	return p.Protected.Check(a)
}
