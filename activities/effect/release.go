package effect

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Release ends a batch of containments on one system and reads back that each is gone. It asks for no approval and
// obeys no limit and no kill switch. What another action still holds stays in force: then only the holder goes.
func (e *Envelope) Release(ctx context.Context, batch activities.Batch) (activities.Settled, error) {
	driver, err := e.batchDriver(batch)
	if err != nil {
		return activities.Settled{}, err
	}
	held := make([]soar.Containment, len(batch.Orders))
	var ending []soar.Containment
	var places []int
	for i, order := range batch.Orders {
		mine, ok, err := e.holder(ctx, order.Action)
		if err != nil {
			return activities.Settled{}, err
		}
		if !ok { // the register lost it, or never had it: its marks are removed all the same
			mine = planned(order)
		}
		if held[i] = mine; mine.Live() {
			mine.State, mine.Reason, mine.ReleasedBy = soar.Released, "", cmp.Or(order.ReleasedBy, "expiry")
			ending, places = append(ending, mine), append(places, i)
		}
	}
	if err := e.letGo(ctx, driver, ending); err != nil {
		return activities.Settled{}, err
	}
	for n, i := range places {
		held[i] = ending[n]
	}
	return activities.Settled{Containments: held}, nil
}

// letGo makes each of held, whose state is the final one already, no holder any more. The undo runs for those that were
// the last holder of their target, together with the marks that earlier holders left there.
func (e *Envelope) letGo(ctx context.Context, driver activities.Driver, held []soar.Containment) error {
	undo := map[string][]soar.Action{} // by the target's key
	var batch []soar.Action
	for i := range held {
		left, err := e.beginRelease(ctx, &held[i])
		if err != nil {
			return err
		}
		if len(left) > 0 {
			undo[held[i].Action.Key()] = left
			batch = append(batch, left...)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	if err := driver.Undo(ctx, batch); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	seen, err := observe(ctx, driver, batch)
	if err != nil {
		return err
	}
	stays := map[string]bool{}
	for n, action := range batch {
		stays[action.Key()] = stays[action.Key()] || !seen[n].Gone()
	}
	return e.endRelease(ctx, held, undo, stays)
}

// beginRelease returns the actions whose marks must go now that held lets go; none while another holds the target.
func (e *Envelope) beginRelease(ctx context.Context, held *soar.Containment) (undo []soar.Action, err error) {
	entry, err := e.Register.Get(ctx, held.Action.Key())
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	if entry.HeldByOthers(held.Action.ID) {
		if err := e.auditEnd(ctx, held, "the target stays: another action holds it"); err != nil {
			return nil, err
		}
	}
	err = e.Register.Change(ctx, held.Action.Key(), func(entry *soar.RegisterEntry) error {
		if undo = nil; entry.HeldByOthers(held.Action.ID) {
			entry.Leave(held.Action)
			entry.Put(*held)
			return nil
		}
		entry.Releasing = held.Action.ID
		undo = append(undo, entry.Left...)
		undo = append(undo, held.Action)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	return undo, nil
}

// endRelease registers what is gone, and says what is not.
func (e *Envelope) endRelease(ctx context.Context, held []soar.Containment, undo map[string][]soar.Action, stays map[string]bool) error {
	ctx, cancel := survive(ctx)
	defer cancel()
	var stuck []string
	for i := range held {
		key := held[i].Action.Key()
		if undo[key] == nil {
			continue
		}
		if stays[key] {
			stuck = append(stuck, held[i].Action.String())
			continue
		}
		if err := e.auditEnd(ctx, &held[i], ""); err != nil {
			return err
		}
		err := e.Register.Change(ctx, key, func(entry *soar.RegisterEntry) error {
			entry.Put(held[i])
			entry.Left, entry.Releasing = nil, ""
			return nil
		})
		if err != nil {
			return fmt.Errorf("register: %w", err)
		}
	}
	if len(stuck) > 0 {
		return fmt.Errorf("released, but still in force: %s", strings.Join(stuck, ", "))
	}
	return nil
}

// auditEnd stamps the end and writes it to the audit log.
func (e *Envelope) auditEnd(ctx context.Context, held *soar.Containment, note string) error {
	if held.State == soar.Released {
		now := e.Now()
		held.ReleasedAt, held.Reason = &now, note
	}
	return e.audit(ctx, *held, string(held.State))
}
