package opensearch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// sweepKeys bounds one sweep: so many incidents, so that a sweep after an outage starts no storm of them. sweepReader is
// the document that says where the next sweep goes on.
const (
	sweepKeys   = 50
	sweepReader = "sweep"
)

// swept is where a sweep stopped.
type swept struct {
	After   *soar.Entity `json:"after"` // the last one that was listed; nil: begin anew
	Updated time.Time    `json:"updated"`
}

// Unclaimed carries out activities.ListUnclaimed: detections that open an incident, are neither late nor suppressed,
// and that nobody had claimed at before. Those that only join are not among them: nobody need ever claim them. May says
// whether an incident of an entity may be told now; who may not waits. A sweep goes on behind the last one that it listed,
// and round: what can't be claimed, or may not be told, keeps nobody else from the turn.
func (l *Ledger) Unclaimed(ctx context.Context, before time.Time, may func(context.Context, soar.Entity) (bool, error)) (activities.Sweep, error) {
	sweep := activities.Sweep{}
	if err := l.client.Refresh(ctx, LedgerPattern); err != nil {
		return sweep, err
	}
	after, err := l.sweptTo(ctx)
	if err != nil {
		return sweep, err
	}
	entities, err := l.waitingEntities(ctx, before, after)
	if err != nil {
		return sweep, err
	}
	refused := false
	for i, entity := range entities {
		ok, err := may(ctx, entity)
		if err != nil {
			return sweep, fmt.Errorf("sweep of %s: %w", entity, err)
		}
		if refused = refused || !ok; !refused {
			after = &entities[i]
		}
		if !ok {
			continue
		}
		news, err := l.waitingFor(ctx, entity, before)
		if err != nil {
			return sweep, err
		}
		if len(news.Detections) > 0 {
			sweep.Unclaimed = append(sweep.Unclaimed, news)
		}
	}
	_, err = l.client.Put(ctx, cursorsIndex, sweepReader, swept{After: after, Updated: time.Now().UTC()}, Condition{})
	return sweep, err
}

func (l *Ledger) sweptTo(ctx context.Context) (*soar.Entity, error) {
	document, found, err := l.client.Get(ctx, cursorsIndex, sweepReader)
	if err != nil || !found {
		return nil, err
	}
	var last swept
	if err := json.Unmarshal(document.Source, &last); err != nil {
		return nil, fmt.Errorf("%s is not a document that Sallyport wrote", sweepReader)
	}
	return last.After, nil
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

// waitingEntities lists, behind after and round, whose detections wait; each once.
func (l *Ledger) waitingEntities(ctx context.Context, before time.Time, after *soar.Entity) ([]soar.Entity, error) {
	entities, err := l.waitingBehind(ctx, before, after)
	if err != nil || after == nil || len(entities) == sweepKeys {
		return entities, err
	}
	first, err := l.waitingBehind(ctx, before, nil)
	if err != nil {
		return nil, err
	}
	for _, entity := range first {
		if len(entities) < sweepKeys && !slices.Contains(entities, entity) {
			entities = append(entities, entity)
		}
	}
	return entities, nil
}

func (l *Ledger) waitingBehind(ctx context.Context, before time.Time, after *soar.Entity) ([]soar.Entity, error) {
	pages := map[string]any{
		"size": sweepKeys,
		"sources": []any{
			map[string]any{"family": map[string]any{"terms": map[string]any{"field": "entity.family"}}},
			map[string]any{"name": map[string]any{"terms": map[string]any{"field": "entity.name"}}},
		},
	}
	if after != nil {
		pages["after"] = after
	}
	body := map[string]any{"size": 0, "query": waiting(before), "aggs": map[string]any{"entities": map[string]any{"composite": pages}}}
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
