package workflows

import (
	"time"

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

// settleBatch carries out the wishes of one direction, once per action, and answers them. A batch that failed is
// answered as unconfirmed: each containment wishes again for as long as it may.
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
	settled, err := do(workflow.WithActivityOptions(ctx, quick), step, batch)
	for i, reply := range replies {
		held := soar.Containment{Action: batch.Orders[i].Action, Incident: batch.Orders[i].Incident, State: soar.Unconfirmed, Expires: batch.Orders[i].Expires}
		if err != nil {
			held.Reason = said(err)
		} else if i < len(settled.Containments) {
			held = settled.Containments[i]
		}
		if err := workflow.SignalExternalWorkflow(ctx, reply, "", activities.SettledSignal, held).Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("containment not told", "action", held.Action.ID, "error", err)
		}
	}
}

func holds(batch activities.Batch, actionID string) bool {
	for _, order := range batch.Orders {
		if order.Action.ID == actionID {
			return true
		}
	}
	return false
}
