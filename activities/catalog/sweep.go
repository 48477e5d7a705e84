package catalog

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// sweep lists what nobody has claimed for a while, of incidents that run and, while tokens are left, of new ones. A
// token that is taken and whose signal then fails is lost: that delays an incident, and opens none too many.
func (h House) sweep(ctx context.Context, in activities.SweepRequest) (activities.Sweep, error) {
	if in.Older <= 0 {
		return activities.Sweep{}, activities.Permanent(errors.New("sweep without an age"))
	}
	left := h.Tokens != nil
	return h.Ledger.Unclaimed(ctx, time.Now().Add(-in.Older), func(ctx context.Context, entity soar.Entity) (bool, error) {
		_, running, err := h.Frontend.RunningIncident(ctx, entity)
		if err != nil || running || entity.Family == soar.OwnFamily || !left {
			return err == nil && (running || entity.Family == soar.OwnFamily), err
		}
		left, err = h.Tokens.Take(ctx)
		return left, err
	})
}
