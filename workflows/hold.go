package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// hold waits for the expiry, or for a person who ends it earlier; an empty by means that it ended otherwise, or that the
// history has grown long. A hold that was approved is renewed: longer. What is held is read back now and then.
func (c *containment) hold(ctx workflow.Context, held *soar.Containment) (by string) {
	releases, renewals := workflow.GetSignalChannel(ctx, activities.ReleaseSignal), workflow.GetSignalChannel(ctx, activities.RenewSignal)
	for by == "" && held.Live() && !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		timed, cancel := workflow.WithCancel(ctx)
		left := max(0, c.in.Order.Expires.Sub(workflow.Now(ctx)))
		look := c.in.Settings.ReadBack > 0 && c.in.Settings.ReadBack < left
		next := workflow.TimerOptions{Summary: clip("release: "+c.in.Order.String(), maxSummary)}
		if look {
			left, next.Summary = c.in.Settings.ReadBack, clip("read back: "+c.in.Order.String(), maxSummary)
		}
		timer, fired := workflow.NewTimerWithOptions(timed, left, next), false
		workflow.NewSelector(ctx).
			AddFuture(timer, func(f workflow.Future) { fired = f.Get(ctx, nil) == nil }).
			AddReceive(releases, func(ch workflow.ReceiveChannel, _ bool) { ch.Receive(ctx, &by) }).
			AddReceive(renewals, func(ch workflow.ReceiveChannel, _ bool) { c.renew(ctx, ch, held) }).
			Select(ctx)
		cancel()
		switch {
		case fired && look:
			c.look(ctx, held)
		case fired:
			by = "expiry"
		}
	}
	return by
}

// look reads back what is held. What has vanished before its expiry, by an administrator's hand or a restart, is told and
// carried out again, through the envelope. Nobody can look: then it stands as it stood, and the next look tells.
func (c *containment) look(ctx workflow.Context, held *soar.Containment) {
	seen, err := do(workflow.WithActivityOptions(ctx, quick), activities.Confirm, c.in.Order)
	lost := err == nil && seen.State == soar.Refused && seen.AppliedAt == nil // the register has lost it: it is released in time all the same
	if err != nil || lost {
		workflow.GetLogger(ctx).Warn("not read back", "action", c.in.Order.Action.ID, "reason", seen.Reason, "error", err)
		return
	}
	before := held.State
	if *held = seen; seen.State == before && seen.State == soar.Contained {
		return
	}
	if seen.State != before {
		c.tell(ctx, seen)
	}
	if seen.State != soar.Unconfirmed {
		return
	}
	again, asked := c.carryOut(ctx, seen)
	if asked && again.State == soar.Unconfirmed && before != soar.Unconfirmed {
		again = c.confirm(ctx, again)
	}
	if *held = again; again.State != seen.State {
		c.tell(ctx, again)
	}
}

// renew takes a fuller grant and its longer expiry, and carries it out once more: a system whose entry ends by itself
// must learn the new end, and is read back.
func (c *containment) renew(ctx workflow.Context, ch workflow.ReceiveChannel, held *soar.Containment) {
	var order activities.Order
	ch.Receive(ctx, &order)
	admitted, err := do(workflow.WithActivityOptions(ctx, patient), activities.Admit, order)
	if err != nil || !admitted.Live() || admitted.Expires.Before(order.Expires) {
		workflow.GetLogger(ctx).Warn("hold not renewed", "action", order.Action.ID, "reason", admitted.Reason, "error", err)
		held.Reason = "approved, but not renewed: it ends when it was to end"
		c.tell(ctx, *held)
		return
	}
	c.in.Order = order
	renewed, asked := c.carryOut(ctx, admitted)
	if asked { // else the register's word, from before, says nothing of the new end
		renewed = c.confirm(ctx, renewed)
	}
	*held = renewed
	c.tell(ctx, renewed)
}
