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

// Creation is what became of one document.
type Creation struct {
	Created bool   // false without Refused: it was there before
	Refused *Fault // the server will never take it as it is; nil if it is durable
}

// CreateAll creates documents that are not there yet and answers for each, in order. Without an error every document
// that was not refused is durable. After an error the same call may be made again.
func (c *Client) CreateAll(ctx context.Context, docs []NewDocument) (all []Creation, err error) {
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
		all = append(all, part...)
		from = i + 1
		body.Reset()
	}
	return all, nil
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

func (c *Client) createSome(ctx context.Context, body []byte, count int) ([]Creation, error) {
	items, err := c.bulk(ctx, "create documents", body, count)
	if err != nil {
		return nil, err
	}
	all := make([]Creation, count)
	for i, item := range items {
		switch {
		case item.Status == http.StatusCreated:
			all[i].Created = true
		case item.Status == http.StatusConflict:
		case item.Fault.Permanent() && item.Status == http.StatusBadRequest:
			all[i].Refused = item.Fault
		default:
			return nil, item.Fault
		}
	}
	return all, nil
}

// bulkItem is the answer to one action of a bulk request; Fault is nil for 2xx.
type bulkItem struct {
	Status int
	Fault  *Fault
}

// bulk sends NDJSON and returns one answer per action: the status of the whole says nothing of them.
func (c *Client) bulk(ctx context.Context, op string, body []byte, count int) ([]bulkItem, error) {
	var answer struct {
		Items []map[string]struct {
			Status int             `json:"status"`
			Error  json.RawMessage `json:"error"`
		} `json:"items"`
	}
	if err := c.call(ctx, op, http.MethodPost, "/_bulk", url.Values{}, body, &answer); err != nil {
		return nil, err
	}
	if len(answer.Items) != count {
		return nil, fmt.Errorf("%s: %d answers to %d actions", op, len(answer.Items), count)
	}
	items := make([]bulkItem, count)
	for i, item := range answer.Items {
		for _, result := range item {
			items[i].Status = result.Status
			if result.Status/100 != 2 {
				items[i].Fault = newFault(op, result.Status, wrapError(result.Error))
			}
		}
	}
	return items, nil
}

// wrapError makes an item's error look like a whole answer's.
func wrapError(item json.RawMessage) []byte {
	return append(append([]byte(`{"error":`), item...), '}')
}
