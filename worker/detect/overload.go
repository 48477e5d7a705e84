package detect

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// ownFamily is the family of entities that are Sallyport itself; OverloadRule says that new incidents wait.
const (
	ownFamily    = "sallyport"
	OverloadRule = "sallyport-overload"
)

// sayOverload writes, once an hour while it lasts, a detection that opens an incident of its own: detections wait in
// the ledger because more incidents would open than the config lets.
func (p *dispatcher) sayOverload(ctx context.Context, refused *queue) {
	if refused == nil {
		p.d.Metrics.overload.Set(0)
		return
	}
	p.d.Metrics.overload.Set(1)
	now := p.now().UTC()
	hour := now.Truncate(time.Hour)
	if p.said.Equal(hour) {
		return
	}
	overload := soar.Detection{
		Rule:      soar.Rule{ID: OverloadRule, Title: "More incidents than may open at once", Level: soar.High},
		Event:     soar.EventRef{IndexUUID: "sallyport", Index: "sallyport", ID: "overload/" + hour.Format(time.RFC3339)},
		EventTime: hour, ReadAt: now, Opens: true, Entity: soar.Entity{Family: ownFamily, Name: "dispatcher"},
		Summary: fmt.Sprintf("%d detections wait in the ledger, among them of %s; raise new_incidents or mend the rule that fires", p.total, refused.entity),
	}
	if _, err := p.d.ledger.Write(ctx, []opensearch.Entry{{Detection: overload, IndexCreated: hour}}); err != nil {
		p.log.Warn("overload can't be written; it will be tried again", "error", err)
		return
	}
	p.said = hour
}
