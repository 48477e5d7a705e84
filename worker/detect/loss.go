package detect

import (
	"context"
	"fmt"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// LossRule is the rule of a detection that says: events were lost.
const LossRule = "sallyport-loss"

// lose reports operations that were acknowledged and are gone unread: a proven loss, and an incident of its own. Its id is
// made of the shard and how often its history changed, so a repeated report meets itself.
func (s *slot) lose(ctx context.Context, position *opensearch.Position, unread int64, how string) error {
	if unread <= 0 {
		return nil
	}
	now := s.now().UTC()
	created := position.Created
	if created.IsZero() {
		created = now // nobody can tell any more; the report is written once, before the position is dropped
	}
	s.log.Error("events were lost before they were read", "index", position.Index, "shard", position.Shard, "unread", unread, "how", how)
	loss := soar.Detection{
		Rule:      soar.Rule{ID: LossRule, Title: "Events were lost before they were read", Level: soar.High},
		Stream:    s.stream.Name,
		Event:     soar.EventRef{IndexUUID: position.UUID, Index: position.Index, ID: fmt.Sprintf("loss/%d/%d", position.Shard, position.Rewinds)},
		EventTime: now, ReadAt: now, Opens: true,
		Entity:  soar.Entity{Family: "stream", Name: s.stream.Name},
		Summary: fmt.Sprintf("index %s %s with %d operations of shard %d unread", position.Index, how, unread, position.Shard),
	}
	written, err := s.d.ledger.Write(ctx, []opensearch.Entry{{Detection: loss, IndexCreated: created}})
	if err != nil {
		return err
	}
	s.tally.Lost += unread
	s.d.Metrics.lost.WithLabelValues(s.stream.Name).Add(float64(unread))
	s.term.Detections += int64(written)
	return nil
}
