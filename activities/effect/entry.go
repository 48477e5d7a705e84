package effect

import (
	"slices"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Entry is what the register knows of one target on one system: who holds it, and whose marks may still be there.
type Entry struct {
	Key     string             `json:"key"`     // soar.Action.Key
	Holders []soar.Containment `json:"holders"` // the newest last; of those that are over the last 20 are kept
	// Left are actions that let go while another still held: their marks go when the last holder lets go.
	Left []soar.Action `json:"left,omitempty"`
	// Releasing is the id of the action whose undo runs; no new holder is admitted until it has ended.
	Releasing string `json:"releasing,omitempty"`
}

// maxOver is how many holders that are over an entry keeps.
const maxOver = 20

// Holder returns the containment of an action.
func (e *Entry) Holder(actionID string) (soar.Containment, bool) {
	for _, h := range e.Holders {
		if h.Action.ID == actionID {
			return h, true
		}
	}
	return soar.Containment{}, false
}

// Live lists the holders that are not over.
func (e *Entry) Live() (live []soar.Containment) {
	for _, h := range e.Holders {
		if h.Live() {
			live = append(live, h)
		}
	}
	return live
}

// put sets a holder, and forgets the oldest that are over.
func (e *Entry) put(c soar.Containment) {
	at := slices.IndexFunc(e.Holders, func(h soar.Containment) bool { return h.Action.ID == c.Action.ID })
	if at >= 0 {
		e.Holders[at] = c
	} else {
		e.Holders = append(e.Holders, c)
	}
	for len(e.Holders)-len(e.Live()) > maxOver {
		oldest := slices.IndexFunc(e.Holders, func(h soar.Containment) bool { return !h.Live() })
		e.Holders = slices.Delete(e.Holders, oldest, oldest+1)
	}
}

// heldByOthers reports whether somebody else than the action holds the target.
func (e *Entry) heldByOthers(actionID string) bool {
	return slices.ContainsFunc(e.Live(), func(h soar.Containment) bool { return h.Action.ID != actionID })
}

// leave notes that an action let go while its mark is still there.
func (e *Entry) leave(a soar.Action) {
	if !slices.ContainsFunc(e.Left, func(l soar.Action) bool { return l.ID == a.ID }) {
		e.Left = append(e.Left, a)
	}
}
