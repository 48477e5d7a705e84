package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// batchSize is how many hosts are mended side by side, after the first one alone has shown that it goes well.
const batchSize = 5

// Remediating is what a remediation starts with: one playbook, and the hosts that it is to mend.
type Remediating struct {
	Incident   string              `json:"incident"`
	Key        string              `json:"key"`  // workflow id of the incident
	Plan       soar.Plan           `json:"plan"` // with the hosts' actions alone
	Hosts      []Mending           `json:"hosts"`
	Settings   activities.Settings `json:"settings"`
	Verdict    soar.Verdict        `json:"verdict"`
	Case       activities.CaseRef  `json:"case"`
	Detections []soar.DetectionRef `json:"detections"`
}

// String is the remediation's line on the analysts' screen.
func (r Remediating) String() string {
	if len(r.Hosts) == 1 {
		return r.Hosts[0].Action.String()
	}
	return fmt.Sprintf("%s of %d hosts", r.Hosts[0].Action.Playbook, len(r.Hosts))
}

// Mending is one host of a remediation.
type Mending struct {
	Action  soar.Action `json:"action"`
	Asset   soar.Asset  `json:"asset"`
	CVEs    []string    `json:"cves"`              // what the playbook is asked to mend, the worst first
	Scanned []string    `json:"scanned,omitempty"` // of these, what a scan saw: only that can a scan prove gone
	Beyond  int         `json:"beyond,omitempty"`  // known ones that are not asked for, since there are too many
}

// Remediate rolls a playbook out: check mode on every host, one question to people, the first host alone as the canary,
// batches of the others, and a scan of each as proof. The first that goes wrong stops what has not begun.
func Remediate(ctx workflow.Context, in Remediating) ([]activities.RemediationState, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r := newRemediation(in)
	if err := r.asking.listen(ctx); err != nil {
		return r.states, err
	}
	if err := workflow.SetQueryHandler(ctx, activities.StateQuery, func() ([]activities.RemediationState, error) { return r.states, nil }); err != nil {
		return r.states, err
	}
	r.run(workflow.WithActivityOptions(ctx, quick))
	err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && r.asking.showing == 0 })
	return r.states, err
}

type remediation struct {
	in       Remediating
	states   []activities.RemediationState // by place in in.Hosts
	requests []Request
	asking   asking
	audits   int // entries so far: part of their cause
}

func newRemediation(in Remediating) *remediation {
	r := &remediation{in: in}
	for _, h := range in.Hosts {
		r.states = append(r.states, activities.RemediationState{ActionID: h.Action.ID, Host: h.Action.Target, Playbook: h.Action.Playbook})
	}
	r.asking = asking{requests: &r.requests, card: r.card, noted: r.decided}
	return r
}

func (r *remediation) id() string { return RemediateID(r.in.Hosts[0].Action.ID) }

func (r *remediation) run(ctx workflow.Context) {
	going := r.check(ctx)
	if len(going) == 0 {
		return
	}
	plan := r.in.Plan
	plan.Actions = nil
	for _, n := range going {
		plan.Actions = append(plan.Actions, r.in.Hosts[n].Action)
	}
	if decisions, approved := r.ask(ctx, going, plan); approved {
		r.rollOut(ctx, going, plan, decisions)
	}
}

// check runs check mode on every host, and returns the places of those where it completed: only these are asked about.
func (r *remediation) check(ctx workflow.Context) (going []int) {
	checking := quick
	checking.StartToCloseTimeout, checking.HeartbeatTimeout = once.StartToCloseTimeout, once.HeartbeatTimeout
	futures := make([]workflow.Future, len(r.in.Hosts))
	for n := range r.in.Hosts {
		futures[n] = begin(workflow.WithActivityOptions(ctx, checking), activities.CheckPlaybook, r.request(n))
	}
	for n, future := range futures {
		var report activities.PlaybookReport
		err := future.Get(ctx, &report)
		if err != nil || !report.Completed {
			r.tell(ctx, n, "failed", "check mode did not complete: "+reasonOf(report, err))
			continue
		}
		r.states[n].Checks = append(r.states[n].Checks, report)
		going = append(going, n)
	}
	return going
}

// ask puts all of them to people as one question, and returns the decisions that approved it.
func (r *remediation) ask(ctx workflow.Context, going []int, plan soar.Plan) (decisions []soar.Decision, approved bool) {
	r.asking.open(ctx, plan, r.in.Settings.ApprovalWindow)
	r.audit(ctx, activities.ActorRemediation, "asked", map[string]any{"digest": plan.Digest(), "hosts": r.names(going)})
	for _, n := range going {
		check := r.states[n].Checks[0]
		r.tell(ctx, n, "asked", fmt.Sprintf("check mode would change %s on %s", count(check.Changed, "thing"), check.Host))
	}
	answer, err := r.asking.ask(ctx, plan, r.in.Settings.ApprovalWindow)
	switch {
	case err != nil:
		r.endAll(ctx, going, "failed", clip(said(err), 300))
	case answer.Outcome != soar.Approved:
		r.audit(ctx, activities.ActorRemediation, "decided", map[string]any{"outcome": answer.Outcome})
		for _, n := range going {
			r.states[n].Outcome = answer.Outcome
		}
		r.endAll(ctx, going, string(answer.Outcome), "")
	}
	return answer.Decisions, err == nil && answer.Outcome == soar.Approved
}

// rollOut mends the canary, then batch by batch; it stops after the first batch in which anything went wrong.
func (r *remediation) rollOut(ctx workflow.Context, going []int, plan soar.Plan, decisions []soar.Decision) {
	for batch, rest := going[:1], going[1:]; len(batch) > 0; {
		if wrong := r.mendBatch(ctx, batch, plan, decisions); len(wrong) > 0 {
			r.endAll(ctx, rest, "stopped", "it went wrong on "+strings.Join(wrong, ", ")+": nothing more is changed")
			return
		}
		next := min(batchSize, len(rest))
		batch, rest = rest[:next], rest[next:]
	}
}

