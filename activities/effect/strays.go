package effect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// ListStrays compares what bears our mark on each system that can tell with the register. A mark without an entry is a
// containment that nobody would ever release: the register was lost, or restored from before. It comes back as one that
// is over now. A system that can't be read keeps none of the others.
func (e *Envelope) ListStrays(ctx context.Context, _ activities.None) (strays activities.Containments, err error) {
	var faults []error
	for _, system := range slices.Sorted(maps.Keys(e.Drivers)) {
		tagger, ok := e.Drivers[system].(activities.Tagger)
		if !ok {
			continue
		}
		unknown, err := e.strays(ctx, system, tagger, nil)
		if err == nil && len(unknown) > 0 { // once more: one that was being released meanwhile is gone now
			unknown, err = e.strays(ctx, system, tagger, unknown)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", system, err))
			continue
		}
		for _, action := range unknown {
			strays.Containments = append(strays.Containments, soar.Containment{
				Action: action, Incident: activities.HouseChain, State: soar.Contained, Receipt: action.ID, Expires: e.Now(),
				Reason: "it bears our mark, and the register does not know it",
			})
		}
	}
	if len(strays.Containments) == 0 {
		return strays, errors.Join(faults...)
	}
	return strays, nil
}

// strays lists the marks on one system that the register does not know; of those in among alone, unless that is nil.
func (e *Envelope) strays(ctx context.Context, system string, tagger activities.Tagger, among []soar.Action) (unknown []soar.Action, err error) {
	tagged, err := tagger.Tagged(ctx)
	if err != nil {
		return nil, err
	}
	for _, action := range tagged {
		action.System = system
		if among != nil && !slices.Contains(keysOf(among), action.ID+"/"+action.Key()) {
			continue
		}
		known, err := e.knows(ctx, action)
		if err != nil {
			return nil, err
		}
		if !known {
			unknown = append(unknown, action)
		}
	}
	return unknown, nil
}

func keysOf(actions []soar.Action) (keys []string) {
	for _, a := range actions {
		keys = append(keys, a.ID+"/"+a.Key())
	}
	return keys
}

// knows reports whether the register will see to it that an action's mark goes: its holder lives, or its mark was left for
// the target's last holder.
func (e *Envelope) knows(ctx context.Context, action soar.Action) (bool, error) {
	entry, err := e.Register.Get(ctx, action.Key())
	if err != nil {
		return false, fmt.Errorf("register: %w", err)
	}
	mine, ok := entry.Holder(action.ID)
	left := slices.ContainsFunc(entry.Left, func(l soar.Action) bool { return l.ID == action.ID })
	return ok && mine.Live() || left || entry.Releasing == action.ID, nil
}
