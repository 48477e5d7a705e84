package detect

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// Looking at every checkpoint costs the cluster some 0.1 ms a shard, and a year of daily indices has thousands. So looks at
// all of them take one lookShare-th of the time at most, but happen every wholeEvery at least; between two of them only hot
// indices are looked at: those that moved within coldAfter, and what is unread. A few hundred shards are all looked at in
// every poll.
const (
	lookShare  = 10
	wholeEvery = 30 * time.Second
	coldAfter  = 5 * time.Minute
)

// sighting is a look at the checkpoints. Complete: every shard had a started primary, and every part of the pattern
// matched an index, since a source that is not there is no source without events.
type sighting struct {
	at       time.Time
	since    time.Time // no checkpoint is older; before at where cold indices stand as they were seen then
	took     time.Duration
	shards   map[shardKey]opensearch.Shard
	indices  map[string]opensearch.Index // open and closed, by UUID
	missing  map[string]int              // shards without a started primary, by UUID of their index
	complete bool
}

// whole says that every index was looked at.
func (s sighting) whole() bool { return s.since.Equal(s.at) }

// look looks at hot indices, and whenever it is time, or something is not as it was, at all.
func (t *tail) look(ctx context.Context) (sighting, error) {
	if due := min(lookShare*t.whole.took, wholeEvery); t.whole.complete && t.now().Sub(t.whole.at) < due {
		if look, same, err := t.lookAtHot(ctx); same || err != nil {
			return look, err
		}
	}
	look, err := t.lookAtAll(ctx)
	if err == nil {
		look.took = t.now().Sub(look.at)
		t.whole = look
	}
	return look, err
}

// lookAtHot is the last whole look, with the checkpoints that hot indices have now. It is not the same, and tells nothing,
// if one of them lacks a shard or has another, or if they are more than can be named.
func (t *tail) lookAtHot(ctx context.Context) (look sighting, same bool, err error) {
	look = t.whole
	look.at, look.shards = t.now(), maps.Clone(t.whole.shards)
	hot, expected := t.hot()
	names := strings.Join(hot, ",")
	if len(hot) == 0 || !opensearch.Addressable(names) {
		return look, len(hot) == 0, nil
	}
	shards, err := t.client.Primaries(ctx, names)
	if err != nil {
		return look, false, err
	}
	for _, shard := range shards {
		if key := keyOf(shard); t.owns(key) {
			if _, known := look.shards[key]; !known {
				return look, false, nil
			}
			look.shards[key] = shard
			expected--
		}
	}
	return look, expected == 0, nil
}

// hot names the indices of which something moves or is unread, and says how many shards of them are ours.
func (t *tail) hot() (names []string, shards int) {
	hot := map[string]bool{}
	for key, shard := range t.whole.shards {
		if t.now().Sub(t.pace(key).moved) < coldAfter || t.positions[key] == nil || t.positions[key].Seq < shard.Checkpoint {
			hot[shard.Index] = true
		}
	}
	for _, shard := range t.whole.shards {
		if hot[shard.Index] {
			shards++
		}
	}
	return slices.Sorted(maps.Keys(hot)), shards
}

// lookAtAll reads the checkpoints first and then which shards there should be, so that a shard which was absent from the
// first answer is always missed by the second.
func (t *tail) lookAtAll(ctx context.Context) (sighting, error) {
	now := t.now()
	look := sighting{at: now, since: now, shards: map[shardKey]opensearch.Shard{}, indices: map[string]opensearch.Index{}}
	shards, err := t.client.Primaries(ctx, t.pattern)
	if err != nil {
		return look, err
	}
	indices, err := t.client.Indices(ctx, t.pattern)
	if err != nil {
		return look, err
	}
	if len(shards) > 0 && len(indices) == 0 {
		return look, opensearch.ErrIncomplete
	}
	if err := opensearch.RefuseOwn(t.pattern, indices); err != nil && !t.ours {
		return look, err
	}
	for _, index := range indices {
		look.indices[index.UUID] = index
	}
	for _, shard := range shards {
		if t.owns(keyOf(shard)) {
			look.shards[keyOf(shard)] = shard
		}
	}
	look.missing = missingPrimaries(shards, look.indices)
	missing := 0
	for _, of := range look.missing {
		missing += of
	}
	t.missPrimaries(look)
	unseen, err := t.client.Unseen(ctx, t.pattern, indices)
	if err != nil {
		return look, err
	}
	for _, part := range unseen {
		t.stalls.add(part, -1, "refused: it matches no open index, alias or data stream")
	}
	look.complete = missing == 0 && len(unseen) == 0
	t.count.missing(missing)
	t.count.unseen(unseen)
	return look, nil
}

// missingPrimaries counts, by index, the shards of open indices that have no started primary; what misses none is not in it.
func missingPrimaries(shards []opensearch.Shard, indices map[string]opensearch.Index) map[string]int {
	missing := map[string]int{}
	for uuid, index := range indices {
		if !index.Closed {
			missing[uuid] = index.Shards
		}
	}
	for _, shard := range shards {
		if index := indices[shard.UUID]; shard.Number < index.Shards && !index.Closed {
			missing[shard.UUID]--
		}
	}
	maps.DeleteFunc(missing, func(_ string, of int) bool { return of == 0 })
	return missing
}
