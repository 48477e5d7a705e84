package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// ended reports whether a remediation's status is its last.
func ended(status string) bool {
	return slices.Contains([]string{"done", "unproved", "failed", "denied", "expired", "interrupted", "refused", "stopped"}, status)
}

// remediate plans what to mend, and begins each playbook's remediation as a workflow of its own, which no end of the
// incident ends.
func (i *incident) remediate(ctx workflow.Context) error {
	plan, err := i.plan(ctx, activities.PhaseRemediate)
	if err != nil {
		return err
	}
	if len(plan.Actions) == 0 {
		i.say(ctx, "There is nothing to mend.")
	}
	for _, in := range i.remediations(plan) {
		for _, h := range in.Hosts {
			i.Record.Remediation = append(i.Record.Remediation, activities.RemediationState{ActionID: h.Action.ID, Host: h.Action.Target, Playbook: h.Action.Playbook, Status: "begun"})
		}
		if err := startRemediate(ctx, in); err != nil {
			for _, h := range in.Hosts {
				i.take(ctx, activities.RemediationState{
					ActionID: h.Action.ID, Host: h.Action.Target, Playbook: h.Action.Playbook, Status: "failed", Reason: "could not be started: " + clip(said(err), 200),
				})
			}
		}
	}
	return nil
}

// remediations are the plan's actions by playbook: one question and one roll-out each.
func (i *incident) remediations(plan soar.Plan) (list []Remediating) {
	for _, a := range plan.Actions {
		at := slices.IndexFunc(list, func(r Remediating) bool { return r.Hosts[0].Action.Playbook == a.Playbook })
		if at < 0 {
			at = len(list)
			list = append(list, Remediating{
				Incident: i.Record.ID, Key: i.key, Plan: plan, Settings: i.Settings, Verdict: i.Record.Verdict, Case: i.Record.Case, Detections: i.Detections,
			})
			list[at].Plan.Actions = nil
		}
		list[at].Plan.Actions = append(list[at].Plan.Actions, a)
		list[at].Hosts = append(list[at].Hosts, i.mending(a))
	}
	return list
}

func startRemediate(ctx workflow.Context, in Remediating) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: RemediateID(in.Hosts[0].Action.ID), ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON, StaticSummary: clip(in.String(), maxSummary),
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
	})
	return workflow.ExecuteChildWorkflow(ctx, Remediate, in).GetChildWorkflowExecution().Get(ctx, nil)
}

// mending is one host of a remediation: what is to be mended there, and what of it a scan saw.
func (i *incident) mending(a soar.Action) Mending {
	m := Mending{Action: a, Asset: i.asset(a.Target)}
	worst := slices.SortedStableFunc(slices.Values(i.Record.Exposure.Vulnerabilities), func(a, b activities.Vulnerability) int { return cmp.Compare(b.Score, a.Score) })
	for _, v := range worst {
		if !strings.EqualFold(v.Asset.Name, a.Target) || slices.Contains(m.CVEs, v.CVE) {
			continue
		}
		if len(m.CVEs) == soar.MaxObservables {
			m.Beyond++
			continue
		}
		m.CVEs = append(m.CVEs, v.CVE)
		if i.scanSaw(v.CVE, a.Target) {
			m.Scanned = append(m.Scanned, v.CVE)
		}
	}
	return m
}

func (i *incident) asset(name string) soar.Asset {
	for _, a := range i.Record.Brief.Assets {
		if strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return soar.Asset{Name: name}
}

// scanSaw reports whether a scan of this incident found the CVE on the asset.
func (i *incident) scanSaw(cve, asset string) bool {
	return slices.ContainsFunc(i.Record.Exposure.Scans, func(s activities.ScanReport) bool {
		return s.Done && strings.EqualFold(s.Asset.Name, asset) &&
			slices.ContainsFunc(s.Vulnerabilities, func(v activities.Vulnerability) bool { return v.CVE == cve })
	})
}

// remediated takes a remediation's word on how it stands.
func (i *incident) remediated(ctx workflow.Context, c workflow.ReceiveChannel) {
	var state activities.RemediationState
	c.Receive(ctx, &state)
	i.take(ctx, state)
}

func (i *incident) take(ctx workflow.Context, state activities.RemediationState) {
	i.LastNews = workflow.Now(ctx)
	for n := range i.Record.Remediation {
		if i.Record.Remediation[n].ActionID == state.ActionID {
			i.Record.Remediation[n] = state
		}
	}
	for n := range i.Record.Actions {
		if a := &i.Record.Actions[n]; a.ID == state.ActionID {
			a.State, a.Reason, a.Outcome, a.DecidedBy = state.Status, state.Reason, state.Outcome, state.DecidedBy
			now := workflow.Now(ctx).UTC()
			if a.AppliedAt == nil && state.Status == "running" {
				a.AppliedAt = &now
			}
			if a.ConfirmedAt == nil && state.Proved {
				a.ConfirmedAt = &now
			}
		}
	}
	i.say(ctx, "Remediation %s of %s: %s", state.Playbook, state.Host, sentence(state))
	i.note(ctx, state.ActionID+"/"+state.Status, fmt.Sprintf("Remediation of %s with playbook %s: %s", state.Host, state.Playbook, sentence(state)))
	i.write(ctx)
}

func sentence(state activities.RemediationState) string {
	text := state.Status
	if len(state.DecidedBy) > 0 {
		text += " (decided by " + strings.Join(state.DecidedBy, ", ") + ")"
	}
	if state.Reason != "" {
		text += ": " + state.Reason
	}
	return text + "."
}
