package opensearch

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// sweepKeys bounds one sweep: so many incidents, oldest entities by name first. The next sweep takes the next ones, so
// that a sweep after an outage starts no storm of incidents.
const sweepKeys = 50

// Unclaimed carries out activities.ListUnclaimed: detections that open an incident, are neither late nor suppressed,
// and that nobody had claimed at before. Those that only join are not among them: nobody need ever claim them.
func (l *Ledger) Unclaimed(ctx context.Context, before time.Time) (activities.Sweep, error) {
	if err := l.client.Refresh(ctx, LedgerPattern); err != nil {
		return activities.Sweep{}, err
	}
	entities, err := l.waitingEntities(ctx, before)
	if err != nil {
		return activities.Sweep{}, err
	}
	sweep := activities.Sweep{}
	for _, entity := range entities {
		news, err := l.waitingFor(ctx, entity, before)
		if err != nil {
			return activities.Sweep{}, err
		}
		if len(news.Detections) > 0 {
			sweep.Unclaimed = append(sweep.Unclaimed, news)
		}
	}
	return sweep, nil
}

// waiting is the query for what the sweep looks for.
func waiting(before time.Time, more ...any) map[string]any {
	filter := append([]any{
		map[string]any{"term": map[string]any{"opens": true}},
		map[string]any{"range": map[string]any{"read_at": map[string]any{"lt": before.UTC().Format(time.RFC3339Nano)}}},
	}, more...)
	return map[string]any{"bool": map[string]any{
		"filter": filter,
		"must_not": []any{
			map[string]any{"exists": map[string]any{"field": "incident_id"}},
			map[string]any{"exists": map[string]any{"field": "suppressed_by"}},
			map[string]any{"term": map[string]any{"late": true}},
		},
	}}
}

func (l *Ledger) waitingEntities(ctx context.Context, before time.Time) ([]soar.Entity, error) {
	body := map[string]any{
		"size": 0, "query": waiting(before),
		"aggs": map[string]any{"entities": map[string]any{"composite": map[string]any{
			"size": sweepKeys,
			"sources": []any{
				map[string]any{"family": map[string]any{"terms": map[string]any{"field": "entity.family"}}},
				map[string]any{"name": map[string]any{"terms": map[string]any{"field": "entity.name"}}},
			},
		}}},
	}
	var answer struct {
		Result
		Aggregations struct {
			Entities struct {
				Buckets []struct {
					Key soar.Entity `json:"key"`
				} `json:"buckets"`
			} `json:"entities"`
		} `json:"aggregations"`
	}
	if err := l.client.Search(ctx, LedgerPattern, body, &answer); err != nil {
		return nil, fmt.Errorf("list unclaimed: %w", err)
	}
	entities := make([]soar.Entity, len(answer.Aggregations.Entities.Buckets))
	for i, bucket := range answer.Aggregations.Entities.Buckets {
		entities[i] = bucket.Key
	}
	return entities, nil
}

func (l *Ledger) waitingFor(ctx context.Context, entity soar.Entity, before time.Time) (activities.News, error) {
	body := map[string]any{
		"size": activities.MaxNews, "_source": false, "sort": []any{map[string]string{"read_at": "asc"}},
		"query": waiting(before,
			map[string]any{"term": map[string]any{"entity.family": entity.Family}},
			map[string]any{"term": map[string]any{"entity.name": entity.Name}}),
	}
	var page Result
	if err := l.client.Search(ctx, LedgerPattern, body, &page); err != nil {
		return activities.News{}, fmt.Errorf("list unclaimed: %w", err)
	}
	news := activities.News{Entity: entity}
	for _, d := range page.Documents() {
		news.Detections = append(news.Detections, soar.DetectionRef{Index: d.Index, ID: d.ID})
	}
	return news, nil
}
