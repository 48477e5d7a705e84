package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Shards is how many shards an answer covers.
type Shards struct {
	Total      int `json:"total"`
	Successful int `json:"successful"`
	Failed     int `json:"failed"`
}

// Answer is what a search can be decoded into: a *Result, or a struct that embeds Result and adds its aggregations.
type Answer interface{ whole() bool }

// Result is a search's answer with the documents it found.
type Result struct {
	TimedOut bool    `json:"timed_out"`
	Shards   *Shards `json:"_shards"`
	Hits     struct {
		Total struct {
			Value    int64  `json:"value"`
			Relation string `json:"relation"` // eq, or gte when counting stopped at 10,000
		} `json:"total"`
		Hits []Hit `json:"hits"`
	} `json:"hits"`
}

// Hit is a document that a search found, with the values it was sorted by. Withheld says why its source is not there.
type Hit struct {
	Document
	Sort     []json.RawMessage `json:"sort"`
	Withheld error             `json:"-"`
}

func (r *Result) whole() bool {
	return r.Shards != nil && !r.TimedOut && r.Shards.Failed == 0 && r.Shards.Successful == r.Shards.Total
}

// Documents are the documents found, in order.
func (r *Result) Documents() []Document {
	found := make([]Document, len(r.Hits.Hits))
	for i, hit := range r.Hits.Hits {
		found[i] = hit.Document
	}
	return found
}

// Search sends body (a search as JSON) to index (a name, a pattern or a comma-separated list; none that exists is an
// empty answer) and decodes the answer into out. An answer that does not cover every shard is ErrIncomplete, never a
// smaller result.
func (c *Client) Search(ctx context.Context, index string, body any, out Answer) error {
	return c.searchWith(ctx, index, url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}}, body, out)
}

func (c *Client) searchWith(ctx context.Context, index string, query url.Values, body any, out Answer) error {
	if index == "" {
		return errors.New("search: index is empty")
	}
	sent, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode search of %s: %w", index, err)
	}
	query.Set("allow_partial_search_results", "false")
	if err := c.call(ctx, "search "+index, http.MethodPost, pathTo(index, "_search"), query, sent, out); err != nil {
		return err
	}
	if !out.whole() {
		return fmt.Errorf("search %s: %w", index, ErrIncomplete)
	}
	return nil
}

// Count says how many documents of index match query (a query clause as JSON; nil: all).
func (c *Client) Count(ctx context.Context, index string, query any) (int64, error) {
	body := map[string]any{}
	if query != nil {
		body["query"] = query
	}
	sent, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("encode count of %s: %w", index, err)
	}
	var answer struct {
		Count  int64   `json:"count"`
		Shards *Shards `json:"_shards"`
	}
	params := url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}}
	if err := c.call(ctx, "count "+index, http.MethodPost, pathTo(index, "_count"), params, sent, &answer); err != nil {
		return 0, err
	}
	if answer.Shards == nil || answer.Shards.Failed > 0 || answer.Shards.Successful < answer.Shards.Total {
		return 0, fmt.Errorf("count %s: %w", index, ErrIncomplete)
	}
	return answer.Count, nil
}

// Refresh makes everything that was written to index before this call visible to searches. An answer in which a shard
// failed is ErrIncomplete: the server says 200 to it. Unassigned replicas are no failure.
func (c *Client) Refresh(ctx context.Context, index string) error {
	var answer struct {
		Shards *Shards `json:"_shards"`
	}
	params := url.Values{}
	if strings.ContainsAny(index, ",*") {
		params = url.Values{"ignore_unavailable": {"true"}, "allow_no_indices": {"true"}}
	}
	if err := c.call(ctx, "refresh "+index, http.MethodPost, pathTo(index, "_refresh"), params, nil, &answer); err != nil {
		return err
	}
	if answer.Shards == nil || answer.Shards.Failed > 0 {
		return fmt.Errorf("refresh %s: %w", index, ErrIncomplete)
	}
	return nil
}
