package effect

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Admit checks whether an action may be carried out, and registers it. Asking again for an admitted action returns
// what the register has, with its expiry moved if the new order ends later (a hold that was approved).
func (e *Envelope) Admit(ctx context.Context, order activities.Order) (soar.Containment, error) {
	held := planned(order)
	if err := e.checkOrder(order); err != nil {
		return e.refuse(ctx, held, err)
	}
	if _, err := e.driver(order.Action.System); err != nil {
		return e.refuse(ctx, held, err)
	}
	if err := CheckGrant(e.GrantKey, order.Action, order.Incident, order.Grant); err != nil {
		return e.refuse(ctx, held, err)
	}
	entry, err := e.Register.Get(ctx, order.Action.Key())
	if err != nil {
		return held, fmt.Errorf("register: %w", err)
	}
	if mine, ok := entry.Holder(order.Action.ID); ok {
		return e.admitAgain(ctx, mine, order)
	}
	if err := e.mayBegin(ctx, order); err != nil {
		if ctx.Err() != nil { // we are being stopped: nobody said no
			return held, fmt.Errorf("admit: %w", ctx.Err())
		}
		e.giveBack(ctx, order.Action)
		return e.refuse(ctx, held, err)
	}
	if err := e.audit(ctx, held, "admitted"); err != nil { // before the register: a retry finds its own line by its cause
		return held, err
	}
	if err := e.register(ctx, &held); err != nil {
		return held, fmt.Errorf("register: %w", err)
	}
	return held, nil
}

// mayBegin asks what can change from one moment to the next: protected assets, limits, kill switch.
func (e *Envelope) mayBegin(ctx context.Context, order activities.Order) error {
	if err := e.checkGrantTimes(order.Grant, order.Expires); err != nil {
		return err
	}
	if err := e.checkProtected(order.Action, order.Grant); err != nil {
		return err
	}
	if err := e.reserve(ctx, order.Action); err != nil {
		return err
	}
	return e.checkSwitch(ctx)
}

var errReleasing = errors.New("the target is being released for another action: ask again")

// register makes the action a holder of its target; a twin of this call that was faster wins.
func (e *Envelope) register(ctx context.Context, held *soar.Containment) error {
	return e.Register.Change(ctx, held.Action.Key(), func(entry *soar.RegisterEntry) error {
		if mine, ok := entry.Holder(held.Action.ID); ok {
			*held = mine
			return nil
		}
		if entry.Releasing != "" {
			return errReleasing
		}
		entry.Put(*held)
		return nil
	})
}

// admitAgain answers for an action that the register knows.
func (e *Envelope) admitAgain(ctx context.Context, mine soar.Containment, order activities.Order) (soar.Containment, error) {
	if mine.Action.Digest() != order.Action.Digest() {
		return e.refuse(ctx, planned(order), errors.New("another action was admitted under this id"))
	}
	if !mine.Live() || !order.Expires.After(mine.Expires) {
		return mine, nil
	}
	if e.checkProtected(order.Action, order.Grant) != nil || e.checkGrantTimes(order.Grant, order.Expires) != nil {
		return mine, nil // it is not renewed, and ends when it was to end
	}
	mine.Expires, mine.Grant = order.Expires, order.Grant
	if err := e.audit(ctx, mine, "renewed"); err != nil {
		return mine, err
	}
	return mine, e.save(ctx, &mine)
}

// refuse answers no. The refusal stands in the audit log, not in the register: nothing was done.
func (e *Envelope) refuse(ctx context.Context, held soar.Containment, reason error) (soar.Containment, error) {
	held = refused(held, reason)
	return held, e.audit(ctx, held, "refused")
}

// save writes a holder back. What ended meanwhile stays ended, and an expiry that was moved stays moved: then held says so.
func (e *Envelope) save(ctx context.Context, held *soar.Containment) error {
	wanted := *held
	err := e.Register.Change(ctx, held.Action.Key(), func(entry *soar.RegisterEntry) error {
		*held = wanted
		if there, ok := entry.Holder(held.Action.ID); ok && !there.Live() {
			*held = there
		} else if ok && there.Expires.After(held.Expires) {
			held.Expires, held.Grant = there.Expires, there.Grant
		}
		entry.Put(*held)
		return nil
	})
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	return nil
}
