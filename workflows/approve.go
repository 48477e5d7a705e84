package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// fresh is how old an approval may be: one that was held up on its way must not surface later. A denial never ages.
const fresh = time.Minute

// Request is one action that people are asked about. It is part of the state: who has decided guards against a second
// click, since update ids don't survive continue-as-new.
type Request struct {
	Action    soar.Action        `json:"action"`
	Digest    string             `json:"digest"` // of the plan that holds this one action: what people sign
	Expires   time.Time          `json:"expires"`
	Decisions []soar.Decision    `json:"decisions,omitempty"` // that counted
	Outcome   soar.Outcome       `json:"outcome,omitempty"`   // empty while pending
	Card      activities.CardRef `json:"card"`
	Revision  int                `json:"revision"`
}

// needs is how many people must approve.
func (r *Request) needs() int { return max(1, r.Action.RequiresPeople) }

// deciders are who decided, and how.
func (r *Request) deciders() (names []string) {
	for _, d := range r.Decisions {
		names = append(names, d.By+" ("+d.Method+")")
	}
	return names
}

// asking is where people decide, by Slack button or CLI alike: through the update Decide.
type asking struct {
	requests *[]Request
	card     func(*Request) activities.Card // how a request looks
	noted    func(workflow.Context, *Request, soar.Decision)
}

func (a *asking) listen(ctx workflow.Context) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, activities.DecideUpdate, a.decide, workflow.UpdateHandlerOptions{
		Validator: func(ctx workflow.Context, d soar.Decision) error { _, err := a.acceptable(ctx, d); return err },
	})
}

// find returns a pointer into the state; it is valid until the next request is added.
func (a *asking) find(id string) *Request {
	at := slices.IndexFunc(*a.requests, func(r Request) bool { return r.Action.ID == id })
	if at < 0 {
		return nil
	}
	return &(*a.requests)[at]
}

// acceptable is the validator. It looks at state only: it runs before anything is in the history, so it does no I/O.
func (a *asking) acceptable(ctx workflow.Context, d soar.Decision) (*Request, error) {
	r, now := a.find(d.Request), workflow.Now(ctx)
	switch {
	case r == nil || r.Outcome != "" || !now.Before(r.Expires):
		return nil, errors.New("nothing to decide: it is decided, or has expired")
	case d.Digest != r.Digest:
		return nil, errors.New("what was asked has changed: look again")
	case slices.ContainsFunc(r.Decisions, func(earlier soar.Decision) bool { return earlier.By == d.By }):
		return nil, errors.New("decided already")
	case d.Approve && now.Sub(d.SignedAt) > fresh:
		return nil, errors.New("too old: decide again")
	}
	return r, nil
}

// decide is the handler. Who it was is checked in a local activity, so that keys stay out of workflow code and the
// answer stands in the history. A person who can't be verified is refused; the request stays open.
func (a *asking) decide(ctx workflow.Context, d soar.Decision) (soar.Outcome, error) {
	r, err := a.acceptable(ctx, d)
	if err != nil {
		return "", err
	}
	if _, err := doLocal(ctx, activities.VerifyDecision, activities.Claim{Decision: d, Actions: []soar.Action{r.Action}, At: workflow.Now(ctx)}); err != nil {
		return "", err
	}
	if r, err = a.acceptable(ctx, d); err != nil { // the state may have moved while we checked
		return "", err
	}
	r.Decisions = append(r.Decisions, d)
	switch {
	case !d.Approve:
		r.Outcome = soar.Denied
	case len(r.Decisions) >= r.needs():
		r.Outcome = soar.Approved
	}
	outcome := r.Outcome
	a.noted(ctx, r, d)
	return outcome, nil
}

// ask puts a plan of one action to people and waits: one reminder at half time, and silence means no. A request that is in the
// state already, from an earlier run, goes on.
func (a *asking) ask(ctx workflow.Context, plan soar.Plan, window time.Duration) (Request, error) {
	action := plan.Actions[0]
	a.open(ctx, plan, window)
	half := a.find(action.ID).Expires.Add(-window / 2)
	a.show(ctx, action.ID, false)
	if err := a.wait(ctx, action.ID, half); err != nil {
		return Request{}, err
	}
	if a.find(action.ID).Outcome == "" {
		a.show(ctx, action.ID, true)
		if err := a.wait(ctx, action.ID, a.find(action.ID).Expires); err != nil {
			return Request{}, err
		}
	}
	if r := a.find(action.ID); r.Outcome == "" {
		r.Outcome = soar.Expired
	}
	a.show(ctx, action.ID, false)
	return *a.find(action.ID), nil
}

// open adds the request for a plan of one action, unless it is there.
func (a *asking) open(ctx workflow.Context, plan soar.Plan, window time.Duration) {
	if a.find(plan.Actions[0].ID) == nil {
		*a.requests = append(*a.requests, Request{Action: plan.Actions[0], Digest: plan.Digest(), Expires: workflow.Now(ctx).Add(window)})
	}
}

func (a *asking) wait(ctx workflow.Context, id string, until time.Time) error {
	options := workflow.AwaitOptions{Timeout: max(0, until.Sub(workflow.Now(ctx))), TimerOptions: workflow.TimerOptions{Summary: "wait for people: " + id}}
	_, err := workflow.AwaitWithOptions(ctx, options, func() bool { return a.find(id).Outcome != "" })
	return err
}

// show brings the card to the newest revision. A question that got lost loses no request: it stays open on the command
// line, and expires as a no.
func (a *asking) show(ctx workflow.Context, id string, reminder bool) {
	r := a.find(id)
	r.Revision++
	card := a.card(r)
	card.Reminder = reminder
	posted, err := do(workflow.WithActivityOptions(ctx, toldOnce), activities.AskPeople, card)
	if err != nil {
		workflow.GetLogger(ctx).Warn("people not asked", "request", id, "error", err)
		return
	}
	if posted.TS != "" {
		a.find(id).Card = posted
	}
}

// pending are the requests that wait.
func (a *asking) pending(workflowID string) (list []activities.PendingApproval) {
	for _, r := range *a.requests {
		if r.Outcome != "" {
			continue
		}
		p := activities.PendingApproval{
			Request: r.Action.ID, Workflow: workflowID, Digest: r.Digest, Actions: []soar.Action{r.Action}, Expires: r.Expires, Needs: r.needs(),
		}
		for _, d := range r.Decisions {
			p.Approved = append(p.Approved, d.By)
		}
		list = append(list, p)
	}
	return list
}
