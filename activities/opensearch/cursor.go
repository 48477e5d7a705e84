package opensearch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// cursorsIndex holds one document per slot and for the dispatcher: the only checkpoint.
const cursorsIndex = "sallyport-cursors"

// Position says how far a shard has been read: every document up to Seq is in the ledger, as far as a rule matched.
type Position struct {
	Index   string    `json:"index"`
	UUID    string    `json:"uuid"`
	Shard   int       `json:"shard"`
	History string    `json:"history"`
	Seq     int64     `json:"seq"`   // -1: nothing read
	Known   int64     `json:"known"` // the highest global checkpoint seen, to tell what a deleted index took along
	Created time.Time `json:"created"`
}

// Cursor is the checkpoint of one reader.
type Cursor struct {
	Reader    string     `json:"reader"` // stream/<name>, stream/<name>/<slot>-of-<slots>, dispatcher
	Updated   time.Time  `json:"updated"`
	Started   time.Time  `json:"started"`
	Watermark time.Time  `json:"watermark"`       // index time; zero: not every shard was read yet
	Newest    time.Time  `json:"newest,omitzero"` // of the dispatcher: when the newest detection that it correlated was read
	Layouts   []int      `json:"layouts,omitempty"`
	Shards    []Position `json:"shards"`
}

// Cursors keeps cursors by compare-and-set, so that of two readers of one slot only one goes on.
type Cursors struct{ client *Client }

// NewCursors returns the cursors that the cluster keeps.
func NewCursors(c *Client) *Cursors { return &Cursors{client: c} }

// Held is a cursor as it was read or saved last.
type Held struct {
	Cursor
	document Document
	there    bool
}

// Load reads a reader's cursor; Exists says whether there was one.
func (c *Cursors) Load(ctx context.Context, reader string) (Held, error) {
	document, found, err := c.client.Get(ctx, cursorsIndex, reader)
	if err != nil {
		return Held{}, fmt.Errorf("load cursor: %w", err)
	}
	held := Held{Cursor: Cursor{Reader: reader}, document: document, there: found}
	if !found {
		return held, nil
	}
	if err := json.Unmarshal(document.Source, &held.Cursor); err != nil || held.Reader != reader {
		return Held{}, fmt.Errorf("cursor %s is not one that Sallyport wrote", reader)
	}
	return held, nil
}

// Exists reports whether the cursor has ever been saved.
func (h *Held) Exists() bool { return h.there }

// Same reports whether both are the cursor as it was written at one moment.
func (h *Held) Same(other Held) bool {
	return h.there == other.there && h.document.SeqNo == other.document.SeqNo && h.document.PrimaryTerm == other.document.PrimaryTerm
}

// Save writes the cursor if nobody else has since it was read or saved; else ErrConflict: another reader has the slot.
// After a broken exchange the outcome is unknown: load again before reading on.
func (c *Cursors) Save(ctx context.Context, h *Held) error {
	when := Absent()
	if h.there {
		when = Unchanged(h.document)
	}
	document, err := c.client.Put(ctx, cursorsIndex, h.Reader, h.Cursor, when)
	if err != nil {
		return fmt.Errorf("save cursor: %w", err)
	}
	h.document, h.there = document, true
	return nil
}
