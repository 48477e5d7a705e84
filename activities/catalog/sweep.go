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
		taken, err := h.Tokens.Take(ctx, 1)
		left = taken == 1
		return left, err
	})
}

// freeClaims takes what a dead incident has claimed from it: one that has neither a record nor a running workflow, as
// one that failed or was terminated before its record was written, or went with a lost database. Else nobody would
// ever hear of its detections. Whether it runs is asked before its record is looked for a second time, since one that
// ends in between has written it.
func (h House) freeClaims(ctx context.Context, in activities.SweepRequest) (freed activities.Freed, err error) {
	if in.Older <= 0 {
		return freed, activities.Permanent(errors.New("sweep without an age"))
	}
	orphans, err := h.Ledger.Orphans(ctx, time.Now().Add(-in.Older))
	if err != nil {
		return freed, err
	}
	for _, orphan := range orphans {
		episode, running, err := h.Frontend.RunningIncident(ctx, orphan.Entity)
		if err != nil {
			return freed, err
		}
		if running && (episode == orphan.Incident || episode == "") {
			continue
		}
		if _, found, err := h.Records.Record(ctx, orphan.Incident); err != nil || found {
			if err != nil {
				return freed, err
			}
			continue
		}
		n, err := h.Ledger.Free(ctx, orphan.Incident)
		freed.Detections += n
		if err != nil {
			return freed, err
		}
		freed.Incidents = append(freed.Incidents, orphan.Incident)
	}
	return freed, nil
}

// dropOld forgets what nobody needs any more.
func (h House) dropOld(ctx context.Context, _ activities.None) (dropped activities.Dropped, err error) {
	now := time.Now()
	if dropped.Matches, err = h.Ledger.DropMatches(ctx, now); err != nil {
		return dropped, err
	}
	if dropped.Inbox, err = h.Ledger.DropInbox(ctx, now); err != nil || h.Watched == nil {
		return dropped, err
	}
	dropped.Months, err = h.Ledger.DropMonths(ctx, now, h.Watched)
	return dropped, err
}
