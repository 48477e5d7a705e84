package detect

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// EntityRisk is an entity's risk at a time, counted anew from the ledger.
type EntityRisk struct {
	correlate.Standing
	Fired     time.Time                    // when it last passed the threshold until then; zero: not that the ledger knows
	Summaries map[soar.DetectionRef]string // of the detections that count; hostile text
	Unheard   int                          // detections that do not count: late, or suppressed
	More      int64                        // detections that were not read: those before the 10,000 newest
}

// RiskOf counts an entity's risk at a time as the dispatcher does: what was late or is suppressed does not count.
func RiskOf(ctx context.Context, ledger *opensearch.Ledger, risk *correlate.Risk, entity soar.Entity, at time.Time) (made EntityRisk, err error) {
	from, to := risk.Reach(at)
	hits, more, err := ledger.OfEntity(ctx, entity, from, to)
	if err != nil {
		return made, err
	}
	made = EntityRisk{Summaries: map[soar.DetectionRef]string{}, More: more}
	var detections []*correlate.Event
	for _, hit := range hits {
		var d soar.Detection
		if json.Unmarshal(hit.Source, &d) != nil {
			continue
		}
		event, counts := seen(soar.DetectionRef{Index: hit.Index, ID: hit.ID}, d, at)
		switch {
		case event == nil || event.Time.After(at):
		case event.Rule == correlate.RiskRule: // suppressed or not, it is silent from then on
			made.Fired = later(made.Fired, event.Time)
		case !counts:
			made.Unheard++
		default:
			detections = append(detections, event)
			made.Summaries[event.Ref] = d.Summary
		}
	}
	made.Standing = risk.Standing(detections, at)
	return made, nil
}
