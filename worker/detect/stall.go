package detect

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// mostStalls bounds how many stalls a cursor names; it tells how many there are.
const mostStalls = 50

// stallKey is a shard, or a pattern with shard -1.
type stallKey struct {
	index string
	shard int
}

// stalls are what can't be read to its end, over the polls.
type stalls struct {
	at     time.Time
	before map[stallKey]opensearch.Stall
	now    map[stallKey]opensearch.Stall
}

// resume goes on with what the cursor names.
func (s *stalls) resume(named []opensearch.Stall) {
	s.now = map[stallKey]opensearch.Stall{}
	for _, one := range named {
		s.now[stallKey{one.Index, one.Shard}] = one
	}
}

// begin begins a poll: what is not named anew is over.
func (s *stalls) begin(at time.Time) {
	s.at, s.before, s.now = at, s.now, map[stallKey]opensearch.Stall{}
}

// add names a stall; one that lasts keeps its begin.
func (s *stalls) add(index string, shard int, why string) {
	key := stallKey{index, shard}
	one := opensearch.Stall{Index: index, Shard: shard, Since: s.at.UTC(), Why: cut(oneLine(why), maxSummary)}
	if old, lasts := s.before[key]; lasts {
		one.Since = old.Since
	}
	s.now[key] = one
}

// keep lets a stall last that was not looked at in this poll.
func (s *stalls) keep(index string, shard int) {
	key := stallKey{index, shard}
	if old, lasts := s.before[key]; lasts {
		s.now[key] = old
	}
}

// list is what stalls, the longest first.
func (s *stalls) list() []opensearch.Stall {
	all := make([]opensearch.Stall, 0, len(s.now))
	for _, one := range s.now {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b opensearch.Stall) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard))
	})
	return all
}

// tellStalls tells what stalls now and what is over, and has the cursor name it.
func (t *tail) tellStalls() {
	var over []opensearch.Stall
	for key, one := range t.stalls.before {
		if _, lasts := t.stalls.now[key]; !lasts {
			over = append(over, one)
		}
	}
	t.dirty = t.dirty || len(over) > 0 || len(t.stalls.now) != len(t.stalls.before)
	if t.count.stalled != nil {
		t.count.stalled(t.stalls.list(), over)
	}
}

// refused names what kept a poll from its look. It is saved only when the cluster answered: one that does not may be the
// one that keeps the cursor.
func (t *tail) refused(ctx context.Context, err error) error {
	t.stalls.add(t.pattern, -1, err.Error())
	t.tellStalls()
	_, answered := errors.AsType[*opensearch.Fault](err)
	if _, own := errors.AsType[*opensearch.OwnError](err); !answered && !own || !t.dirty {
		return nil
	}
	return t.store(ctx)
}

// missPrimaries names the slot's shards that have no started primary.
func (t *tail) missPrimaries(look sighting) {
	for uuid, index := range look.indices {
		for number := range index.Shards {
			key := shardKey{uuid, number}
			if _, there := look.shards[key]; !there && !index.Closed && t.owns(key) {
				t.stalls.add(index.Name, number, "no started primary")
			}
		}
	}
}