// mendBatch mends hosts side by side, and returns the names of those where it did not go well.
func (r *remediation) mendBatch(ctx workflow.Context, batch []int, plan soar.Plan, decisions []soar.Decision) (wrong []string) {
	well := make([]bool, len(batch))
	all := workflow.NewWaitGroup(ctx)
	for at, n := range batch {
		all.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer all.Done()
			well[at] = r.mend(ctx, n, plan, decisions)
		})
	}
	all.Wait(ctx)
	for at, n := range batch {
		if !well[at] {
			wrong = append(wrong, r.in.Hosts[n].Action.Target)
		}
	}
	return wrong
}

// mend mends one host, and reports whether the next may follow.
func (r *remediation) mend(ctx workflow.Context, n int, plan soar.Plan, decisions []soar.Decision) (well bool) {
	request := r.request(n)
	grant, err := do(workflow.WithActivityOptions(ctx, attended), activities.GrantAction, activities.GrantRequest{
		Plan: plan, ActionID: request.ActionID, Decisions: decisions, Verdict: r.in.Verdict, Detections: r.in.Detections,
	})
	if err != nil {
		r.tell(ctx, n, "refused", clip(said(err), 300))
		return false
	}
	r.audit(ctx, activities.ActorRemediation, "granted", map[string]any{"by": decidersOf(decisions), "host": request.Host})
	r.tell(ctx, n, "running", "")
	request.Grant = grant
	done, err := do(workflow.WithActivityOptions(ctx, once), activities.RunPlaybook, request)
	r.states[n].Runs = append(r.states[n].Runs, done)
	switch {
	case err != nil || done.Interrupted:
		r.tell(ctx, n, "interrupted", "the run was cut off; it is not repeated beside itself: "+reasonOf(done, err))
	case done.Refused:
		r.tell(ctx, n, "refused", done.Reason)
	case !done.Completed:
		r.tell(ctx, n, "failed", reasonOf(done, nil))
	default:
		return r.prove(ctx, n)
	}
	return false
}

func (r *remediation) request(n int) activities.PlaybookRequest {
	h := r.in.Hosts[n]
	return activities.PlaybookRequest{
		Incident: r.in.Incident, ActionID: h.Action.ID, Playbook: h.Action.Playbook, Host: h.Action.Target, CVEs: h.CVEs, Action: h.Action,
	}
}

func (r *remediation) names(places []int) (list []string) {
	for _, n := range places {
		list = append(list, r.in.Hosts[n].Action.Target)
	}
	return list
}

func (r *remediation) endAll(ctx workflow.Context, places []int, status, reason string) {
	for _, n := range places {
		r.tell(ctx, n, status, reason)
	}
}

// tell reports how a host stands to whichever run of the incident is there. What is asked of people is told once, with
// the first host of the question.
func (r *remediation) tell(ctx workflow.Context, n int, status, reason string) {
	s := &r.states[n]
	s.Status, s.Reason, s.Pending = status, reason, nil
	for _, p := range r.asking.pending(r.id()) {
		if p.Request == s.ActionID {
			s.Pending = append(s.Pending, p)
		}
	}
	if err := workflow.SignalExternalWorkflow(ctx, r.in.Key, "", remediationSignal, *s).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Info("incident not told", "error", err)
	}
}

// decided notes what a person said.
func (r *remediation) decided(ctx workflow.Context, q *Request, d soar.Decision) {
	for _, a := range q.actions() {
		n := slices.IndexFunc(r.states, func(s activities.RemediationState) bool { return s.ActionID == a.ID })
		r.states[n].Outcome, r.states[n].DecidedBy = q.Outcome, q.deciders()
	}
	r.audit(ctx, d.By, "decided", map[string]any{"by": d.By, "method": d.Method, "approve": d.Approve, "digest": d.Digest, "reason": d.Reason, "override": d.Override})
	if q.Outcome == "" { // more people are needed: the incident shows how many
		n := slices.IndexFunc(r.states, func(s activities.RemediationState) bool { return s.ActionID == q.Action.ID })
		r.tell(ctx, n, r.states[n].Status, r.states[n].Reason)
	}
}

// audit appends to the incident's chain.
func (r *remediation) audit(ctx workflow.Context, actor, what string, detail map[string]any) {
	r.audits++
	entry := activities.AuditEntry{
		Chain: r.in.Incident, Cause: fmt.Sprintf("%s/%d", r.id(), r.audits), At: workflow.Now(ctx).UTC(), Actor: actor,
		What: what, Subject: r.in.Hosts[0].Action.ID, Detail: detail,
	}
	if _, err := do(workflow.WithActivityOptions(ctx, patient), activities.Audit, entry); err != nil {
		workflow.GetLogger(ctx).Error("audit entry not written", "what", what, "error", err)
	}
}

func (r *remediation) card(q *Request) activities.Card {
	return activities.Card{
		Request: q.Action.ID, Workflow: r.id(), Incident: r.in.Incident, Case: r.in.Case, Digest: q.Digest,
		Actions: q.actions(), Verdict: r.in.Verdict, Expires: q.Expires, Outcome: q.Outcome, DecidedBy: q.deciders(), Revision: q.Revision,
		Posted: q.Card, Needs: q.needs(), UIBase: r.in.Settings.UIBase,
	}
}

func reasonOf(p activities.PlaybookReport, err error) string {
	if err != nil {
		return clip(said(err), 300)
	}
	return p.Reason
}
