package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport-soar/sallyport/activities"
)

// incidentsIndex holds one record per episode; its id is the incident's.
const incidentsIndex = "sallyport-incidents"

// MaxRecords is how many records ListRecords returns at most.
const MaxRecords = 1000

// Records are the incidents' records. They outlive Temporal's retention.
type Records struct{ client *Client }

// NewRecords returns the records that the cluster keeps.
func NewRecords(c *Client) *Records { return &Records{client: c} }

// WriteRecord carries out the step of that name. The document's version is the record's revision, so that a record that
// comes late, or twice, replaces nothing.
func (r *Records) WriteRecord(ctx context.Context, record activities.IncidentRecord) (activities.None, error) {
	if record.ID == "" || record.Revision < 0 {
		return activities.None{}, activities.Permanent(errors.New("record without incident or revision"))
	}
	_, err := r.client.Put(ctx, incidentsIndex, record.ID, record, Newer(int64(record.Revision)+1))
	if err != nil && !errors.Is(err, ErrConflict) {
		return activities.None{}, fmt.Errorf("write record: %w", err)
	}
	return activities.None{}, nil
}

// Record returns the record of an incident; found is false when there is none.
func (r *Records) Record(ctx context.Context, incident string) (record activities.IncidentRecord, found bool, err error) {
	d, found, err := r.client.Get(ctx, incidentsIndex, incident)
	if err != nil || !found {
		return record, false, err
	}
	if err := json.Unmarshal(d.Source, &record); err != nil {
		return record, false, fmt.Errorf("record %s is not readable: %w", incident, err)
	}
	return record, true, nil
}

// LastEpisode carries out the step of that name.
func (r *Records) LastEpisode(ctx context.Context, req activities.EpisodeRequest) (last activities.Episode, err error) {
	if err := r.client.Refresh(ctx, incidentsIndex); err != nil && !Gone(err) {
		return last, err
	}
	body := map[string]any{
		"size": 1, "sort": []any{map[string]any{"updated": "desc"}},
		"query": map[string]any{"bool": map[string]any{
			"filter":   []any{map[string]any{"term": map[string]any{"key": req.Key}}, map[string]any{"term": map[string]any{"status": "closed"}}},
			"must_not": []any{map[string]any{"term": map[string]any{"id": req.Incident}}},
		}},
	}
	var found Result
	if err := r.client.Search(ctx, incidentsIndex, body, &found); err != nil {
		return last, fmt.Errorf("last episode: %w", err)
	}
	for _, d := range found.Documents() {
		if err := json.Unmarshal(d.Source, &last); err != nil {
			return last, fmt.Errorf("record %s is not readable: %w", d.ID, err)
		}
	}
	return last, nil
}

// ListRecords returns the records that were updated last, the newest first; at most MaxRecords. status "" means any.
func (r *Records) ListRecords(ctx context.Context, status string, most int) ([]activities.IncidentRecord, error) {
	query := map[string]any{"match_all": map[string]any{}}
	if status != "" {
		query = map[string]any{"term": map[string]any{"status": status}}
	}
	if err := r.client.Refresh(ctx, incidentsIndex); err != nil && !Gone(err) {
		return nil, err
	}
	var found Result
	body := map[string]any{"size": min(max(most, 1), MaxRecords), "query": query, "sort": []any{map[string]any{"updated": "desc"}}}
	if err := r.client.Search(ctx, incidentsIndex, body, &found); err != nil {
		return nil, err
	}
	list := make([]activities.IncidentRecord, len(found.Hits.Hits))
	for i, d := range found.Documents() {
		if err := json.Unmarshal(d.Source, &list[i]); err != nil {
			return nil, fmt.Errorf("record %s is not readable: %w", d.ID, err)
		}
	}
	return list, nil
}
