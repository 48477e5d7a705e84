package pfsense

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Driver blocks addresses. Each entry's detail is "sallyport" and the ids of the actions that want it;
// an entry without that word is an administrator's and stays as it is.
type Driver struct {
	client      *client
	placeholder netip.Addr
	one         sync.Mutex // two writers at once would lose one another's entries; see change
}

var (
	_ activities.Driver = (*Driver)(nil)
	_ activities.Tagger = (*Driver)(nil)
)

const mark = "sallyport"

// maxDetail is what pfSense takes as one entry's detail, in bytes: some 25 actions on one address.
const maxDetail = 1024

// Observe compares the alias, which says who wants an address, with the table, which says what is enforced. An IPv4
// address that still has states of its own is not contained, whatever the table says.
func (d *Driver) Observe(ctx context.Context, batch []soar.Action) ([]activities.Observation, error) {
	targets, err := check(batch)
	if err != nil {
		return nil, err
	}
	wanted, err := d.client.read(ctx)
	if err != nil && !errors.Is(err, errNoAlias) { // an alias that somebody deleted holds nothing of ours
		return nil, err
	}
	enforced, err := d.client.table(ctx)
	if err != nil && !noTable(err) {
		return nil, err
	}
	seen := make([]activities.Observation, len(batch))
	for i, action := range batch {
		if seen[i].InForce, err = d.enforced(ctx, enforced, targets[i]); err != nil {
			return nil, err
		}
		if at := indexOf(wanted.Address, targets[i]); at >= 0 {
			ids := holders(wanted.Detail[at])
			seen[i].Ours = slices.Contains(ids, action.ID)
			seen[i].Shared = !seen[i].Ours || len(ids) > 1
		}
	}
	return seen, nil
}

// Tagged lists the alias' entries that bear our mark, one action per id.
func (d *Driver) Tagged(ctx context.Context) (actions []soar.Action, err error) {
	have, err := d.client.read(ctx)
	if errors.Is(err, errNoAlias) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i, text := range have.Address {
		target, err := soar.NormalTarget(soar.BlockAddress, text)
		if err != nil {
			continue // a name or a network is none of ours, whatever its detail says
		}
		for _, id := range holders(have.Detail[i]) {
			actions = append(actions, soar.Action{ID: id, Kind: soar.BlockAddress, Target: target})
		}
	}
	return actions, nil
}

func (d *Driver) enforced(ctx context.Context, table []string, target netip.Addr) (bool, error) {
	if indexOf(table, target) < 0 {
		return false, nil
	}
	if !target.Is4() {
		return true, nil
	}
	alive, err := d.client.hasStates(ctx, target)
	return !alive, err
}

// Apply adds each address, or its action's id where another action holds it already; then it ends the connections that
// the new rule would let live.
func (d *Driver) Apply(ctx context.Context, batch []soar.Action) error {
	targets, err := check(batch)
	if err != nil {
		return err
	}
	if err := d.change(ctx, batch, targets, hold); err != nil {
		return err
	}
	for _, target := range targets {
		if target.Is4() {
			if err := d.client.killStates(ctx, target); err != nil {
				return err
			}
		}
	}
	return nil
}

// Undo takes each action's id away, and the address with the last id.
func (d *Driver) Undo(ctx context.Context, batch []soar.Action) error {
	targets, err := check(batch)
	if err != nil {
		return err
	}
	err = d.change(ctx, batch, targets, d.letGo)
	if errors.Is(err, errNoAlias) {
		return nil // somebody deleted the alias, and our entries with it; Observe tells whether that is in force
	}
	return err
}

func hold(e *entries, target netip.Addr, id string) error {
	at := indexOf(e.Address, target)
	switch {
	case at < 0:
		e.Address = append(e.Address, target.String())
		e.Detail = append(e.Detail, mark+" "+id)
	case isOurs(e.Detail[at]) && !slices.Contains(holders(e.Detail[at]), id):
		if e.Detail[at] += " " + id; len(e.Detail[at]) > maxDetail {
			return activities.Permanent(fmt.Errorf("alias entry %s is held by too many actions", target))
		}
	}
	return nil
}

func (d *Driver) letGo(e *entries, target netip.Addr, id string) error {
	at := indexOf(e.Address, target)
	if at < 0 || !slices.Contains(holders(e.Detail[at]), id) {
		return nil
	}
	rest := slices.DeleteFunc(holders(e.Detail[at]), func(held string) bool { return held == id })
	if e.Detail[at] = mark + " " + strings.Join(rest, " "); len(rest) > 0 {
		return nil
	}
	e.Address = slices.Delete(e.Address, at, at+1)
	e.Detail = slices.Delete(e.Detail, at, at+1)
	if len(e.Address) == 0 { // pfSense ignores the change that would empty an alias
		e.Address, e.Detail = []string{d.placeholder.String()}, []string{"placeholder"}
	}
	return nil
}

