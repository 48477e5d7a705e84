package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// deviceIdle is how long a device's workflow waits for another wish before it ends; the next wish starts it again.
const deviceIdle = 5 * time.Minute

// Device is the one writer of an appliance whose API reads, modifies and writes back. It takes what waits as a batch,
// carries it out, reads back, and answers each wish.
func Device(ctx workflow.Context, system string) error {
	wishes := workflow.GetSignalChannel(ctx, activities.WishSignal)
	for {
		var first activities.Wish
		if heard, _ := wishes.ReceiveWithTimeout(ctx, deviceIdle, &first); !heard {
			return nil
		}
		batch := append([]activities.Wish{first}, waiting(wishes)...)
		for _, release := range []bool{true, false} { // what ends goes first: it never waits for what begins
			settleBatch(ctx, system, release, batch)
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && wishes.Len() == 0 {
			return workflow.NewContinueAsNewError(ctx, Device, system)
		}
	}
}

func waiting(wishes workflow.ReceiveChannel) (list []activities.Wish) {
	for {
		var wish activities.Wish
		if !wishes.ReceiveAsync(&wish) {
			return list
		}
		list = append(list, wish)
	}
}

// settleBatch carries out the wishes of one direction, once per action, and answers each.
func settleBatch(ctx workflow.Context, system string, release bool, wishes []activities.Wish) {
	batch, replies := activities.Batch{System: system}, []string{}
	for _, wish := range wishes {
		if wish.Release != release || holds(batch, wish.Order.Action.ID) {
			continue
		}
		batch.Orders, replies = append(batch.Orders, wish.Order), append(replies, wish.Reply)
	}
	if len(batch.Orders) == 0 {
		return
	}
	step := activities.CarryOut
	if release {
		step = activities.Release
	}
	for i, held := range settleEach(ctx, step, batch) {
		if err := workflow.SignalExternalWorkflow(ctx, replies[i], "", activities.SettledSignal, held).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("containment not told", "action", held.Action.ID, "error", err)
		}
	}
}

// settleEach carries a batch out, and where that fails each of its orders by itself: one that can't be carried out
// keeps none of the others. What failed is answered as it stood before, and its containment wishes again for as long as
// it may.
func settleEach(ctx workflow.Context, step activities.Step[activities.Batch, activities.Settled], batch activities.Batch) []soar.Containment {
	settled, err := do(workflow.WithActivityOptions(ctx, effecting), step, batch)
	if err == nil && len(settled.Containments) == len(batch.Orders) {
		return settled.Containments
	}
	if len(batch.Orders) == 1 {
		return []soar.Containment{notSettled(batch.Orders[0], err)}
	}
	answers := make([]soar.Containment, 0, len(batch.Orders))
	for _, order := range batch.Orders {
		answers = append(answers, settleEach(ctx, step, activities.Batch{System: batch.System, Orders: []activities.Order{order}})...)
	}
	return answers
}

// notSettled is the answer to an order that failed. Only where it is sure that the system was not asked, it stands as
// before; else it may be in force.
func notSettled(o activities.Order, err error) soar.Containment {
	held := soar.Containment{Action: o.Action, Incident: o.Incident, IncidentKey: o.IncidentKey, Grant: o.Grant, State: soar.Unconfirmed, Expires: o.Expires}
	if held.Reason = "the answer does not fit the order"; err != nil {
		held.Reason = clip(cause(err), maxReason)
	}
	if neverAsked(err) {
		held.State = soar.Planned
	}
	return held
}

// neverAsked reports whether a step's error says that nothing was asked of the system.
func neverAsked(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if fault, ok := err.(*temporal.ApplicationError); ok && fault.Type() == activities.NotAskedType { //nolint:errorlint // along the chain
			return true
		}
	}
	return false
}

// cause is what a step said, without what the engine says around it.
func cause(err error) string {
	if fault, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return fault.Message()
	}
	return err.Error()
}

func holds(batch activities.Batch, actionID string) bool {
	for _, order := range batch.Orders {
		if order.Action.ID == actionID {
			return true
		}
	}
	return false
}
