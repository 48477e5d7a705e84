package opensearchtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault spoils requests at the wire. The zero value of a part does nothing.
type Fault struct {
	Operation string        // as Calls names it: search, refresh, stats, bulk, doc, ...; "" is every one
	Path      string        // the path must contain this
	Carries   string        // the request's body must contain this
	Times     int           // how many requests; 0: until lifted
	Skip      int           // so many requests pass first
	Status    int           // answer this instead
	Type      string        // error.type of that answer; by default one that fits the status
	Reason    string        // error.reason of that answer
	EachShard bool          // it is what each shard says: the answer's own type is search_phase_execution_exception
	Latency   time.Duration // wait before anything
	CutBefore bool          // close the connection before the effect
	CutAfter  bool          // close the connection after the effect
	Body      string        // answer 200 with this instead, after the effect
	Partial   bool          // say that a shard failed
	TimedOut  bool          // say that time ran out

	then   func()
	lifted bool
}

// Inject arms a fault; lift ends it.
func (c *Cluster) Inject(f Fault) (lift func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	armed := &f
	c.faults = append(c.faults, armed)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		armed.lifted = true
	}
}

// Observe calls then after the effect of each request of an operation whose path contains path, before its answer.
func (c *Cluster) Observe(operation, path string, then func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observers = append(c.observers, Fault{Operation: operation, Path: path, then: then})
}

func (f *Fault) concerns(in *call) bool {
	return (f.Operation == "" || f.Operation == in.operation) && strings.Contains(in.URL.Path, f.Path) &&
		(f.Carries == "" || bytes.Contains(in.body, []byte(f.Carries)))
}

// take finds the fault that this request runs into, or an empty one.
func (c *Cluster) take(in *call) (taken Fault, observers []Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.observers {
		if o.concerns(in) {
			observers = append(observers, o)
		}
	}
	c.faults = slices.DeleteFunc(c.faults, func(f *Fault) bool { return f.lifted })
	for _, f := range c.faults {
		if !f.concerns(in) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times == 1 {
			f.lifted = true
		}
		f.Times = max(0, f.Times-1)
		return *f, observers
	}
	return Fault{}, observers
}

// before acts ahead of the effect; true: the request is over.
func (f Fault) before(w http.ResponseWriter, r *http.Request) bool {
	if f.Latency > 0 {
		select {
		case <-time.After(f.Latency):
		case <-r.Context().Done():
			return true
		}
	}
	if f.CutBefore {
		cut(w)
		return true
	}
	if f.Status == 0 {
		return false
	}
	kind := f.Type
	if kind == "" {
		kind = map[int]string{
			http.StatusTooManyRequests: "circuit_breaking_exception", http.StatusForbidden: "security_exception",
			http.StatusServiceUnavailable: "cluster_block_exception",
		}[f.Status]
	}
	refusal := refuse(f.Status, kind, cmp.Or(f.Reason, "injected"))
	if f.EachShard {
		object(object(refusal.body)["error"])["type"] = "search_phase_execution_exception"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(refusal.body)
	return true
}

// spoil changes an answer after the effect.
func (f Fault) spoil(answer *reply) {
	if f.Body != "" {
		*answer = reply{http.StatusOK, rawBody(f.Body)}
	}
	body := object(answer.body)
	if f.TimedOut {
		body["timed_out"] = true
	}
	if shards, is := body["_shards"].(map[string]int); is && f.Partial {
		shards["successful"], shards["failed"] = max(0, shards["successful"]-1), shards["failed"]+1
	}
}

// after acts instead of the answer; true: the request is over.
func (f Fault) after(w http.ResponseWriter) bool {
	if f.CutAfter {
		cut(w)
	}
	return f.CutAfter
}

func cut(w http.ResponseWriter) {
	hijacker, can := w.(http.Hijacker)
	if !can {
		panic(http.ErrAbortHandler) // HTTP/2
	}
	if conn, _, err := hijacker.Hijack(); err == nil {
		_ = conn.Close()
	}
}

// Shard is one shard of an index, for faults of the model.
type Shard struct {
	c      *Cluster
	index  string
	number int
}

// Shard names a shard of an index that exists.
func (c *Cluster) Shard(index string, number int) Shard { return Shard{c, index, number} }

func (s Shard) do(change func(*index, *shard)) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	in := s.c.indices[s.index]
	if in == nil || s.number >= len(in.shards) {
		panic(fmt.Sprintf("opensearchtest: no shard %s[%d]", s.index, s.number))
	}
	change(in, in.shards[s.number])
}

