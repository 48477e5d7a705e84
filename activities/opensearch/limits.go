package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport-soar/sallyport/activities"
)

// limitsID is the register's one document that is no target: how limits and kill switch stand.
const limitsID = "limits"

// keptLimits is that document.
type keptLimits struct {
	Limits activities.LimitsState `json:"limits"`
}

// Limits returns how limits and kill switch stood when they were last kept; revision 0 if they never were.
func (r *Register) Limits(ctx context.Context) (activities.LimitsState, error) {
	state, _, _, err := r.readLimits(ctx)
	return state, err
}

// KeepLimits keeps a state. One that is older than what is kept changes nothing: a newer one stands.
func (r *Register) KeepLimits(ctx context.Context, state activities.LimitsState) error {
	for range changeAttempts {
		kept, document, found, err := r.readLimits(ctx)
		if err != nil || kept.Revision >= state.Revision {
			return err
		}
		when := Absent()
		if found {
			when = Unchanged(document)
		}
		_, err = r.client.Put(ctx, containmentsIndex, limitsID, keptLimits{Limits: state}, when)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("kept limits: changed by others %d times in a row", changeAttempts)
}

func (r *Register) readLimits(ctx context.Context) (state activities.LimitsState, d Document, found bool, err error) {
	d, found, err = r.client.Get(ctx, containmentsIndex, limitsID)
	if err != nil || !found {
		return state, d, false, err
	}
	var kept keptLimits
	if err := json.Unmarshal(d.Source, &kept); err != nil || kept.Limits.Revision < 1 {
		return state, d, true, fmt.Errorf("kept limits are not readable (%s/%s)", containmentsIndex, limitsID)
	}
	return kept.Limits, d, true, nil
}
