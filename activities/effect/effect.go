// Package effect is the safety envelope: the same checks, once, around every driver, in two halves. Admit, per action,
// before: digest, grant, protected assets, kill switch, limits, register. Carry out, per batch: kill switch and
// protected assets again, apply, read back, register, audit. Release ends what was admitted, and always may.
//
// A refusal is an answer (State refused, with the reason). An error means that we don't know: every method may be
// repeated, since the register remembers what was admitted and drivers adopt what an earlier attempt put there.
package effect

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Register remembers every containment outside Temporal: one entry per target on a system. A write is durable when
// the call returns.
type Register interface {
	// Get returns the entry of key; an empty one if there is none.
	Get(ctx context.Context, key string) (soar.RegisterEntry, error)
	// Change reads the entry of key, lets change alter it and writes it by compare-and-set, again from the start when
	// somebody else wrote in between. change may run several times; its error ends it unwritten.
	Change(ctx context.Context, key string, change func(*soar.RegisterEntry) error) error
	// Live lists the entries that have a holder which is not over.
	Live(ctx context.Context) ([]soar.RegisterEntry, error)
	// Limits returns how limits and kill switch were last kept; revision 0 if they never were.
	Limits(ctx context.Context) (activities.LimitsState, error)
	// KeepLimits keeps them; an older revision than the kept one changes nothing.
	KeepLimits(ctx context.Context, state activities.LimitsState) error
}

// Limits cap how much may happen, and hold the kill switch. An error is "no answer", and that means no.
type Limits interface {
	// Reserve asks for room for one action; asking again for the same action changes nothing more.
	Reserve(ctx context.Context, r activities.Reservation) (activities.Reserved, error)
	// Return gives room back that was reserved and not used.
	Return(ctx context.Context, r activities.Reservation) error
	// State tells how limits and kill switch stand.
	State(ctx context.Context) (activities.SwitchState, error)
}

// Rules say how much of one kind the policy allows.
type Rules interface {
	// Cap returns how many actions of kind may happen in one window. An unknown kind is an error, and that means no.
	Cap(kind string) (limit activities.Cap, window time.Duration, err error)
}

// Envelope carries out orders through the driver of the system that they name. Every field is needed.
type Envelope struct {
	Drivers   map[string]activities.Driver
	Protected *Protected
	Register  Register
	Limits    Limits
	Rules     Rules
	GrantKey  ed25519.PublicKey
	// Audit appends to the audit log; it is the step of that name.
	Audit func(ctx context.Context, e activities.AuditEntry) (activities.None, error)
	Now   func() time.Time
}

// clockSkew is how far the clocks of two of our machines may differ.
const clockSkew = time.Minute

// driver returns the driver of the batch's system.
func (e *Envelope) driver(system string) (activities.Driver, error) {
	driver, ok := e.Drivers[system]
	if !ok {
		return nil, activities.Permanent(fmt.Errorf("no driver for system %q: is it configured?", system))
	}
	return driver, nil
}

// checkOrder returns why the order itself can't be right: an incomplete action, no expiry, one that lies too far.
func (e *Envelope) checkOrder(o activities.Order) error {
	if err := activities.CheckBatch([]soar.Action{o.Action}); err != nil {
		return err
	}
	now := e.Now()
	switch {
	case o.Incident == "":
		return errors.New("the order names no incident")
	case o.Action.For <= 0:
		return errors.New("the action has no expiry: every containment ends")
	case !o.Expires.After(now):
		return errors.New("the order has no expiry in the future")
	case o.Expires.After(now.Add(o.Action.For + clockSkew)):
		return fmt.Errorf("the order expires later than the %s that were planned", o.Action.For)
	}
	return nil
}

// CheckGrant returns why grant does not permit action: another action, another incident, no signature of key's owner.
func CheckGrant(key ed25519.PublicKey, action soar.Action, incident string, grant soar.Grant) error {
	switch {
	case len(key) != ed25519.PublicKeySize:
		return errors.New("there is no key to check grants with")
	case len(grant.Signature) == 0:
		return errors.New("the action was not granted")
	case grant.ActionDigest != action.Digest():
		return errors.New("the grant is for another action")
	case grant.Incident == "" || grant.Incident != incident:
		return errors.New("the grant is for another incident")
	case !ed25519.Verify(key, grant.Signed(), grant.Signature):
		return errors.New("the grant's signature is wrong")
	case grant.Mode != action.Mode:
		return errors.New("the grant is for another mode")
	case action.Mode == soar.Ask && len(grant.Approvers()) < max(1, action.RequiresPeople):
		return fmt.Errorf("%d of %d people approved", len(grant.Approvers()), max(1, action.RequiresPeople))
	}
	return nil
}

// checkGrantTimes returns why a grant can't be used now for something that ends at expires; a zero expires ends by itself.
func (e *Envelope) checkGrantTimes(grant soar.Grant, expires time.Time) error {
	now := e.Now()
	switch {
	case grant.At.After(now.Add(clockSkew)):
		return errors.New("the grant is of a time to come: do the clocks agree?")
	case now.After(grant.NotAfter):
		return errors.New("the grant is too old to begin with")
	case expires.After(grant.Until.Add(clockSkew)):
		return errors.New("the grant does not permit to hold for so long")
	}
	return nil
}

// checkProtected returns why the target may not be touched. Only an override, which two people signed for, opens it.
func (e *Envelope) checkProtected(action soar.Action, grant soar.Grant) error {
	if grant.Override {
		return e.Protected.checkForm(action)
	}
	return e.Protected.Check(action)
}

// checkSwitch returns why nothing new may begin now.
func (e *Envelope) checkSwitch(ctx context.Context) error {
	state, err := e.Limits.State(ctx)
	if err != nil {
		return fmt.Errorf("the kill switch can't be read: %w", err)
	}
	if state.Halted {
		return fmt.Errorf("halted by %s: %s", state.By, state.Reason)
	}
	return nil
}

// reservation is what an action asks of the limits.
func (e *Envelope) reservation(action soar.Action) (activities.Reservation, error) {
	limit, window, err := e.Rules.Cap(action.Kind)
	if err != nil {
		return activities.Reservation{}, fmt.Errorf("no limit is known for %s: %w", action.Kind, err)
	}
	return activities.Reservation{ActionID: action.ID, Kind: action.Kind, System: action.System, Target: action.Target, Cap: limit, Window: window}, nil
}

// reserve takes room for one action, or says why there is none.
func (e *Envelope) reserve(ctx context.Context, action soar.Action) error {
	wanted, err := e.reservation(action)
	if err != nil {
		return err
	}
	reserved, err := e.Limits.Reserve(ctx, wanted)
	if err != nil {
		return fmt.Errorf("the limits can't be asked: %w", err)
	}
	if !reserved.Granted {
		return fmt.Errorf("beyond the limit: %s", reserved.Reason)
	}
	return nil
}

// giveBack returns an action's room; what can't be returned frees itself when the window has passed.
func (e *Envelope) giveBack(ctx context.Context, action soar.Action) {
	if wanted, err := e.reservation(action); err == nil {
		_ = e.Limits.Return(ctx, wanted)
	}
}

// planned is the register's entry of an order before its effect.
func planned(o activities.Order) soar.Containment {
	return soar.Containment{Action: o.Action, Incident: o.Incident, IncidentKey: o.IncidentKey, Grant: o.Grant, State: soar.Planned, Receipt: o.Action.ID, Expires: o.Expires}
}

func refused(c soar.Containment, reason error) soar.Containment {
	c.State, c.Reason = soar.Refused, reason.Error()
	return c
}
