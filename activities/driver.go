package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Driver is a system that can contain. It knows nothing of approvals, limits, register or audit: package effect wraps
// every driver in these. Methods take a batch, since an appliance applies many at the price of one; a batch that is
// empty, or holds an empty target, is a permanent error (CheckBatch). Repeating a call changes nothing more. An error
// means "we don't know": a part of the batch may be in force.
type Driver interface {
	// Observe reads back what the system enforces now, one observation per action, in the batch's order. It must tell
	// the truth about the world, not about what was asked.
	Observe(ctx context.Context, batch []soar.Action) ([]Observation, error)
	// Apply puts the batch in force and marks each entry with its action's id. What an earlier attempt already put
	// there is adopted, not repeated. Where the system's entries end by themselves, they are set to end after the
	// action's For, also those that are there: so a hold is renewed. An error that came before anything was asked of the
	// system is marked with NotAsked.
	Apply(ctx context.Context, batch []soar.Action) error
	// Undo removes what these actions put there, and nothing else: neither another action's hold on the same target
	// nor an administrator's entry.
	Undo(ctx context.Context, batch []soar.Action) error
}

// Observation is what a system shows of one action.
type Observation struct {
	InForce bool // the target is contained now, whoever wanted it
	Ours    bool // the entry bears this action's mark
	Shared  bool // someone else wants it too: another action, or an administrator
	// Left is how long until the system ends it by itself; 0: never.
	Left time.Duration
}

// Gone reports whether nothing is left of the action itself.
func (o Observation) Gone() bool { return !o.Ours && (o.Shared || !o.InForce) }

// Tagger is a driver that can list what bears our mark on its system: one action per mark, with id, target and place.
type Tagger interface {
	Tagged(ctx context.Context) ([]soar.Action, error)
}

// CheckBatch refuses what a careless system would read as "all".
func CheckBatch(batch []soar.Action) error {
	if len(batch) == 0 {
		return Permanent(errors.New("empty batch"))
	}
	for _, a := range batch {
		if strings.TrimSpace(a.ID) == "" || strings.TrimSpace(a.Target) == "" {
			return Permanent(fmt.Errorf("action %q: empty id or target", a.ID))
		}
	}
	return nil
}
