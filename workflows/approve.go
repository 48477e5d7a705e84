package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// fresh is how old an approval may be: one that was held up on its way must not surface later. A denial never ages.
const fresh = time.Minute

// Request is what people are asked about: one action, or several that go together. It is part of the state: who has decided guards against a second
// click, since update ids don't survive continue-as-new.
type Request struct {
	Action    soar.Action        `json:"action"`         // its id is the request's
	With      []soar.Action      `json:"with,omitempty"` // others that the same answer is for
	Digest    string             `json:"digest"`         // of the plan that holds exactly these: what people sign
	Expires   time.Time          `json:"expires"`
	Decisions []soar.Decision    `json:"decisions,omitempty"` // that counted
	Outcome   soar.Outcome       `json:"outcome,omitempty"`   // empty while pending
	Card      activities.CardRef `json:"card"`
	Revision  int                `json:"revision"`
	Reminded  bool               `json:"reminded,omitempty"` // half of the time is over
	Nudged    bool               `json:"nudged,omitempty"`   // a card said so
	Shown     string             `json:"shown,omitempty"`    // how the request looked on the card that was shown last
}

// actions are all that the answer is for.
func (r *Request) actions() []soar.Action { return append([]soar.Action{r.Action}, r.With...) }

// needs is how many people must approve.
func (r *Request) needs() (people int) {
	for _, a := range r.actions() {
		people = max(people, a.RequiresPeople, 1)
	}
	return people
}

// deciders are who decided, and how.
func (r *Request) deciders() (names []string) {
	for _, d := range r.Decisions {
		names = append(names, d.By+" ("+d.Method+")")
	}
	return names
}

// approvers are who approved so far.
func (r *Request) approvers() (names []string) {
	for _, d := range r.Decisions {
		if d.Approve {
			names = append(names, d.By)
		}
	}
	return names
}

// asking is where people decide, by Slack button or CLI alike: through the update Decide.
type asking struct {
	requests *[]Request
	card     func(*Request) activities.Card // how a request looks
	noted    func(workflow.Context, *Request, soar.Decision)
	waiting  []string // requests whose coroutine does nothing but wait for people
	showing  int      // cards that are not yet at their last revision
	posting  int      // of these, are on their way to people now
}

// parked is how many coroutines do nothing but wait for people. A run may end under them: the request is in the state,
// and the next run waits on.
func (a *asking) parked() (n int) {
	for _, id := range a.waiting {
		if a.find(id).Outcome == "" {
			n++
		}
	}
	return n
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
	case d.Approve && now.Sub(d.SignedAt).Abs() > fresh: // signed in the future is no better
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
	if _, err := doLocal(ctx, activities.VerifyDecision, activities.Claim{Decision: d, Actions: r.actions(), Approved: r.approvers(), At: workflow.Now(ctx)}); err != nil {
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

// ask puts a plan to people as one question and waits: one reminder at half time, and silence means no. A request that is in the
// state already, from an earlier run, goes on. The card follows by itself: a chat that is down delays no answer.
func (a *asking) ask(ctx workflow.Context, plan soar.Plan, window time.Duration) (Request, error) {
	id := plan.Actions[0].ID
	a.open(ctx, plan, window)
	a.project(ctx, id)
	if !a.find(id).Reminded {
		if err := a.wait(ctx, id, a.find(id).Expires.Add(-window/2)); err != nil {
			return Request{}, err
		}
	}
	if r := a.find(id); r.Outcome == "" {
		r.Reminded = true
		if err := a.wait(ctx, id, r.Expires); err != nil {
			return Request{}, err
		}
	}
	if r := a.find(id); r.Outcome == "" {
		r.Outcome = soar.Expired
	}
	return *a.find(id), nil
}

// open adds the request for a plan, unless it is there.
func (a *asking) open(ctx workflow.Context, plan soar.Plan, window time.Duration) {
	if a.find(plan.Actions[0].ID) == nil {
		*a.requests = append(*a.requests, Request{Action: plan.Actions[0], With: plan.Actions[1:], Digest: plan.Digest(), Expires: workflow.Now(ctx).Add(window)})
	}
}

func (a *asking) wait(ctx workflow.Context, id string, until time.Time) error {
	a.waiting = append(a.waiting, id)
	defer func() { a.waiting = slices.DeleteFunc(a.waiting, func(waits string) bool { return waits == id }) }()
	options := workflow.AwaitOptions{Timeout: max(0, until.Sub(workflow.Now(ctx))), TimerOptions: workflow.TimerOptions{Summary: clip("wait for people: "+a.find(id).Action.String(), maxSummary)}}
	_, err := workflow.AwaitWithOptions(ctx, options, func() bool { return a.find(id).Outcome != "" })
	return err
}

// project keeps the card at what the state says until the request is over. A card that could not be shown is tried again:
// the request stays open on the command line meanwhile, and expires as a no.
func (a *asking) project(ctx workflow.Context, id string) {
	a.showing++
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { a.showing-- }()
		for {
			over := a.find(id).Outcome != ""
			shown := a.show(ctx, id)
			if over || a.awaitChange(ctx, id, shown) != nil {
				return
			}
		}
	})
}

// awaitChange waits until the request looks otherwise than its card, which it may already: who decides at once does so while
// the card is on its way. A card that could not be shown is left alone for a minute.
func (a *asking) awaitChange(ctx workflow.Context, id string, shown bool) error {
	changed := func() bool { return a.find(id).Shown != looks(a.find(id)) }
	if changed() && shown && workflow.GetVersion(ctx, "a card that is late follows at once", workflow.DefaultVersion, 1) > workflow.DefaultVersion {
		return nil
	}
	if changed() {
		return workflow.NewTimerWithOptions(ctx, time.Minute, workflow.TimerOptions{Summary: "ask people again: " + id}).Get(ctx, nil)
	}
	return workflow.Await(ctx, changed)
}

// looks is what a card shows of a request that changes.
func looks(r *Request) string { return fmt.Sprint(len(r.Decisions), r.Reminded, r.Outcome) }

// show brings the card to the revision that is the newest when it begins, and reports whether people have it.
func (a *asking) show(ctx workflow.Context, id string) bool {
	r := a.find(id)
	now, reminder := looks(r), r.Reminded && !r.Nudged && r.Outcome == ""
	if r.Shown == now {
		return true
	}
	r.Revision++
	card := a.card(r)
	card.Reminder = reminder
	a.posting++
	posted, err := do(workflow.WithActivityOptions(ctx, shown), activities.AskPeople, card)
	a.posting--
	if err != nil {
		workflow.GetLogger(ctx).Warn("people not asked", "request", id, "error", err)
		return false
	}
	r = a.find(id) // others may have been added meanwhile
	r.Shown, r.Nudged = now, r.Nudged || reminder
	if posted.TS != "" {
		r.Card = posted
	}
	return true
}

// pending are the requests that wait.
func (a *asking) pending(workflowID string) (list []activities.PendingApproval) {
	for i := range *a.requests {
		r := &(*a.requests)[i]
		if r.Outcome != "" {
			continue
		}
		p := activities.PendingApproval{
			Request: r.Action.ID, Workflow: workflowID, Digest: r.Digest, Actions: r.actions(), Expires: r.Expires, Needs: r.needs(),
		}
		for _, d := range r.Decisions {
			p.Approved = append(p.Approved, d.By)
		}
		list = append(list, p)
	}
	return list
}
