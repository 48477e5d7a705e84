package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// recallPage is how many documents one search of a recall asks for.
const recallPage = 2000

// Recall visits what a reader that stood at positions has read of the ledger and the matches since a time, shard by
// shard; then again, wherever it lies, what an incident claimed since, because a claim gives a document a new sequence
// number, and the detections of these rules. A document may be visited twice. known says that it stood before a position
// or is claimed: it was worked on already.
func (l *Ledger) Recall(ctx context.Context, positions []Position, since time.Time, rules []string, visit func(hit Hit, known bool) error) error {
	if err := l.client.Refresh(ctx, CorrelatedPattern); err != nil {
		return err
	}
	young := map[string]any{"range": map[string]any{"read_at": map[string]any{"gte": since.UTC().Format(time.RFC3339Nano)}}}
	for _, position := range positions {
		if err := l.recallShard(ctx, position, young, visit); err != nil && !Gone(err) {
			return fmt.Errorf("recall %s: %w", position.Index, err)
		}
	}
	again := map[string]any{"bool": map[string]any{
		"filter": []any{young},
		"should": []any{map[string]any{"exists": map[string]any{"field": "incident_id"}}, map[string]any{"terms": map[string]any{"rule.id": append([]string{}, rules...)}}}, "minimum_should_match": 1,
	}}
	order := []string{"read_at", "event.id", "rule.id", "event.index_uuid"}
	err := l.client.scan(ctx, LedgerPattern, again, order, func(d Document) error { return visit(Hit{Document: d}, claimed(d)) })
	if err != nil {
		return fmt.Errorf("recall: %w", err)
	}
	return nil
}

// recallShard asks for fewer documents when a page of them is too large, since who attacks decides how large detections
// are; and each page has an end of its own, further away where it found little, since the server goes through all numbers
// that are asked for.
func (l *Ledger) recallShard(ctx context.Context, p Position, young any, visit func(Hit, bool) error) error {
	shard := Shard{Index: p.Index, UUID: p.UUID, Number: p.Shard}
	size, span := recallPage, int64(recallPage)
	for after := int64(-1); after < p.Seq; {
		end := min(p.Seq, after+span)
		hits, err := l.client.ReadPage(ctx, shard, after, end, size, young)
		if errors.Is(err, ErrTooLarge) && size > 1 {
			size /= 2
			continue
		}
		if err != nil {
			return err
		}
		for _, hit := range hits {
			if err := visit(hit, true); err != nil {
				return err
			}
		}
		if len(hits) < size {
			after, span = end, 2*span
		} else {
			last := hits[size-1].SeqNo
			after, span = last, max(recallPage, last-after)
		}
		size = grown(size, recallPage)
	}
	return nil
}

// claimed reports whether an incident has the document.
func claimed(d Document) bool {
	var of struct {
		Incident string `json:"incident_id"`
	}
	return json.Unmarshal(d.Source, &of) == nil && of.Incident != ""
}
