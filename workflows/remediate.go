package workflows

import (
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
	return slices.Contains([]string{"done", "failed", "denied", "expired", "interrupted", "refused"}, status)
}

// remediate plans what to mend, and begins each remediation as a workflow of its own, which no end of the incident ends.
func (i *incident) remediate(ctx workflow.Context) error {
	plan, err := i.plan(ctx, activities.PhaseRemediate)
	if err != nil {
		return err
	}
	if len(plan.Actions) == 0 {
		i.say(ctx, "There is nothing to mend.")
	}
	for _, a := range plan.Actions {
		in := Remediating{
			Incident: i.Record.ID, Key: i.key, Action: a, Plan: i.solo(a), Asset: i.asset(a.Target), CVEs: i.cvesOf(a.Target), Settings: i.Settings,
			Verdict: i.Record.Verdict, Case: i.Record.Case, Detections: i.Detections,
		}
		i.Record.Remediation = append(i.Record.Remediation, activities.RemediationState{ActionID: a.ID, Playbook: a.Playbook, Status: "begun"})
		if err := startRemediate(ctx, in); err != nil {
			i.take(ctx, activities.RemediationState{ActionID: a.ID, Playbook: a.Playbook, Status: "failed", Reason: "could not be started: " + clip(err.Error(), 200)})
		}
	}
	return nil
}

func startRemediate(ctx workflow.Context, in Remediating) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: RemediateID(in.Action.ID), ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON, StaticSummary: clip(in.Action.String(), maxSummary),
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
	})
	return workflow.ExecuteChildWorkflow(ctx, Remediate, in).GetChildWorkflowExecution().Get(ctx, nil)
}

func (i *incident) asset(name string) soar.Asset {
	for _, a := range i.Record.Brief.Assets {
		if strings.EqualFold(a.Name, name) {
			return a
		}
	}
	return soar.Asset{Name: name}
}

func (i *incident) cvesOf(name string) (list []string) {
	for _, v := range i.Record.Exposure.Vulnerabilities {
		if strings.EqualFold(v.Asset.Name, name) && !slices.Contains(list, v.CVE) && len(list) < soar.MaxObservables {
			list = append(list, v.CVE)
		}
	}
	return list
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
		if i.Record.Actions[n].ID == state.ActionID {
			i.Record.Actions[n].State, i.Record.Actions[n].Reason = state.Status, state.Reason
			i.Record.Actions[n].Outcome, i.Record.Actions[n].DecidedBy = state.Outcome, state.DecidedBy
		}
	}
	i.say(ctx, "Remediation %s: %s", state.Playbook, sentence(state))
	i.note(ctx, state.ActionID+"/"+state.Status, fmt.Sprintf("Remediation with playbook %s: %s", state.Playbook, sentence(state)))
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

// Remediating is what a remediation starts with.
type Remediating struct {
	Incident   string              `json:"incident"`
	Key        string              `json:"key"` // workflow id of the incident
	Action     soar.Action         `json:"action"`
	Plan       soar.Plan           `json:"plan"`
	Asset      soar.Asset          `json:"asset"`
	CVEs       []string            `json:"cves"`
	Settings   activities.Settings `json:"settings"`
	Verdict    soar.Verdict        `json:"verdict"`
	Case       activities.CaseRef  `json:"case"`
	Detections []soar.DetectionRef `json:"detections"`
}

// Remediate mends one asset: check mode, approval, the run, and a scan that proves it.
func Remediate(ctx workflow.Context, in Remediating) (activities.RemediationState, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r := &remediation{in: in, state: activities.RemediationState{ActionID: in.Action.ID, Playbook: in.Action.Playbook}}
	r.asking = asking{requests: &r.requests, card: r.card, noted: r.decided}
	if err := r.asking.listen(ctx); err != nil {
		return r.state, err
	}
	if err := workflow.SetQueryHandler(ctx, activities.StateQuery, func() (activities.RemediationState, error) { return r.state, nil }); err != nil {
		return r.state, err
	}
	r.run(workflow.WithActivityOptions(ctx, quick))
	err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && r.asking.showing == 0 })
	return r.state, err
}

type remediation struct {
	in       Remediating
	state    activities.RemediationState
	requests []Request
	asking   asking
	audits   int // entries so far: part of their cause
}

// decided notes what a person said.
func (r *remediation) decided(ctx workflow.Context, q *Request, d soar.Decision) {
	r.state.Outcome, r.state.DecidedBy = q.Outcome, q.deciders()
	r.audit(ctx, d.By, "decided", map[string]any{"by": d.By, "method": d.Method, "approve": d.Approve, "digest": d.Digest, "reason": d.Reason})
}

// audit appends to the incident's chain.
func (r *remediation) audit(ctx workflow.Context, actor, what string, detail map[string]any) {
	r.audits++
	entry := activities.AuditEntry{
		Chain: r.in.Incident, Cause: fmt.Sprintf("%s/%d", RemediateID(r.in.Action.ID), r.audits), At: workflow.Now(ctx).UTC(), Actor: actor,
		What: what, Subject: r.in.Action.ID, Detail: detail,
	}
	if _, err := do(workflow.WithActivityOptions(ctx, patient), activities.Audit, entry); err != nil {
		workflow.GetLogger(ctx).Error("audit entry not written", "what", what, "error", err)
	}
}

