package effect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// CarryOut puts a batch of admitted orders in force on one system and reads each back. What is not seen is
// unconfirmed, never a success. An order that may not begin any more is refused alone; the others go on.
func (e *Envelope) CarryOut(ctx context.Context, batch activities.Batch) (activities.Settled, error) {
	driver, err := e.batchDriver(batch)
	if err != nil {
		return activities.Settled{}, err
	}
	held := make([]soar.Containment, len(batch.Orders))
	var going []int // orders that go on, by place in the batch
	for i, order := range batch.Orders {
		var goes bool
		if held[i], goes, err = e.stillMay(ctx, driver, order); err != nil {
			return activities.Settled{}, err
		}
		if goes {
			going = append(going, i)
		}
	}
	if len(going) > 0 {
		if err := e.apply(ctx, driver, held, going); err != nil {
			return activities.Settled{}, err
		}
	}
	return activities.Settled{Containments: held}, nil
}

// Confirm reads an effect back, for systems that show it later, and for those that lose it.
func (e *Envelope) Confirm(ctx context.Context, order activities.Order) (soar.Containment, error) {
	driver, err := e.batchDriver(activities.Batch{System: order.Action.System, Orders: []activities.Order{order}})
	if err != nil {
		return planned(order), err
	}
	mine, ok, err := e.holder(ctx, order.Action)
	if err != nil || !ok || !mine.Live() {
		if err == nil && !ok {
			mine = refused(planned(order), errNotAdmitted)
		}
		return mine, err
	}
	held := []soar.Containment{mine}
	err = e.readBack(ctx, driver, held, []int{0})
	return held[0], err
}

// ListContainments lists the register's containments that are not over.
func (e *Envelope) ListContainments(ctx context.Context, _ activities.None) (activities.Containments, error) {
	entries, err := e.Register.Live(ctx)
	if err != nil {
		return activities.Containments{}, fmt.Errorf("register: %w", err)
	}
	var list activities.Containments
	for _, entry := range entries {
		list.Containments = append(list.Containments, entry.Live()...)
	}
	return list, nil
}

var errNotAdmitted = errors.New("was never admitted")

// batchDriver returns the driver that the batch is for, and refuses a batch that is empty, incomplete or mixed.
func (e *Envelope) batchDriver(batch activities.Batch) (activities.Driver, error) {
	if err := activities.CheckBatch(actionsOf(batch.Orders)); err != nil {
		return nil, err
	}
	for _, order := range batch.Orders {
		if order.Action.System != batch.System {
			return nil, activities.Permanent(fmt.Errorf("an order for %q in a batch for %q", order.Action.System, batch.System))
		}
	}
	return e.driver(batch.System)
}

// apply puts the going ones in force, and reads back.
func (e *Envelope) apply(ctx context.Context, driver activities.Driver, held []soar.Containment, going []int) error {
	batch := make([]soar.Action, len(going))
	for n, i := range going {
		batch[n] = held[i].Action
		batch[n].For = max(held[i].Expires.Sub(e.Now()), time.Second) // a system that ends its entries by itself ends them then
	}
	if err := driver.Apply(ctx, batch); err != nil {
		return e.notApplied(ctx, held, going, fmt.Errorf("apply: %w", err))
	}
	now := e.Now()
	for _, i := range going {
		if held[i].AppliedAt == nil {
			held[i].AppliedAt = &now
		}
	}
	err := e.readBack(ctx, driver, held, going)
	if err != nil {
		return errors.Join(err, e.unread(ctx, held, going))
	}
	return nil
}

// notApplied says what an error of Apply means: that nothing was asked for, if that is sure of this attempt and of those
// before it. Else the register says from now on that it is not known.
func (e *Envelope) notApplied(ctx context.Context, held []soar.Containment, going []int, err error) error {
	before := slices.ContainsFunc(going, func(i int) bool { return held[i].State != soar.Planned })
	if activities.IsNotAsked(err) && !before {
		return err
	}
	if failed := e.unread(ctx, held, going); failed != nil {
		return errors.Join(err, failed)
	}
	return activities.Asked(err)
}