// HoldCheckpoint stops the global checkpoint: from now on writes are on the primary alone.
func (s Shard) HoldCheckpoint() { s.do(func(_ *index, sh *shard) { sh.held = true }) }

// ReleaseCheckpoint lets the copies catch up.
func (s Shard) ReleaseCheckpoint() {
	s.do(func(_ *index, sh *shard) { sh.held, sh.global = false, sh.max })
}

// FailOver makes a copy the primary: what stood above the global checkpoint is gone, and its sequence numbers will be
// given to others.
func (s Shard) FailOver() { s.do(func(_ *index, sh *shard) { sh.failOver() }) }

// ChangeHistory is what forcing a stale copy to be primary does.
func (s Shard) ChangeHistory() {
	s.do(func(_ *index, sh *shard) { sh.history = s.c.identity("history"); sh.term++; sh.node++ })
}

// MakeEmpty is what making an empty shard primary does: the history is another one, and all that was acknowledged is gone.
func (s Shard) MakeEmpty() {
	s.do(func(_ *index, sh *shard) { *sh = *newShard(sh.number, s.c.identity("history")) })
}

// Missing takes the primary away (red), or gives it back: a shard that is recovered shows all that it has.
func (s Shard) Missing(missing bool) {
	s.do(func(_ *index, sh *shard) {
		if sh.missing = missing; !missing {
			sh.refresh()
		}
	})
}

// Relocate begins to move the primary to another node; handOver ends that.
func (s Shard) Relocate() (handOver func()) {
	s.do(func(_ *index, sh *shard) { sh.moving = true })
	return func() { s.do(func(_ *index, sh *shard) { sh.moving = false; sh.node++ }) }
}

// BadRefresh makes each refresh fail on this shard, or mends that.
func (s Shard) BadRefresh(failing bool) { s.do(func(_ *index, sh *shard) { sh.badly = failing }) }

// Hole uses up a sequence number as a delete of an unknown id does.
func (s Shard) Hole() { s.do(func(_ *index, sh *shard) { sh.apply("no such document", nil, 1) }) }

// Checkpoint is the shard's global checkpoint.
func (s Shard) Checkpoint() (global int64) {
	s.do(func(_ *index, sh *shard) { global = sh.global })
	return global
}

// SetRefresh changes an index's refresh interval; negative: only when asked.
func (c *Cluster) SetRefresh(index string, every time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in := c.indices[index]; in != nil {
		in.every = every
	}
}

// SetClosed closes an index, or opens it again.
func (c *Cluster) SetClosed(index string, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if in := c.indices[index]; in != nil {
		in.closed = closed
	}
}

// DeleteIndex drops an index, as retention does.
func (c *Cluster) DeleteIndex(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deleteIndices(name, false)
}

// CreateIndex creates an index with so many shards, created at the given time; zero: now.
func (c *Cluster) CreateIndex(name string, shards int, created time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	in, err := c.make(name, map[string]any{"settings": map[string]any{"number_of_shards": shards}})
	if err != nil {
		panic(err)
	}
	if !created.IsZero() {
		in.created = created
	}
}

// Documents are the sources of all documents that the engines of matching indices hold, by index/id.
func (c *Cluster) Documents(pattern string) map[string]json.RawMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]json.RawMessage{}
	for name, in := range c.indices {
		if !matches(pattern, name) {
			continue
		}
		for _, s := range in.shards {
			for id, doc := range s.engine {
				all[name+"/"+id] = doc.source
			}
		}
	}
	return all
}

// Acknowledged are the documents at or below the global checkpoint, with their sequence numbers.
func (s Shard) Acknowledged() map[string]int64 {
	all := map[string]int64{}
	s.do(func(_ *index, sh *shard) {
		for id, doc := range sh.engine {
			if doc.seq <= sh.global {
				all[id] = doc.seq
			}
		}
	})
	return all
}

// Has reports whether an index of this name and UUID is there.
func (c *Cluster) Has(index, uuid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.indices[index]
	return in != nil && in.uuid == uuid
}