func (r *remediation) run(ctx workflow.Context) {
	request := activities.PlaybookRequest{Incident: r.in.Incident, ActionID: r.in.Action.ID, Playbook: r.in.Action.Playbook, Host: r.in.Action.Target, CVEs: r.in.CVEs, Action: r.in.Action}
	checking := quick
	checking.StartToCloseTimeout, checking.HeartbeatTimeout = once.StartToCloseTimeout, once.HeartbeatTimeout
	check, err := do(workflow.WithActivityOptions(ctx, checking), activities.CheckPlaybook, request)
	if err != nil || !check.Completed {
		r.end(ctx, "failed", "check mode did not complete: "+reasonOf(check, err))
		return
	}
	r.state.Checks = append(r.state.Checks, check)
	r.asking.open(ctx, r.in.Plan, r.in.Settings.ApprovalWindow)
	r.audit(ctx, activities.ActorRemediation, "asked", map[string]any{"digest": r.in.Plan.Digest(), "would_change": check.Changed})
	r.tell(ctx, "asked", fmt.Sprintf("check mode would change %s on %s", count(check.Changed, "thing"), check.Host))
	answer, err := r.asking.ask(ctx, r.in.Plan, r.in.Settings.ApprovalWindow)
	if err != nil {
		r.end(ctx, "failed", clip(err.Error(), 300))
		return
	}
	if answer.Outcome != soar.Approved {
		r.state.Outcome = answer.Outcome
		r.audit(ctx, activities.ActorRemediation, "decided", map[string]any{"outcome": answer.Outcome})
		r.end(ctx, string(answer.Outcome), "")
		return
	}
	r.mend(ctx, request, answer.Decisions)
}

func (r *remediation) mend(ctx workflow.Context, request activities.PlaybookRequest, decisions []soar.Decision) {
	grant, err := do(workflow.WithActivityOptions(ctx, attended), activities.GrantAction, activities.GrantRequest{
		Plan: r.in.Plan, ActionID: r.in.Action.ID, Decisions: decisions, Verdict: r.in.Verdict, Detections: r.in.Detections,
	})
	if err != nil {
		r.end(ctx, "refused", clip(err.Error(), 300))
		return
	}
	r.audit(ctx, activities.ActorRemediation, "granted", map[string]any{"by": decidersOf(decisions)})
	r.tell(ctx, "running", "")
	request.Grant = grant
	done, err := do(workflow.WithActivityOptions(ctx, once), activities.RunPlaybook, request)
	r.state.Runs = append(r.state.Runs, done)
	switch {
	case err != nil || done.Interrupted:
		r.end(ctx, "interrupted", "the run was cut off; it is not repeated beside itself: "+reasonOf(done, err))
	case !done.Completed:
		r.end(ctx, "failed", reasonOf(done, nil))
	default:
		r.prove(ctx)
	}
}

// prove scans again: only what a scan that ended and saw the host no longer finds is mended.
func (r *remediation) prove(ctx workflow.Context) {
	if r.in.Asset.Address == "" {
		r.end(ctx, "done", "not proved: the asset has no address that could be scanned")
		return
	}
	proof, err := do(workflow.WithActivityOptions(ctx, followed(r.in.Settings.ScanTimeout)), activities.Scan, activities.ScanRequest{
		Incident: r.in.Incident, Purpose: "proof", Asset: r.in.Asset, Timeout: r.in.Settings.ScanTimeout,
	})
	if err != nil || !proof.Done || !proof.Alive {
		r.end(ctx, "done", "not proved: the scan did not see the host")
		return
	}
	r.state.Proof = &proof
	if proof.Truncated {
		r.end(ctx, "done", "not proved: the report is cut")
		return
	}
	for _, v := range proof.Vulnerabilities {
		if slices.Contains(r.in.CVEs, v.CVE) {
			r.end(ctx, "failed", v.CVE+" is still there")
			return
		}
	}
	r.state.Proved = true
	r.end(ctx, "done", "a scan proves that what was to be mended is gone")
}

func (r *remediation) end(ctx workflow.Context, status, reason string) { r.tell(ctx, status, reason) }

// tell reports to whichever run of the incident is there.
func (r *remediation) tell(ctx workflow.Context, status, reason string) {
	r.state.Status, r.state.Reason, r.state.Pending = status, reason, r.asking.pending(RemediateID(r.in.Action.ID))
	if err := workflow.SignalExternalWorkflow(ctx, r.in.Key, "", remediationSignal, r.state).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Info("incident not told", "error", err)
	}
}

func (r *remediation) card(q *Request) activities.Card {
	return activities.Card{
		Request: q.Action.ID, Workflow: RemediateID(q.Action.ID), Incident: r.in.Incident, Case: r.in.Case, Digest: q.Digest,
		Actions: []soar.Action{q.Action}, Verdict: r.in.Verdict, Expires: q.Expires, Outcome: q.Outcome, DecidedBy: q.deciders(), Revision: q.Revision,
		Posted: q.Card, Needs: q.needs(), UIBase: r.in.Settings.UIBase,
	}
}

func reasonOf(p activities.PlaybookReport, err error) string {
	if err != nil {
		return clip(err.Error(), 300)
	}
	return p.Reason
}
