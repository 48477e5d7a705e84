package detect

import (
	"context"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// raiseWatermark moves the watermark up to the oldest look if that look missed no shard and all that it saw has been
// read. It never moves back: a shard that is red, missing or refused stops it, and so does a closed one whose end was not
// read.
func (t *tail) raiseWatermark() {
	if len(t.seen) <= t.lag {
		return
	}
	then := t.seen[0]
	if !then.complete || !then.since.After(t.watermark) {
		return
	}
	for key, position := range t.positions {
		if _, seen := then.shards[key]; seen {
			continue
		}
		if _, back := t.seen[len(t.seen)-1].shards[key]; back && position.Known > position.Seq || !back && !t.settled[key] {
			return // it was closed, or not there for a moment, and has something unread; or nobody knows
		}
	}
	for key, shard := range then.shards {
		position := t.positions[key]
		if position != nil && (position.History != shard.History || position.Seq < shard.Checkpoint) {
			return
		}
	}
	t.watermark, t.dirty = then.since, true
}

// settle asks closed indices up to where they go: what was acknowledged after the last look before the closing, no look
// has seen. A closed shard that was read to its end stops no watermark; of another one the end is known, should it be
// deleted.
func (t *tail) settle(ctx context.Context, look sighting) error {
	asked := map[shardKey]bool{}
	for key := range t.positions {
		if _, open := look.shards[key]; open {
			delete(t.settled, key)
		} else if look.indices[key.uuid].Closed && !t.settled[key] {
			asked[key] = true
		}
	}
	t.count.closed(0)
	if len(asked) == 0 {
		return nil
	}
	closed, err := t.client.ClosedPrimaries(ctx, t.pattern)
	for _, shard := range closed {
		key := keyOf(shard)
		if position := t.positions[key]; asked[key] && position.History == shard.History {
			t.learn(position, shard.Checkpoint, look.at)
			t.settled[key] = position.Seq >= shard.Checkpoint
		}
	}
	unread := 0
	for key := range asked {
		if !t.settled[key] {
			unread++
			t.stalls.add(t.positions[key].Index, key.number, "its index is closed, and was not read to its end")
		}
	}
	t.count.closed(unread)
	return err
}

// dropGone finds indices that were deleted: their shards are absent from two whole looks in a row, and the cluster knows the
// index no more. What they took along unread is reported.
func (t *tail) dropGone(ctx context.Context, look sighting) error {
	if !look.whole() {
		return nil
	}
	var absent []shardKey
	for key := range t.positions {
		if _, there := look.shards[key]; there {
			delete(t.vanished, key)
		} else if t.vanished[key] {
			absent = append(absent, key)
		} else {
			t.vanished[key] = true
		}
	}
	for _, key := range absent {
		position := t.positions[key]
		if _, exists := look.indices[key.uuid]; exists {
			continue // red or closed: it may come back
		}
		if err := t.lost(ctx, position, position.Known-position.Seq, "was deleted"); err != nil {
			return err
		}
		t.tally = t.tally.Plus(position.Tally)
		t.count.forget(position)
		delete(t.positions, key)
		delete(t.vanished, key)
		delete(t.settled, key)
		delete(t.paces, key)
		t.dirty = true
	}
	return nil
}

// Slots is how many slots the streams have together: so many readers run at once.
func (c Config) Slots() (slots int) {
	for _, stream := range c.Streams {
		slots += stream.withDefaults().Slots
	}
	return slots
}

// Watermarks are those of the configured streams, as their readers saved them last: all that OpenSearch had acknowledged
// before has been evaluated. A stream that has none yet, in any of its slots, is left out.
func Watermarks(ctx context.Context, cursors *opensearch.Cursors, c Config) (map[string]time.Time, error) {
	marks := map[string]time.Time{}
	for _, stream := range c.Streams {
		slots, err := division(ctx, cursors, stream.Name, stream.withDefaults().Slots)
		if err != nil {
			return nil, err
		}
		least := leastWatermark(slots)
		if !least.IsZero() {
			marks[stream.Name] = least
		}
	}
	return marks, nil
}
