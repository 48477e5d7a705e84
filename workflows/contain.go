package workflows

import (
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// alarmAfter is how long a release may fail until people are told; it goes on trying.
const alarmAfter = 10 * time.Minute

// settleWithin is how long a device may take to answer a wish; then the wish is sent again.
const settleWithin = 2 * time.Minute

// Containing is what a containment starts with. Held is set when reconcile starts it again for an entry of the register
// that has no workflow, or when a long run goes on as a new one: then nothing is applied, and what is held is held on.
type Containing struct {
	Order    activities.Order    `json:"order"`
	Settings activities.Settings `json:"settings"`
	Held     *soar.Containment   `json:"held,omitempty"`
	Incident string              `json:"incident"`      // workflow id of the incident, which is told how it stands
	End      *Ending             `json:"end,omitempty"` // set once the release has begun
}

// Ending is a release that has begun; it goes from run to run.
type Ending struct {
	By      string    `json:"by"` // a person, or "expiry"
	Began   time.Time `json:"began"`
	Alarmed bool      `json:"alarmed,omitempty"` // people were told that it does not succeed
	// Given are the people's decisions to give it up.
	Given []soar.Decision `json:"given,omitempty"`
}

// startContain starts a containment that no end of the incident ends. ABANDON covers close, failure, termination and
// continue-as-new; a cancel would still reach the child through ctx, hence the disconnected one. It waits for the start
// alone: a parent that closes earlier starts no child.
func startContain(ctx workflow.Context, in Containing) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	reuse := enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE // an action is carried out once
	if in.Held != nil {
		reuse = enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	}
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            activities.ContainID(in.Order.Action.ID),
		WorkflowIDReusePolicy: reuse,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         clip(in.Order.String(), maxSummary),
	})
	return workflow.ExecuteChildWorkflow(ctx, Contain, in).GetChildWorkflowExecution().Get(ctx, nil)
}

// Contain holds one containment from its effect to its verified release. A cancel is no release: only a person or the
// expiry is.
func Contain(ctx workflow.Context, in Containing) (soar.Containment, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	c := containment{in: in}
	if err := c.hearForget(ctx); err != nil {
		return soar.Containment{}, err
	}
	if c.in.End == nil {
		held, err := c.begin(ctx)
		if err != nil {
			return held, err
		}
		c.tell(ctx, held)
		if held.State == soar.Refused {
			return held, nil
		}
		by := c.hold(ctx, &held)
		switch c.in.Held = &held; {
		case !held.Live():
			return held, nil
		case by == "":
			return held, workflow.NewContinueAsNewError(ctx, Contain, c.in)
		}
		c.in.End = &Ending{By: by, Began: workflow.Now(ctx)}
	}
	released, err := c.release(ctx)
	if err == nil {
		c.tell(ctx, released)
	}
	return released, err
}

type containment struct{ in Containing }

// begin admits and carries out, unless the register has it already. What the register does not know to be in force is
// looked at.
func (c *containment) begin(ctx workflow.Context) (soar.Containment, error) {
	if held := c.in.Held; held != nil {
		if held.State == soar.Planned {
			held.State, held.Reason = soar.Unconfirmed, "its workflow was lost before it was carried out, or while it was"
		}
		return c.confirm(ctx, *held), nil
	}
	admitted, err := do(workflow.WithActivityOptions(ctx, patient), activities.Admit, c.in.Order)
	if err != nil || admitted.State == soar.Refused {
		return admitted, err
	}
	held, asked := c.carryOut(ctx, admitted)
	if !asked && workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return held, workflow.NewContinueAsNewError(ctx, Contain, c.in)
	}
	if !asked {
		return held, nil
	}
	return c.confirm(ctx, held), nil
}

// maxReason bounds a reason for people.
const maxReason = 300

// carryOut makes the effect. A system that does not take the order is asked again, each time through the envelope, until
// the order expires or a person ends it. asked tells that the system took it: until then nothing is in force, and once
// that has lasted as long as a read-back may, people are told.
func (c *containment) carryOut(ctx workflow.Context, admitted soar.Containment) (held soar.Containment, asked bool) {
	began, told := workflow.Now(ctx), false
	releases := workflow.GetSignalChannel(ctx, activities.ReleaseSignal)
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		held, err := c.settle(ctx, false)
		if err != nil {
			held = notSettled(c.in.Order, err)
		}
		if held.State != soar.Planned && (held.State != soar.Unconfirmed || held.AppliedAt != nil) {
			return held, true
		}
		held.AppliedAt, held.ConfirmedAt, held.Reason = admitted.AppliedAt, admitted.ConfirmedAt, clip("not carried out yet: "+held.Reason, maxReason)
		if admitted.State != soar.Planned { // it may be in force from before
			held.State = soar.Unconfirmed
		}
		var fault *temporal.ApplicationError
		final := errors.As(err, &fault) && fault.NonRetryable()
		if !told && (final || workflow.Now(ctx).Sub(began) >= c.in.Settings.ConfirmWithin) {
			told = true
			c.tell(ctx, held)
			c.warn(ctx, held)
		}
		if final || !workflow.Now(ctx).Before(c.in.Order.Expires) || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return held, false
		}
		options := workflow.AwaitOptions{Timeout: pause, TimerOptions: workflow.TimerOptions{Summary: "carry out again"}}
		if ended, err := workflow.AwaitWithOptions(ctx, options, func() bool { return releases.Len() > 0 }); ended || err != nil {
			return held, false
		}
	}
}

