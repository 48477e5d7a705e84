package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How far the search for orphans goes: incidents per page, and pages. orphansWithin is how old their detections may be:
// as long as Temporal keeps the histories of what ended.
const (
	orphanPage    = 1000
	orphanPages   = 50
	orphansWithin = 30 * 24 * time.Hour
)

// Orphan is an incident that has claimed detections and has no record. While it runs that is no fault: the record comes.
type Orphan struct {
	Incident string
	Entity   soar.Entity
}

// Orphans lists the incidents without a record that have claimed what opens one and was read before that time.
func (l *Ledger) Orphans(ctx context.Context, before time.Time) (orphans []Orphan, err error) {
	if err := l.client.Refresh(ctx, LedgerPattern); err != nil {
		return nil, err
	}
	var after json.RawMessage
	for range orphanPages {
		claims, next, err := l.claims(ctx, before, after)
		if err != nil {
			return nil, err
		}
		without, err := l.withoutRecord(ctx, claims)
		if err != nil {
			return nil, err
		}
		orphans = append(orphans, without...)
		if after = next; len(claims) < orphanPage {
			break
		}
	}
	return orphans, nil
}

// claims lists one page of incidents that have claimed something.
func (l *Ledger) claims(ctx context.Context, before time.Time, after json.RawMessage) (claims []Orphan, next json.RawMessage, err error) {
	source := func(name, field string) any {
		return map[string]any{name: map[string]any{"terms": map[string]any{"field": field}}}
	}
	pages := map[string]any{"size": orphanPage, "sources": []any{
		source("incident", "incident_id"), source("family", "entity.family"), source("name", "entity.name"),
	}}
	if after != nil {
		pages["after"] = after
	}
	body := map[string]any{
		"size": 0,
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"term": map[string]any{"opens": true}},
			map[string]any{"exists": map[string]any{"field": "incident_id"}},
			map[string]any{"range": map[string]any{"read_at": map[string]any{
				"gte": before.Add(-orphansWithin).UTC().Format(time.RFC3339Nano), "lt": before.UTC().Format(time.RFC3339Nano),
			}}},
		}}},
		"aggs": map[string]any{"claims": map[string]any{"composite": pages}},
	}
	var answer struct {
		Result
		Aggregations struct {
			Claims struct {
				After   json.RawMessage `json:"after_key"`
				Buckets []struct {
					Key struct {
						Incident string `json:"incident"`
						soar.Entity
					} `json:"key"`
				} `json:"buckets"`
			} `json:"claims"`
		} `json:"aggregations"`
	}
	if err := l.client.Search(ctx, LedgerPattern, body, &answer); err != nil {
		return nil, nil, fmt.Errorf("list claims: %w", err)
	}
	for _, bucket := range answer.Aggregations.Claims.Buckets {
		claims = append(claims, Orphan{Incident: bucket.Key.Incident, Entity: bucket.Key.Entity})
	}
	return claims, answer.Aggregations.Claims.After, nil
}

// withoutRecord leaves those whose record was never written; it sees every write that has returned.
func (l *Ledger) withoutRecord(ctx context.Context, claims []Orphan) (without []Orphan, err error) {
	if len(claims) == 0 {
		return nil, nil
	}
	docs := make([]any, len(claims))
	for i, claim := range claims {
		docs[i] = map[string]any{"_index": incidentsIndex, "_id": claim.Incident, "_source": false}
	}
	body, err := json.Marshal(map[string]any{"docs": docs})
	if err != nil {
		return nil, fmt.Errorf("encode ids: %w", err)
	}
	var answer struct {
		Docs []struct {
			Found bool            `json:"found"`
			Error json.RawMessage `json:"error"`
		} `json:"docs"`
	}
	if err := l.client.call(ctx, "read records", http.MethodPost, "/_mget", url.Values{}, body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Docs) != len(claims) {
		return nil, fmt.Errorf("read records: %d answers to %d ids", len(answer.Docs), len(claims))
	}
	for i, one := range answer.Docs {
		if one.Error != nil && !Gone(newFault("read records", http.StatusNotFound, wrapError(one.Error))) {
			return nil, newFault("read records", http.StatusServiceUnavailable, wrapError(one.Error))
		}
		if !one.Found {
			without = append(without, claims[i])
		}
	}
	return without, nil
}

// Free takes a dead incident's id from all that it claimed, so that another incident may claim it. Repeating it is
// harmless. It returns how many are free now; what somebody writes meanwhile is left to the next call.
func (l *Ledger) Free(ctx context.Context, incident string) (freed int, err error) {
	if incident == "" {
		return 0, errors.New("free: which incident?")
	}
	var refs []soar.DetectionRef
	err = l.client.scan(ctx, LedgerPattern, map[string]any{"term": map[string]any{"incident_id": incident}},
		[]string{"event.index_uuid", "event.id", "rule.id"}, func(d Document) error {
			refs = append(refs, soar.DetectionRef{Index: d.Index, ID: d.ID})
			return nil
		})
	if err != nil {
		return 0, fmt.Errorf("free detections: %w", err)
	}
	for len(refs) > 0 {
		part := refs[:min(len(refs), activities.MaxNews)]
		n, err := l.freeSome(ctx, incident, part)
		if freed += n; err != nil {
			return freed, fmt.Errorf("free detections: %w", err)
		}
		refs = refs[len(part):]
	}
	return freed, nil
}

func (l *Ledger) freeSome(ctx context.Context, incident string, refs []soar.DetectionRef) (freed int, err error) {
	documents, err := l.read(ctx, refs)
	if err != nil {
		return 0, err
	}
	var body bytes.Buffer
	count := 0
	for _, document := range documents {
		var claimed struct {
			By string `json:"incident_id"`
		}
		if document.Source == nil || json.Unmarshal(document.Source, &claimed) != nil || claimed.By != incident {
			continue
		}
		if err := appendClaim(&body, document, "", 0); err != nil {
			return 0, err
		}
		count++
	}
	if count == 0 {
		return 0, nil
	}
	items, err := l.client.bulk(ctx, "free detections", body.Bytes(), count)
	if err != nil {
		return 0, err
	}
	for _, item := range items {
		if item.Fault == nil {
			freed++
		} else if !errors.Is(item.Fault, ErrConflict) {
			return freed, item.Fault
		}
	}
	return freed, nil
}
