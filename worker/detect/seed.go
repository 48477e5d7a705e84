package detect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// headOf is the cursor document of a whole stream: where each shard stood at the first start, and into how many slots
// the stream has ever been divided.
func headOf(stream string) string { return "stream/" + stream }

func readerOf(stream string, slot, slots int) string {
	return fmt.Sprintf("stream/%s/%d-of-%d", stream, slot, slots)
}

// head loads the stream's head, and makes it at the first start. With from: now every index that is there begins at its
// checkpoint; a shard without a primary at that moment begins at its beginning, since nothing is known of it.
func (d *Detect) head(ctx context.Context, client *opensearch.Client, stream Stream) (opensearch.Held, error) {
	for {
		head, err := d.cursors.Load(ctx, headOf(stream.Name))
		if err != nil || head.Exists() && head.Layouts[len(head.Layouts)-1] == stream.Slots {
			return head, err
		}
		if !head.Exists() {
			head.Started = d.Now().UTC()
			if head.Shards, err = baseline(ctx, client, stream); err != nil {
				return head, err
			}
		}
		head.Layouts, head.Updated = append(head.Layouts, stream.Slots), d.Now().UTC()
		if err = d.cursors.Save(ctx, &head); !errors.Is(err, opensearch.ErrConflict) {
			return head, err
		}
	}
}

func baseline(ctx context.Context, client *opensearch.Client, stream Stream) ([]opensearch.Position, error) {
	if stream.From == FromBeginning {
		return nil, nil
	}
	shards, err := client.Primaries(ctx, stream.Index)
	if err != nil {
		return nil, err
	}
	positions := make([]opensearch.Position, len(shards))
	for i, s := range shards {
		positions[i] = opensearch.Position{
			Index: s.Index, UUID: s.UUID, Shard: s.Number, History: s.History, Seq: s.Checkpoint, Known: s.Checkpoint,
		}
	}
	return positions, nil
}

// seed finds where a slot's shards go on: at its own cursor; or, when the stream was divided otherwise since that was
// saved, at the furthest that any slot of any division has saved. Every cursor moves only after the ledger, so the
// furthest is safe.
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
	slices.Sort(divisions)
	for _, slots := range slices.Compact(divisions) {
		for each := range slots {
			held, err := d.cursors.Load(ctx, readerOf(stream.Name, each, slots))
			if err != nil {
				return own, nil, err
			}
			gather(best, held.Shards, stream.Slots, slot)
		}
	}
	for _, position := range best {
		position.Known = position.Seq // another slot may have read on and seen the index go: no loss is proved by this
	}
	own.Layouts = slices.Clone(head.Layouts)
	return own, best, nil
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