// settle lets the order (or its end) be carried out: by the device's one writer, or here as a batch of one.
func (c *containment) settle(ctx workflow.Context, release bool) (soar.Containment, error) {
	order := c.in.Order
	if hasOneWriter(order.Action.System) {
		return c.wish(ctx, release)
	}
	step := activities.CarryOut
	if release {
		step = activities.Release
	}
	settled, err := do(workflow.WithActivityOptions(ctx, effecting), step, activities.Batch{System: order.Action.System, Orders: []activities.Order{order}})
	if err != nil {
		return soar.Containment{}, err
	}
	if len(settled.Containments) != 1 {
		return soar.Containment{}, fmt.Errorf("%d answers to one order", len(settled.Containments))
	}
	return settled.Containments[0], nil
}

// wish asks the device's workflow, again when it stays silent: a repeated wish is the same wish.
func (c *containment) wish(ctx workflow.Context, release bool) (held soar.Containment, err error) {
	settled := workflow.GetSignalChannel(ctx, activities.SettledSignal)
	wish := activities.Wish{Order: c.in.Order, Release: release, Reply: workflow.GetInfo(ctx).WorkflowExecution.ID}
	for {
		if _, err := do(workflow.WithActivityOptions(ctx, patient), activities.SendWish, wish); err != nil {
			return held, err
		}
		for {
			heard, _ := settled.ReceiveWithTimeout(ctx, settleWithin, &held)
			if !heard {
				break
			}
			if (held.State == soar.Released) == release { // an answer to an earlier wish is no answer to this one
				return held, nil
			}
			if release {
				return held, nil // the device tells what it could not release
			}
		}
	}
}

// confirm reads back, for systems that show an effect later.
func (c *containment) confirm(ctx workflow.Context, held soar.Containment) soar.Containment {
	deadline := workflow.Now(ctx).Add(c.in.Settings.ConfirmWithin)
	for pause := time.Second; held.State == soar.Unconfirmed && workflow.Now(ctx).Before(deadline); pause *= 2 {
		_ = workflow.NewTimerWithOptions(ctx, min(pause, 15*time.Second), workflow.TimerOptions{Summary: "read back again"}).Get(ctx, nil)
		seen, err := do(workflow.WithActivityOptions(ctx, quick), activities.Confirm, c.in.Order)
		if err == nil && seen.State == soar.Contained {
			return seen
		}
	}
	c.warn(ctx, held)
	return held
}

// warn tells people of what is unconfirmed, or was never taken.
func (c *containment) warn(ctx workflow.Context, held soar.Containment) {
	text := "Unconfirmed: " + c.in.Order.String() + ". It was asked for, and nobody could read it back. It is released in time all the same."
	switch {
	case held.State == soar.Planned:
		text = "Not in force: " + c.in.Order.String() + ". " + held.Reason + ". It is tried again until " + c.in.Order.Expires.UTC().Format(time.RFC3339) + "."
	case held.State != soar.Unconfirmed:
		return
	}
	tellPeople(ctx, activities.Message{
		Incident: c.in.Order.Incident, Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Level: "WARN", Key: c.in.Order.Action.ID + "/" + string(held.State), Text: text,
	})
}

// tell reports to whichever run of the incident is there; one that has closed needs no report.
func (c *containment) tell(ctx workflow.Context, held soar.Containment) {
	if c.in.Incident == "" {
		return
	}
	if err := workflow.SignalExternalWorkflow(ctx, c.in.Incident, "", activities.StandsSignal, held).Get(ctx, nil); err != nil {
		workflow.GetLogger(ctx).Info("incident not told", "action", held.Action.ID, "error", err)
	}
}

// release tries until it is read back as gone; after ten minutes people are told, once, and it goes on.
func (c *containment) release(ctx workflow.Context) (soar.Containment, error) {
	end := c.in.End
	c.in.Order.ReleasedBy = end.By
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		released, err := c.settle(ctx, true)
		if err == nil && released.State == soar.Released {
			return released, nil
		}
		if !end.Alarmed && workflow.Now(ctx).Sub(end.Began) >= alarmAfter {
			end.Alarmed = true
			tellPeople(ctx, activities.Message{
				Incident: c.in.Order.Incident, Workflow: workflow.GetInfo(ctx).WorkflowExecution.ID, Level: "ERROR", Key: c.in.Order.Action.ID + "/held",
				Text: "Can't release " + c.in.Order.String() + " for ten minutes. Sallyport goes on trying; look at the system.",
			})
		}
		options := workflow.AwaitOptions{Timeout: pause, TimerOptions: workflow.TimerOptions{Summary: "release again"}}
		if _, err := workflow.AwaitWithOptions(ctx, options, c.givenUp); err != nil {
			return *c.in.Held, err
		}
		if c.givenUp() {
			return do(workflow.WithActivityOptions(ctx, patient), activities.Forget, activities.ForgetRequest{Order: c.in.Order, Decisions: end.Given})
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return *c.in.Held, workflow.NewContinueAsNewError(ctx, Contain, c.in)
		}
	}
}
