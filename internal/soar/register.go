package soar

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// RegisterEntry is what the register knows of one target on one system: who holds it, and whose marks may still be there.
type RegisterEntry struct {
	Key     string        `json:"key"`     // Action.Key
	Holders []Containment `json:"holders"` // the newest last; of those that are over, the last MaxOver are kept
	// Left are actions that let go while another still held: their marks go when the last holder lets go.
	Left []Action `json:"left,omitempty"`
	// Releasing is the id of the action whose undo runs; no new holder is admitted until it has ended.
	Releasing string `json:"releasing,omitempty"`
}

// MaxOver is how many holders that are over an entry keeps.
const MaxOver = 20

// Holder returns the containment of an action.
func (e *RegisterEntry) Holder(actionID string) (Containment, bool) {
	for _, h := range e.Holders {
		if h.Action.ID == actionID {
			return h, true
		}
	}
	return Containment{}, false
}

// Live lists the holders that are not over.
func (e *RegisterEntry) Live() (live []Containment) {
	for _, h := range e.Holders {
		if h.Live() {
			live = append(live, h)
		}
	}
	return live
}

// Put sets a holder, and forgets the oldest that are over.
func (e *RegisterEntry) Put(c Containment) {
	at := slices.IndexFunc(e.Holders, func(h Containment) bool { return h.Action.ID == c.Action.ID })
	if at >= 0 {
		e.Holders[at] = c
	} else {
		e.Holders = append(e.Holders, c)
	}
	for len(e.Holders)-len(e.Live()) > MaxOver {
		oldest := slices.IndexFunc(e.Holders, func(h Containment) bool { return !h.Live() })
		e.Holders = slices.Delete(e.Holders, oldest, oldest+1)
	}
}

// HeldByOthers reports whether somebody else than the action holds the target.
func (e *RegisterEntry) HeldByOthers(actionID string) bool {
	return slices.ContainsFunc(e.Live(), func(h Containment) bool { return h.Action.ID != actionID })
}

// Leave notes that an action let go while its mark is still there.
func (e *RegisterEntry) Leave(a Action) {
	if !slices.ContainsFunc(e.Left, func(l Action) bool { return l.ID == a.ID }) {
		e.Left = append(e.Left, a)
	}
}

// NormalTarget is the one spelling of the target of an action of that kind: an address for BlockAddress, else a lower
// case name of letters, digits, dots, strokes and hyphens. An address that can't be read, or names a network or a zone, is
// an error, and so is an empty target, a pattern, and a name that some system reads as "every one".
func NormalTarget(kind, target string) (string, error) {
	target = strings.TrimSpace(target)
	if target == "" {
		return "", errors.New("empty target")
	}
	if kind != BlockAddress {
		return normalName(target)
	}
	address, err := netip.ParseAddr(target)
	if err != nil || address.Zone() != "" {
		return "", fmt.Errorf("target %q is no address", target)
	}
	return address.Unmap().String(), nil
}

// everyone are names that a system may read as all of its hosts.
var everyone = []string{"all", "any", "ungrouped", "localhost"}

func normalName(name string) (string, error) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	strange := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	}
	if strings.ContainsFunc(name, strange) || strings.HasPrefix(name, "-") || slices.Contains(everyone, name) {
		return "", fmt.Errorf("target %q names no single one", name)
	}
	return name, nil
}