// surviving is the time in which what was done is written down, also when the step's own is over.
const surviving = 20 * time.Second

// survive returns a context for writing down what was done: a deadline that passed, or a worker that stops, must not
// leave the register saying less than what is in force.
func survive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), surviving)
}

// unread registers that the going ones were asked for, as far as is known, and that nobody could look: should no retry come, the register
// does not say that nothing was done.
func (e *Envelope) unread(ctx context.Context, held []soar.Containment, going []int) error {
	ctx, cancel := survive(ctx)
	defer cancel()
	for _, i := range going {
		if held[i].State != soar.Planned {
			continue
		}
		held[i].State, held[i].Reason = soar.Unconfirmed, "asked for, but it could not be read back"
		if err := e.audit(ctx, held[i], string(soar.Unconfirmed)); err != nil {
			return err
		}
		if err := e.save(ctx, &held[i]); err != nil {
			return err
		}
	}
	return nil
}

// readBack settles each of the going ones by what the system shows.
func (e *Envelope) readBack(ctx context.Context, driver activities.Driver, held []soar.Containment, going []int) error {
	batch := make([]soar.Action, len(going))
	for n, i := range going {
		batch[n] = held[i].Action
	}
	seen, err := observe(ctx, driver, batch)
	if err != nil {
		return err
	}
	ctx, cancel := survive(ctx)
	defer cancel()
	for n, i := range going {
		before := held[i].State
		e.settle(&held[i], seen[n])
		if held[i].State != before {
			if err := e.audit(ctx, held[i], string(held[i].State)); err != nil {
				return err
			}
		}
		if err := e.save(ctx, &held[i]); err != nil {
			return err
		}
	}
	return nil
}

// settle sets a containment's state by what was seen of it.
func (e *Envelope) settle(c *soar.Containment, seen activities.Observation) {
	now := e.Now()
	switch {
	case seen.InForce && seen.Ours && seen.Left > 0 && seen.Left < c.Expires.Sub(now)-clockSkew:
		c.State, c.Reason = soar.Unconfirmed, fmt.Sprintf("in force, but the system ends it after %s, before its expiry", seen.Left)
	case seen.InForce && seen.Ours:
		c.State, c.Reason, c.ConfirmedAt = soar.Contained, "", &now
	case seen.InForce:
		c.State, c.Reason = soar.Unconfirmed, "in force, but not by this action"
	case c.State == soar.Contained:
		c.State, c.Reason = soar.Unconfirmed, "it was in force, and has vanished before its expiry"
	case c.ConfirmedAt == nil:
		c.State, c.Reason = soar.Unconfirmed, "asked for, but not seen in force"
	default:
		c.State = soar.Unconfirmed // for the reason that it had
	}
}

// holder returns what the register knows of an action.
func (e *Envelope) holder(ctx context.Context, action soar.Action) (soar.Containment, bool, error) {
	entry, err := e.Register.Get(ctx, action.Key())
	if err != nil {
		return soar.Containment{}, false, fmt.Errorf("register: %w", err)
	}
	mine, ok := entry.Holder(action.ID)
	return mine, ok, nil
}

// observe reads a batch back; an answer of another length is an error.
func observe(ctx context.Context, driver activities.Driver, batch []soar.Action) ([]activities.Observation, error) {
	seen, err := driver.Observe(ctx, batch)
	if err != nil {
		return nil, fmt.Errorf("observe: %w", err)
	}
	if len(seen) != len(batch) {
		return nil, fmt.Errorf("observe: %d answers for %d actions", len(seen), len(batch))
	}
	return seen, nil
}

func actionsOf(orders []activities.Order) []soar.Action {
	actions := make([]soar.Action, len(orders))
	for i, order := range orders {
		actions[i] = order.Action
	}
	return actions
}
