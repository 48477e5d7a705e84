package detect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// headOf is the cursor document of a whole stream: where each shard stood at the first start, and into how many slots
// the stream has ever been divided.
func headOf(stream string) string { return "stream/" + stream }

func readerOf(stream string, slot, slots int) string {
	return fmt.Sprintf("stream/%s/%d-of-%d", stream, slot, slots)
}

// head loads the stream's head, and makes it at the first start. With from: now every index that is there begins at its
// checkpoint, with from: <time> one whose newest event is older; a shard without a primary at that moment begins at its
// beginning, since nothing is known of it.
func (d *Detect) head(ctx context.Context, client *opensearch.Client, stream Stream, timePaths []string) (opensearch.Held, error) {
	for {
		head, err := d.cursors.Load(ctx, headOf(stream.Name))
		if err != nil || head.Exists() && head.Layouts[len(head.Layouts)-1] == stream.Slots {
			return head, err
		}
		if !head.Exists() {
			head.Started, head.From = d.Now().UTC(), stream.From
			if head.Shards, err = baseline(ctx, client, stream, timePaths); err != nil {
				return head, err
			}
		}
		head.Layouts, head.Updated = append(head.Layouts, stream.Slots), d.Now().UTC()
		if err = d.cursors.Save(ctx, &head); !errors.Is(err, opensearch.ErrConflict) {
			return head, err
		}
	}
}

// baseline is where the shards begin that are there at the first start.
func baseline(ctx context.Context, client *opensearch.Client, stream Stream, timePaths []string) ([]opensearch.Position, error) {
	if stream.From == FromBeginning {
		return nil, nil
	}
	shards, err := client.Primaries(ctx, stream.Index)
	if err != nil {
		return nil, err
	}
	from, timed := stream.fromTime()
	older := map[string]bool{} // by index, as far as it was asked
	if timed {
		if older, err = unasked(ctx, client, stream.Index, shards); err != nil {
			return nil, err
		}
	}
	positions := make([]opensearch.Position, len(shards))
	for i, s := range shards {
		positions[i] = opensearch.Position{
			Index: s.Index, UUID: s.UUID, Shard: s.Number, History: s.History, Seq: s.Checkpoint, Known: s.Checkpoint,
		}
		if !timed {
			continue
		}
		if _, asked := older[s.Index]; !asked {
			if older[s.Index], err = allOlder(ctx, client, s.Index, timePaths, from); err != nil {
				return nil, err
			}
		}
		if !older[s.Index] {
			positions[i].Seq, positions[i].From = -1, &opensearch.From{Time: from, Upto: s.Checkpoint}
		}
	}
	return positions, nil
}

// unasked are the indices that can't say now how old they are, since a shard has no primary: none of them counts as older.
func unasked(ctx context.Context, client *opensearch.Client, pattern string, shards []opensearch.Shard) (map[string]bool, error) {
	indices, err := client.Indices(ctx, pattern)
	if err != nil {
		return nil, err
	}
	byUUID := map[string]opensearch.Index{}
	for _, index := range indices {
		byUUID[index.UUID] = index
	}
	older := map[string]bool{}
	for uuid := range missingPrimaries(shards, byUUID) {
		older[byUUID[uuid].Name] = false
	}
	return older, nil
}

// allOlder reports whether an index holds no event of from or later, proved by its date fields. The checkpoints were read
// before: what is written after this look lies above them.
func allOlder(ctx context.Context, client *opensearch.Client, index string, timePaths []string, from time.Time) (bool, error) {
	if len(timePaths) == 0 {
		return false, nil
	}
	if err := client.Refresh(ctx, index); err != nil {
		return false, fmt.Errorf("where %s begins: %w", index, err)
	}
	newest, known, err := client.Newest(ctx, index, timePaths)
	if err != nil {
		return false, fmt.Errorf("where %s begins: %w", index, err)
	}
	return known && newest.Before(from), nil
}

// seed finds where a slot's shards go on: at its own cursor; or, when the stream was divided otherwise since that was
// saved, at the furthest that any slot of any division has saved. Every cursor moves only after the ledger, so the
// furthest is safe. The watermark goes on at the least of the division before.
func (d *Detect) seed(ctx context.Context, head opensearch.Held, stream Stream, slot int) (opensearch.Held, map[shardKey]*opensearch.Position, error) {
	best := map[shardKey]*opensearch.Position{}
	own, err := d.cursors.Load(ctx, readerOf(stream.Name, slot, stream.Slots))
	if err != nil {
		return own, nil, err
	}
	if len(own.Layouts) == len(head.Layouts) {
		gather(best, own.Shards, stream.Slots, slot)
		return own, best, nil
	}
	gather(best, head.Shards, stream.Slots, slot)
	divisions := slices.Clone(head.Layouts)
	before := 0
	if len(divisions) > 1 {
		before = divisions[len(divisions)-2]
	}
	slices.Sort(divisions)
	for _, slots := range slices.Compact(divisions) {
		cursors, err := division(ctx, d.cursors, stream.Name, slots)
		if err != nil {
			return own, nil, err
		}
		for _, held := range cursors {
			gather(best, held.Shards, stream.Slots, slot)
		}
		if slots == before {
			own.Watermark = later(own.Watermark, leastWatermark(cursors))
		}
	}
	for _, position := range best {
		position.Known = position.Seq // another slot may have read on and seen the index go: no loss is proved by this
	}
	own.Layouts = slices.Clone(head.Layouts)
	return own, best, nil
}

// division loads the cursors of a stream that is divided into so many slots.
func division(ctx context.Context, cursors *opensearch.Cursors, stream string, slots int) (all []opensearch.Held, err error) {
	for slot := range slots {
		held, err := cursors.Load(ctx, readerOf(stream, slot, slots))
		if err != nil {
			return nil, err
		}
		all = append(all, held)
	}
	return all, nil
}

// leastWatermark is what the slots together have evaluated; zero while one of them has none.
func leastWatermark(division []opensearch.Held) (least time.Time) {
	for i, held := range division {
		if i == 0 || held.Watermark.Before(least) {
			least = held.Watermark
		}
	}
	return least
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func gather(best map[shardKey]*opensearch.Position, from []opensearch.Position, slots, slot int) {
	for _, position := range from {
		key := shardKey{position.UUID, position.Shard}
		if key.slotOf(slots) != slot {
			continue
		}
		if old := best[key]; old == nil || old.History != position.History || old.Seq <= position.Seq {
			best[key] = &position
		}
	}
}
