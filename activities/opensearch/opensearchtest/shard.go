package opensearchtest

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// document is one version of a document.
type document struct {
	id      string
	seq     int64
	term    int64
	version int64
	source  json.RawMessage
	parsed  any  // source, decoded once
	odd     bool // source has comments
	hidden  bool // replaced or deleted since it was made visible
}

// operation is one entry of a shard's history; doc is nil for a delete.
type operation struct {
	id  string
	seq int64
	doc *document
}

// shard is the primary of one shard. engine is what was written, visible what the last refresh showed; global is the
// sequence number up to which every copy has everything.
type shard struct {
	number  int
	node    int
	term    int64
	history string
	max     int64
	global  int64
	held    bool // the global checkpoint does not move: copies lag
	missing bool // red: no started primary, absent from _stats
	moving  bool // to another node; the primary stays where it is until it is handed over
	badly   bool // refreshes fail
	engine  map[string]*document
	deleted map[string]int64 // versions of deleted documents
	ops     []operation
	shown   int         // how many of ops are visible
	visible []*document // ordered by seq; hidden ones are skipped
	current map[string]*document
	due     time.Time
}

func newShard(number int, history string) *shard {
	return &shard{
		number: number, node: 1, term: 1, history: history, max: -1, global: -1,
		engine: map[string]*document{}, deleted: map[string]int64{}, current: map[string]*document{},
	}
}

// apply appends one operation to the history. source nil deletes.
func (s *shard) apply(id string, source json.RawMessage, version int64) *document {
	s.max++
	doc := &document{id: id, seq: s.max, term: s.term, version: version, source: source}
	if source == nil {
		s.ops = append(s.ops, operation{id: id, seq: s.max})
		delete(s.engine, id)
		s.deleted[id] = version
	} else {
		s.ops = append(s.ops, operation{id: id, seq: s.max, doc: doc})
		s.engine[id] = doc
	}
	if !s.held {
		s.global = s.max
	}
	return doc
}

// versionOf is the version of a document, or of its tombstone; 0 if there was none.
func (s *shard) versionOf(id string) int64 {
	if doc := s.engine[id]; doc != nil {
		return doc.version
	}
	return s.deleted[id]
}

// refresh makes everything written so far visible.
func (s *shard) refresh() {
	for ; s.shown < len(s.ops); s.shown++ {
		op := s.ops[s.shown]
		if old := s.current[op.id]; old != nil {
			old.hidden = true
			delete(s.current, op.id)
		}
		if op.doc != nil {
			s.visible = append(s.visible, op.doc)
			s.current[op.id] = op.doc
		}
	}
	if len(s.visible) > 64 && len(s.visible) > 2*len(s.current) {
		s.visible = slices.DeleteFunc(s.visible, func(d *document) bool { return d.hidden })
	}
}

// tick refreshes if the interval says so; every <= 0: never by itself.
func (s *shard) tick(now time.Time, every time.Duration) {
	if every <= 0 || now.Before(s.due) || s.badly {
		return
	}
	s.due = now.Add(every)
	s.refresh()
}

// between are the visible documents with from < seq <= to.
func (s *shard) between(from, to int64) []*document {
	start, exact := slices.BinarySearchFunc(s.visible, from, bySeq)
	if exact {
		start++
	}
	end, exact := slices.BinarySearchFunc(s.visible, to, bySeq)
	if exact {
		end++
	}
	if end < start {
		return nil
	}
	return s.visible[start:end]
}

func bySeq(d *document, seq int64) int { return cmp.Compare(d.seq, seq) }

// failOver makes another copy the primary: operations above the global checkpoint are rolled back, their sequence
// numbers will be given away again, and the new primary has shown only what it refreshed itself.
func (s *shard) failOver() {
	kept := s.ops[:0:0]
	for _, op := range s.ops {
		if op.seq <= s.global {
			kept = append(kept, op)
		}
	}
	s.rebuild(kept)
	s.term++
	s.node++
	s.held = false
}

// rebuild replays a history from nothing; nothing is visible before the next refresh.
func (s *shard) rebuild(ops []operation) {
	s.ops, s.shown, s.visible = ops, 0, nil
	s.engine, s.current = map[string]*document{}, map[string]*document{}
	s.max = s.global
	for _, op := range ops {
		if op.doc == nil {
			delete(s.engine, op.id)
			continue
		}
		op.doc.hidden = false
		s.engine[op.id] = op.doc
	}
	s.due = time.Time{}
}
