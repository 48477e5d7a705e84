package effect

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// stillMay returns the register's word on an order, refused if it may not begin any more, and whether it goes on to the
// driver. Whatever was not read back begins as if for the first time: it was asked for, which is not "in force".
func (e *Envelope) stillMay(ctx context.Context, driver activities.Driver, order activities.Order) (mine soar.Containment, goes bool, err error) {
	mine, ok, err := e.holder(ctx, order.Action)
	switch {
	case err != nil:
		return mine, false, err
	case !ok:
		mine, err = e.refuse(ctx, planned(order), errNotAdmitted)
		return mine, false, err
	case mine.Action.Digest() != order.Action.Digest():
		mine, err = e.refuse(ctx, planned(order), errors.New("another action was admitted under this id"))
		return mine, false, err
	case !mine.Live():
		return mine, false, nil
	case mine.State == soar.Contained: // applying it again renews and repairs, for as long as it may stand
		return mine, e.mayStand(mine) == nil, nil
	}
	reason := e.mayGoOn(ctx, mine)
	if reason == nil {
		return mine, true, nil
	}
	if ctx.Err() != nil {
		return mine, false, fmt.Errorf("carry out: %w", ctx.Err())
	}
	mine, err = e.withdraw(ctx, driver, mine, reason)
	return mine, false, err
}

// mayStand asks what may have changed since the order was admitted: its expiry, its grant, and what is protected.
func (e *Envelope) mayStand(mine soar.Containment) error {
	if !mine.Expires.After(e.Now()) {
		return errors.New("expired before it was carried out")
	}
	if err := CheckGrant(e.GrantKey, mine.Action, mine.Incident, mine.Grant); err != nil {
		return err
	}
	return e.checkProtected(mine.Action, mine.Grant)
}

// mayGoOn asks once more, just before the effect, what may have changed since the order was admitted. The kill switch
// stops new effects only: what is known to be in force is not asked about it.
func (e *Envelope) mayGoOn(ctx context.Context, mine soar.Containment) error {
	if err := e.mayStand(mine); err != nil {
		return err
	}
	return e.checkSwitch(ctx)
}

// withdraw refuses an admitted order: whatever an attempt that was cut off left of it is undone first.
func (e *Envelope) withdraw(ctx context.Context, driver activities.Driver, mine soar.Containment, reason error) (soar.Containment, error) {
	seen, err := observe(ctx, driver, []soar.Action{mine.Action})
	if err != nil {
		return mine, err
	}
	entry, err := e.Register.Get(ctx, mine.Action.Key())
	if err != nil {
		return mine, fmt.Errorf("register: %w", err)
	}
	mine = refused(mine, reason)
	if !seen[0].Gone() || len(entry.Left) > 0 { // also what an undo that was cut off left in force without its mark
		mine.Reason += "; what an attempt without an answer had put in force is undone"
		held := []soar.Containment{mine}
		err = e.letGo(ctx, driver, held)
		mine = held[0]
	} else if err = e.audit(ctx, mine, "refused"); err == nil {
		err = e.save(ctx, &mine)
	}
	if err == nil {
		e.giveBack(ctx, mine.Action)
	}
	return mine, err
}
