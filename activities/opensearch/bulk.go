package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// maxBulk is how much one bulk request carries, in bytes; a single larger document still goes.
const maxBulk = 4 << 20

// NewDocument is a document to create.
type NewDocument struct {
	Index string
	ID    string
	Doc   any
}

// CreateAll creates documents that are not there yet and returns, per document in order, whether it is new. It
// returns only when every one is durable (created now, or there before); a refused or lost one is an error, and the
// same call may be made again.
func (c *Client) CreateAll(ctx context.Context, docs []NewDocument) (created []bool, err error) {
	created = make([]bool, 0, len(docs))
	var body bytes.Buffer
	from := 0
	for i, doc := range docs {
		if err := appendCreate(&body, doc); err != nil {
			return nil, err
		}
		if body.Len() < maxBulk && i < len(docs)-1 {
			continue
		}
		part, err := c.createSome(ctx, body.Bytes(), i+1-from)
		if err != nil {
			return nil, err
		}
		created = append(created, part...)
		from = i + 1
		body.Reset()
	}
	return created, nil
}

func appendCreate(body *bytes.Buffer, doc NewDocument) error {
	if doc.Index == "" || doc.ID == "" {
		return errors.New("create documents: index or id is empty")
	}
	action, err := json.Marshal(map[string]any{"create": map[string]string{"_index": doc.Index, "_id": doc.ID}})
	if err != nil {
		return fmt.Errorf("encode bulk action: %w", err)
	}
	source, err := json.Marshal(doc.Doc) // one line: json.Marshal escapes line feeds
	if err != nil {
		return fmt.Errorf("encode document of %s: %w", doc.Index, err)
	}
	body.Write(action)
	body.WriteByte('\n')
	body.Write(source)
	body.WriteByte('\n')
	return nil
}

func (c *Client) createSome(ctx context.Context, body []byte, count int) ([]bool, error) {
	var answer struct {
		Items []map[string]struct {
			Status int             `json:"status"`
			Error  json.RawMessage `json:"error"`
		} `json:"items"`
	}
	if err := c.call(ctx, "create documents", http.MethodPost, "/_bulk", url.Values{}, body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Items) != count {
		return nil, fmt.Errorf("create documents: %d answers to %d documents", len(answer.Items), count)
	}
	created := make([]bool, count)
	for i, item := range answer.Items {
		switch result := item["create"]; {
		case result.Status == http.StatusCreated:
			created[i] = true
		case result.Status == http.StatusConflict:
		default:
			return nil, newFault("create documents", result.Status, wrapError(result.Error))
		}
	}
	return created, nil
}

// wrapError makes an item's error look like a whole answer's.
func wrapError(item json.RawMessage) []byte {
	return append(append([]byte(`{"error":`), item...), '}')
}
