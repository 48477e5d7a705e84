package opensearch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Newest is the latest time that the visible documents of an index have in the fields, which are the places of one event's
// time, the one that counts first first. It is known only when the first is a date with a value, and no other is anything
// but a date: a text has no order in time.
func (c *Client) Newest(ctx context.Context, index string, fields []string) (newest time.Time, known bool, err error) {
	aggs := map[string]any{}
	for i, field := range fields {
		aggs[strconv.Itoa(i)] = map[string]any{"max": map[string]string{"field": field}}
	}
	var answer struct {
		Result
		Aggregations map[string]struct {
			Value *float64 `json:"value"` // milliseconds of a date
			Text  *string  `json:"value_as_string"`
		} `json:"aggregations"`
	}
	err = c.Search(ctx, index, map[string]any{"size": 0, "track_total_hits": false, "aggs": aggs}, &answer)
	if fault, ok := errors.AsType[*Fault](err); ok && fault.Status == http.StatusBadRequest {
		return newest, false, nil // a field that has no greatest value
	}
	if err != nil {
		return newest, false, fmt.Errorf("newest event: %w", err)
	}
	for i := range fields {
		found := answer.Aggregations[strconv.Itoa(i)]
		switch {
		case found.Value == nil && i == 0:
			return newest, false, nil
		case found.Value == nil:
			continue
		case found.Text == nil:
			return newest, false, nil
		}
		if at := time.UnixMilli(int64(*found.Value)).UTC(); at.After(newest) {
			newest = at
		}
	}
	return newest, len(fields) > 0, nil
}
