package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Document is one document and where it stands in its shard's history.
type Document struct {
	Index       string          `json:"_index"`
	ID          string          `json:"_id"`
	SeqNo       int64           `json:"_seq_no"`
	PrimaryTerm int64           `json:"_primary_term"`
	Version     int64           `json:"_version"`
	Source      json.RawMessage `json:"_source"`
}

// Condition says when a document may be written. The zero value says: whatever is there.
type Condition struct{ query url.Values }

// Absent says: only if no document has this id.
func Absent() Condition { return Condition{url.Values{"op_type": {"create"}}} }

// Unchanged says: only if nobody wrote it since d was read.
func Unchanged(d Document) Condition {
	return Condition{url.Values{
		"if_seq_no":       {strconv.FormatInt(d.SeqNo, 10)},
		"if_primary_term": {strconv.FormatInt(d.PrimaryTerm, 10)},
	}}
}

// Newer says: only if the document there has a lower version, or there is none. The caller counts versions itself;
// all writers of one document must use it, or none.
func Newer(version int64) Condition {
	return Condition{url.Values{"version": {strconv.FormatInt(version, 10)}, "version_type": {"external"}}}
}

// Get reads a document by id, as last written (it waits for no refresh). found is false when there is no such document
// or index.
func (c *Client) Get(ctx context.Context, index, id string) (d Document, found bool, err error) {
	if index == "" || id == "" {
		return d, false, errors.New("get document: index or id is empty")
	}
	var answer struct {
		Document
		Found bool `json:"found"`
	}
	err = c.call(ctx, "get document of "+index, http.MethodGet, pathTo(index, "_doc", id), nil, nil, &answer)
	var fault *Fault
	if errors.As(err, &fault) && fault.Status == http.StatusNotFound {
		return d, false, nil
	}
	return answer.Document, err == nil && answer.Found, err
}

// Put writes doc, as JSON, under id, and returns where it stands now (without source). A condition that does not hold is
// ErrConflict. After a broken exchange the outcome is unknown: read before writing again.
func (c *Client) Put(ctx context.Context, index, id string, doc any, when Condition) (Document, error) {
	if index == "" || id == "" {
		return Document{}, errors.New("put document: index or id is empty")
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return Document{}, fmt.Errorf("encode document of %s: %w", index, err)
	}
	var answer Document
	err = c.call(ctx, "put document of "+index, http.MethodPut, pathTo(index, "_doc", id), when.query, body, &answer)
	return answer, err
}

// Create writes doc under id if no document has it; else ErrConflict.
func (c *Client) Create(ctx context.Context, index, id string, doc any) (Document, error) {
	return c.Put(ctx, index, id, doc, Absent())
}

// Delete removes a document that is still as d was read; one that is gone already is fine.
func (c *Client) Delete(ctx context.Context, d Document) error {
	if d.Index == "" || d.ID == "" {
		return errors.New("delete document: index or id is empty")
	}
	err := c.call(ctx, "delete document of "+d.Index, http.MethodDelete, pathTo(d.Index, "_doc", d.ID), Unchanged(d).query, nil, nil)
	var fault *Fault
	if errors.As(err, &fault) && fault.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// CreateIndex creates an index with settings and mappings as the server takes them; one that is there already stays as
// it is.
func (c *Client) CreateIndex(ctx context.Context, index string, body any) error {
	if index == "" {
		return errors.New("create index: name is empty")
	}
	sent, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode index %s: %w", index, err)
	}
	err = c.call(ctx, "create index "+index, http.MethodPut, pathTo(index), nil, sent, nil)
	var fault *Fault
	if errors.As(err, &fault) && fault.Type == "resource_already_exists_exception" {
		return nil
	}
	return err
}
