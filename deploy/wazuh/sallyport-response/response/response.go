package response

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// Firewall is the packet filter as this program uses it: sets of addresses whose packets are dropped.
type Firewall interface {
	// Look returns the target's element as the filter has it now.
	Look(ctx context.Context, target netip.Addr) (Element, error)
	// Put makes the element ours for that long, replacing ours, and sees to it that the set is enforced.
	Put(ctx context.Context, target netip.Addr, last time.Duration) error
	// Remove takes our element away; none is no error.
	Remove(ctx context.Context, target netip.Addr) error
}

// Element is an address in the set.
type Element struct {
	Present  bool
	Ours     bool          // bears our comment; else an administrator put it there
	Left     time.Duration // until the kernel lifts it; 0: never
	Enforced bool          // the rules that drop the set are in place
}

// Store keeps who holds what. Update runs change alone: no other process or call sees or makes a change meanwhile. What
// change did to the holders is kept when it calls save, and when it returns, with an error too.
type Store interface {
	Update(ctx context.Context, change func(holders Holders, save func() error) error) error
}

// Holders are, by target, the actions that hold it, and until when.
type Holders map[string]map[string]time.Time

// live drops what is over, and returns the target's holders.
func (h Holders) live(target string, now time.Time) map[string]time.Time {
	for name, held := range h {
		for id, until := range held {
			if !until.After(now) {
				delete(held, id)
			}
		}
		if len(held) == 0 {
			delete(h, name)
		}
	}
	return h[target]
}

// hold notes that an action wants a target until then.
func (h Holders) hold(target, action string, until time.Time) map[string]time.Time {
	if h[target] == nil {
		h[target] = map[string]time.Time{}
	}
	h[target][action] = until
	return h[target]
}

// Program carries requests out.
type Program struct {
	Firewall Firewall
	Store    Store
	// Protected says why a target must not be blocked (RefusedOwn, RefusedGateway, RefusedResolver, RefusedManager), or "".
	// An error says that it can't be known, and means no.
	Protected func(ctx context.Context, target netip.Addr) (refused string, err error)
	Now       func() time.Time
}

// Run carries one line out and says what it saw afterwards.
func (p *Program) Run(ctx context.Context, line []byte) Result {
	request, err := Parse(line)
	result := newResult(request, p.Now())
	if err != nil {
		result.Error, result.Detail = BadRequest, err.Error()
		return result
	}
	if request.Verb == Block {
		if result.Error, result.Detail = p.refuse(ctx, request.Target); result.Error != "" {
			request.Verb = Status // say how it stands all the same
		}
	}
	filter := error(nil)
	err = p.Store.Update(ctx, func(holders Holders, save func() error) error {
		filter = p.carryOut(ctx, request, holders, save, &result)
		return nil
	})
	switch {
	case result.Error != "":
	case filter != nil:
		result.Error, result.Detail = FilterFailed, filter.Error()
	case err != nil:
		result.Error, result.Detail = StateFailed, err.Error()
	}
	return result
}

// refuse says why a target must not be blocked; an address that carries another inside is judged by both.
func (p *Program) refuse(ctx context.Context, target netip.Addr) (refused, detail string) {
	for _, address := range forms(target) {
		if special(address) {
			return RefusedSpecial, ""
		}
		refused, err := p.Protected(ctx, address)
		if err != nil {
			return RefusedUnknown, err.Error()
		}
		if refused != "" {
			return refused, ""
		}
	}
	return "", ""
}

// carryOut does the verb and fills in how it stands. A hold is saved before the filter is changed, and its end after
// that: whenever the program dies in between, the next call finds the hold and can end it.
func (p *Program) carryOut(ctx context.Context, r Request, holders Holders, save func() error, result *Result) error {
	now := p.Now()
	held := holders.live(r.Target.String(), now)
	switch r.Verb {
	case Block:
		held = holders.hold(r.Target.String(), r.Action, now.Add(r.For))
		if err := save(); err != nil {
			return err
		}
	case Unblock:
		delete(held, r.Action)
	}
	if r.Verb != Status {
		if err := p.bring(ctx, r.Target, longest(held, now)); err != nil {
			return err
		}
	}
	seen, err := p.Firewall.Look(ctx, r.Target)
	if err != nil {
		return err
	}
	result.tell(r.Action, held, seen)
	if r.Verb == Block && !result.InForce {
		return errors.New("the element is not in force after the change")
	}
	return nil
}

// tell fills in how a target stands.
func (r *Result) tell(action string, held map[string]time.Time, seen Element) {
	_, r.Ours = held[action]
	r.Holders = len(held)
	r.InForce = seen.Present && seen.Enforced
	r.Left = int(seen.Left / time.Second)
	foreign := seen.Present && !seen.Ours
	r.Shared = foreign || len(held) > 1 || (len(held) == 1 && !r.Ours)
}

// bring makes the filter hold the target for last; 0 means not at all. An administrator's element stays as it is.
func (p *Program) bring(ctx context.Context, target netip.Addr, last time.Duration) error {
	seen, err := p.Firewall.Look(ctx, target)
	if err != nil {
		return err
	}
	foreign := seen.Present && !seen.Ours
	switch {
	case last <= 0 && (foreign || !seen.Present):
		return nil
	case last <= 0:
		return p.Firewall.Remove(ctx, target)
	case foreign && seen.Enforced:
		return nil
	case seen.Present && seen.Enforced && (seen.Left-last).Abs() < time.Second:
		return nil
	}
	return p.Firewall.Put(ctx, target, last)
}

// longest is how long the last of the holders still wants its hold.
func longest(held map[string]time.Time, now time.Time) (last time.Duration) {
	for _, until := range held {
		last = max(last, until.Sub(now))
	}
	return last
}
