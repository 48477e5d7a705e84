package opensearch

import (
	"context"
	"fmt"
)

// scanPage is how many documents one search of scan asks for.
const scanPage = 500

// scan visits every document of index that query finds, in the order of fields, whose values together name one
// document. It sees what was refreshed; a document that changes meanwhile may be seen as before or after.
func (c *Client) scan(ctx context.Context, index string, query map[string]any, fields []string, visit func(Document) error) error {
	order := make([]any, len(fields))
	for i, field := range fields {
		order[i] = map[string]any{field: "asc"}
	}
	body := map[string]any{"size": scanPage, "query": query, "sort": order}
	for {
		var found Result
		if err := c.Search(ctx, index, body, &found); err != nil {
			return err
		}
		for _, hit := range found.Hits.Hits {
			if err := visit(hit.Document); err != nil {
				return fmt.Errorf("document %s of %s is not readable: %w", hit.ID, hit.Index, err)
			}
		}
		if len(found.Hits.Hits) < scanPage {
			return nil
		}
		body["search_after"] = found.Hits.Hits[scanPage-1].Sort
	}
}
