package detect

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// OverloadRule is the rule of a detection that says: new incidents wait.
const OverloadRule = "sallyport-overload"

// heldQueue is an incident that waits for a token, whether or not it was asked for in this pass; nil when none does.
func (p *dispatcher) heldQueue() *queue {
	for _, q := range p.queues {
		if len(q.opens) > 0 && p.now().Before(q.held) {
			return q
		}
	}
	return nil
}

// sayOverload writes, once an hour while it lasts, a detection that opens an incident of its own: detections wait in
// the ledger because more incidents would open than the config lets.
func (p *dispatcher) sayOverload(ctx context.Context) {
	held := p.heldQueue()
	if held == nil {
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
		EventTime: hour, ReadAt: now, Opens: true, Entity: soar.Entity{Family: soar.OwnFamily, Name: "dispatcher"},
		Summary: fmt.Sprintf("%d detections wait in the ledger, among them of %s; raise new_incidents or mend the rule that fires", p.total, held.entity),
	}
	if _, err := p.d.ledger.Write(ctx, []opensearch.Entry{{Detection: overload, IndexCreated: hour}}); err != nil {
		p.log.Warn("overload can't be written; it will be tried again", "error", err)
		return
	}
	p.said = hour
}
