package opensearch

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// OfEntity reads what the ledger has of an entity that was read within a time, both ends included: those read last, at most
// 10,000 of them, the newest first, without observables and correlated values. more is how many it leaves out.
func (l *Ledger) OfEntity(ctx context.Context, entity soar.Entity, from, to time.Time) (hits []Hit, more int64, err error) {
	if err := l.client.Refresh(ctx, LedgerPattern); err != nil {
		return nil, 0, err
	}
	entity = entity.Normalised()
	term := func(field, value string) any { return map[string]any{"term": map[string]any{field: value}} }
	within := map[string]any{"gte": from.UTC().Format(time.RFC3339Nano), "lte": to.UTC().Format(time.RFC3339Nano)}
	body := map[string]any{
		"size": maxResult, "track_total_hits": true,
		"_source": []string{"rule", "stream", "event", "event_time", "read_at", "entity", "late", "suppressed_by", "summary"},
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			term("entity.family", entity.Family), term("entity.name", entity.Name), map[string]any{"range": map[string]any{"read_at": within}},
		}}},
		"sort": []any{map[string]any{"read_at": "desc"}, map[string]any{"event.id": "asc"}, map[string]any{"rule.id": "asc"}},
	}
	var found Result
	if err := l.client.Search(ctx, LedgerPattern, body, &found); err != nil {
		return nil, 0, fmt.Errorf("read detections of %s: %w", entity, err)
	}
	return found.Hits.Hits, found.Hits.Total.Value - int64(len(found.Hits.Hits)), nil
}
