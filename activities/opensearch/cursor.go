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
	Unread  time.Time `json:"unread,omitzero"` // our clock when a look first showed what is unread still; zero: nothing is
	From    *From     `json:"from,omitempty"`
	Tally
}

// From leaves out what stood in a shard at the stream's first start and happened before a time.
type From struct {
	Time time.Time `json:"time"`
	Upto int64     `json:"upto"` // the checkpoint at that start: what was indexed later counts whenever it happened
}

// Tally is what reading met so far.
type Tally struct {
	Holes     int64 `json:"holes,omitempty"`     // sequence numbers without a document, proved by a refresh
	Refreshes int64 `json:"refreshes,omitempty"` // forced at holes
	Rewinds   int64 `json:"rewinds,omitempty"`   // histories that changed
	Lost      int64 `json:"lost,omitempty"`      // operations of deleted indices that were never read
}

// Plus adds two.
func (t Tally) Plus(u Tally) Tally {
	return Tally{t.Holes + u.Holes, t.Refreshes + u.Refreshes, t.Rewinds + u.Rewinds, t.Lost + u.Lost}
}

// Stall is what can't be read to its end, and since when and why.
type Stall struct {
	Index string    `json:"index"` // or the pattern, with shard -1
	Shard int       `json:"shard"`
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
}

// Mark is a point of a watermark's past: at At, our clock, all that was acknowledged before Watermark had been evaluated.
// A cursor is saved every few seconds with hundreds of them, so they are kept short, in milliseconds.
type Mark struct {
	At        time.Time
	Watermark time.Time
}

// MarshalJSON implements json.Marshaler. It promises no more than is true: the watermark is rounded down, the time up.
func (m Mark) MarshalJSON() ([]byte, error) {
	at := m.At.UnixMilli()
	if m.At.After(time.UnixMilli(at)) {
		at++
	}
	return fmt.Appendf(nil, "[%d,%d]", at, m.Watermark.UnixMilli()), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Mark) UnmarshalJSON(text []byte) error {
	var millis [2]int64
	err := json.Unmarshal(text, &millis)
	m.At, m.Watermark = time.UnixMilli(millis[0]).UTC(), time.UnixMilli(millis[1]).UTC()
	return err
}

// Lateness counts events of this hour and the one before by their lateness, in classes that the reader knows.
type Lateness struct {
	Hour   time.Time `json:"hour"`
	Now    []int64   `json:"now"`
	Before []int64   `json:"before,omitempty"`
}

// Cursor is the checkpoint of one reader.
type Cursor struct {
	Reader    string     `json:"reader"` // stream/<name>, stream/<name>/<slot>-of-<slots>, dispatcher
	Updated   time.Time  `json:"updated"`
	Started   time.Time  `json:"started"`
	Watermark time.Time  `json:"watermark"`       // index time; zero: not every shard was read yet
	Newest    time.Time  `json:"newest,omitzero"` // of the dispatcher: when the newest detection that it correlated was read
	Layouts   []int      `json:"layouts,omitempty"`
	From      string     `json:"from,omitempty"` // of stream/<name>: where it began at its first start
	Shards    []Position `json:"shards"`
	Past      []Mark     `json:"past,omitempty"`    // oldest first
	Stalls    []Stall    `json:"stalls,omitempty"`  // the longest of them first, bounded
	Stalled   int        `json:"stalled,omitempty"` // how many there are
	Gone      Tally      `json:"gone,omitzero"`     // of shards whose index is gone
	Lateness  *Lateness  `json:"lateness,omitempty"`
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