// change reads, edits, writes if something changed, and applies if anything of ours is not yet in force: an earlier
// attempt may have been cut in between. Others' pending changes are never put in force by us.
// The lock holds for one process only. In the house the workflow device/<system> is the one writer, and sends batches.
func (d *Driver) change(ctx context.Context, batch []soar.Action, targets []netip.Addr, edit func(*entries, netip.Addr, string) error) error {
	d.one.Lock()
	defer d.one.Unlock()
	have, err := d.client.read(ctx)
	if err != nil {
		return activities.NotAsked(err)
	}
	want := entries{ID: have.ID, Address: slices.Clone(have.Address), Detail: slices.Clone(have.Detail)}
	for i, action := range batch {
		if err := edit(&want, targets[i], action.ID); err != nil {
			return activities.NotAsked(err)
		}
	}
	unfinished, err := d.refuseOthers(ctx, have)
	if err != nil {
		return activities.NotAsked(err)
	}
	if !slices.Equal(have.Address, want.Address) || !slices.Equal(have.Detail, want.Detail) {
		if err := d.client.write(ctx, want); err != nil {
			return err
		}
		unfinished = true
	}
	if !unfinished {
		return nil
	}
	if err := d.refuseOtherSubsystems(ctx); err != nil {
		return err
	}
	return d.client.apply(ctx)
}

// refuseOthers is an error while an administrator's changes wait to be applied, since applying ours would put theirs in
// force. A pending alias change is ours if the alias differs from the table in an entry of ours: an earlier attempt was
// cut before its apply. It reports whether there is such a difference.
func (d *Driver) refuseOthers(ctx context.Context, have entries) (unfinished bool, err error) {
	pending, err := d.client.pending(ctx)
	if err != nil {
		return false, err
	}
	enforced, err := d.client.table(ctx)
	if err != nil {
		return false, err
	}
	unfinished = differs(have, enforced)
	if others := notOurs(pending); len(others) > 0 || len(pending) > 0 && !unfinished {
		return false, errPending(pending)
	}
	return unfinished, nil
}

func (d *Driver) refuseOtherSubsystems(ctx context.Context) error {
	pending, err := d.client.pending(ctx)
	if err == nil && len(notOurs(pending)) > 0 {
		err = errPending(pending)
	}
	return err
}

func errPending(subsystems []string) error {
	return fmt.Errorf("changes of an administrator are pending in %s, and applying ours would put them in force: apply or discard them in the firewall's web interface; this is tried again until then", knownSubsystems(subsystems))
}

// knownSubsystems keeps the words that pfSense has, so that no text of a peer gets into an error.
func knownSubsystems(names []string) string {
	known := slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return !slices.Contains([]string{"aliases", "natconf", "filter", "shaper"}, n)
	})
	if len(known) < len(names) {
		known = append(known, "another subsystem")
	}
	return strings.Join(known, ", ")
}

// ourSubsystem is where pfSense notes changes of aliases.
const ourSubsystem = "aliases"

func notOurs(pending []string) []string {
	return slices.DeleteFunc(slices.Clone(pending), func(name string) bool { return name == ourSubsystem })
}

// differs reports whether an entry of ours is missing in the table, or the table still holds an address that the alias
// no longer has. The latter says nothing where the alias has names in it, which the table holds as addresses.
func differs(alias entries, table []string) bool {
	plain := true
	for i, text := range alias.Address {
		address, err := netip.ParseAddr(text)
		if err != nil {
			plain = false
		} else if isOurs(alias.Detail[i]) && indexOf(table, address) < 0 {
			return true
		}
	}
	return plain && slices.ContainsFunc(table, func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err == nil && indexOf(alias.Address, address) < 0
	})
}

// check refuses a batch that is not blocks of single addresses, and returns the addresses.
func check(batch []soar.Action) ([]netip.Addr, error) {
	if err := activities.CheckBatch(batch); err != nil {
		return nil, err
	}
	targets := make([]netip.Addr, len(batch))
	for i, action := range batch {
		address, err := netip.ParseAddr(action.Target)
		switch {
		case action.Kind != soar.BlockAddress:
			return nil, activities.Permanent(fmt.Errorf("pfsense can't %s", action.Kind))
		case strings.ContainsAny(action.ID, " \t\r\n|"):
			return nil, activities.Permanent(errors.New("action id holds white space or a bar"))
		case err != nil || address.Zone() != "" || address.IsUnspecified() || address.IsLoopback() || address.IsMulticast():
			return nil, activities.Permanent(fmt.Errorf("action %s: target is no single host's address", action.ID))
		}
		targets[i] = address.Unmap()
	}
	return targets, nil
}

// indexOf finds an address whatever way it is written.
func indexOf(list []string, target netip.Addr) int {
	return slices.IndexFunc(list, func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err == nil && address.Unmap() == target
	})
}

func isOurs(detail string) bool { return detail == mark || strings.HasPrefix(detail, mark+" ") }

// holders are the ids of the actions that want an entry; none for an administrator's.
func holders(detail string) []string {
	if !isOurs(detail) {
		return nil
	}
	return strings.Fields(detail)[1:]
}
