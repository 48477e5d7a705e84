package opensearch

import (
	"context"
	"errors"
	"fmt"
)

// scanPage is how many documents one search of scan asks for.
const scanPage = 500

// scan visits every document of index that query finds, in the order of fields, whose values together name one
// document. It sees what was refreshed; a document that changes meanwhile may be seen as before or after. It asks for fewer
// when a page of them is too large.
func (c *Client) scan(ctx context.Context, index string, query map[string]any, fields []string, visit func(Document) error) error {
	order := make([]any, len(fields))
	for i, field := range fields {
		order[i] = map[string]any{field: "asc"}
	}
	body := map[string]any{"query": query, "sort": order}
	for size := scanPage; ; {
		var found Result
		body["size"] = size
		err := c.Search(ctx, index, body, &found)
		if errors.Is(err, ErrTooLarge) && size > 1 {
			size /= 2
			continue
		}
		if err != nil {
			return err
		}
		hits := found.Hits.Hits
		for _, hit := range hits {
			if err := visit(hit.Document); err != nil {
				return fmt.Errorf("document %s of %s is not readable: %w", hit.ID, hit.Index, err)
			}
		}
		if len(hits) < size {
			return nil
		}
		body["search_after"], size = hits[size-1].Sort, grown(size, scanPage)
	}
}

// grown is how many documents the next page asks for, after one of so many could be had: it was halved where they are large.
func grown(size, most int) int { return min(most, size+max(1, size/4)) }
