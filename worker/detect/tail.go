package detect

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"strconv"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// saveEvery bounds how much is read again after a crash; saveAtMost how long a save may take, and
// saveAnyway how old what is saved may be.
const (
	saveEvery  = time.Second
	saveAtMost = 10 * time.Second
	saveAnyway = 15 * time.Second // although nothing moved: so that people see that it is read
)

// shardKey names a shard for ever: an index that is made again has another UUID.
type shardKey struct {
	uuid   string
	number int
}

func keyOf(s opensearch.Shard) shardKey { return shardKey{s.UUID, s.Number} }

// slotOf is the slot that owns a shard.
func (k shardKey) slotOf(slots int) int {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(k.uuid + "/" + strconv.Itoa(k.number)))
	return int(sum.Sum32() % uint32(slots))
}

// tail reads the shards of a pattern, each by _seq_no up to its global checkpoint as it was some polls ago. Nothing is
// skipped: a window is either dense, or a refresh that began after its checkpoint was read proves that its holes hold no
// document. A position moves only after sink has taken the documents before it.
type tail struct {
	client  *opensearch.Client
	pattern string
	ours    bool // what Sallyport itself writes is read
	owns    func(shardKey) bool
	page    int
	lag     int
	sink    func(context.Context, *opensearch.Position, []opensearch.Hit) error
	lost    func(ctx context.Context, p *opensearch.Position, unread int64, how string) error // what a shard had unread is gone
	save    func(context.Context) error
	count   counts
	log     *slog.Logger
	now     func() time.Time

	positions map[shardKey]*opensearch.Position
	seen      []sighting // the last lag+1 looks at the checkpoints, oldest first
	whole     sighting   // the last look at all of them
	paces     map[shardKey]*pace
	vanished  map[shardKey]bool // absent for one look already
	settled   map[shardKey]bool // closed, and read to its end
	stalls    stalls
	tally     opensearch.Tally // of shards whose index is gone
	watermark time.Time
	behind    bool // the last poll left something unread that may be read
	dirty     bool
	saved     time.Time
}

// counts are where a tail says what it met.
type counts struct {
	holes, refreshes, rewinds func(n int)
	failures                  func()
	missing, closed           func(n int)
	unseen                    func(parts []string)
	stalled                   func(now, over []opensearch.Stall) // may be nil
	lag                       func(p *opensearch.Position, since time.Time)
	forget                    func(p *opensearch.Position)
}

// poll looks at the checkpoints once and reads what may be read. One bad shard does not stop the others; their errors
// come back joined. A fatal error ends the lease term.
func (t *tail) poll(ctx context.Context) error {
	t.stalls.begin(t.now())
	look, err := t.look(ctx)
	if err != nil {
		t.count.failures()
		return errors.Join(err, t.refused(ctx, err))
	}
	errs := []error{t.dropGone(ctx, look), t.settle(ctx, look)}
	t.seen = append(t.seen, look)
	if len(t.seen) > t.lag+1 {
		t.seen = t.seen[len(t.seen)-t.lag-1:]
	}
	errs = append(errs, t.readAll(ctx, look))
	for _, position := range t.positions {
		t.countLag(position)
	}
	t.raiseWatermark()
	t.tellStalls()
	if t.dirty || t.now().Sub(t.saved) >= saveAnyway {
		errs = append(errs, t.store(ctx))
	}
	return errors.Join(errs...)
}

// fatal marks an error that ends the lease term: the position could not be saved, so somebody else may have the slot.
type fatal struct{ error }

// Unwrap implements errors.Unwrap.
func (f fatal) Unwrap() error { return f.error }

func isFatal(err error) bool {
	var f fatal
	return errors.As(err, &f)
}

// store saves the positions, also when the lease has just ended: a save that is cut off may have happened, and the next
// one would meet it as somebody else's.
func (t *tail) store(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveAtMost)
	defer cancel()
	if err := t.save(ctx); err != nil {
		return fatal{err}
	}
	t.dirty, t.saved = false, t.now()
	return nil
}

// position finds where reading a shard goes on. A shard that was never seen begins at its beginning; so does one whose
// history changed.
func (t *tail) position(ctx context.Context, look sighting, s opensearch.Shard) error {
	key := keyOf(s)
	position := t.positions[key]
	if position == nil {
		position = &opensearch.Position{Index: s.Index, UUID: s.UUID, Shard: s.Number, History: s.History, Seq: -1, Known: -1}
		t.positions[key] = position
		t.dirty = true
	}
	if index, there := look.indices[s.UUID]; there {
		position.Created = index.Created
	}
	if position.History != s.History {
		if err := t.rewind(ctx, position, s); err != nil {
			return err
		}
	}
	t.learn(position, s.Checkpoint, look.at)
	return nil
}

// rewind begins a shard anew whose history changed, since its sequence numbers mean other operations now. What was known to
// be acknowledged in the old one, and lies above all that the new one has, is gone: unread, it is lost.
func (t *tail) rewind(ctx context.Context, position *opensearch.Position, s opensearch.Shard) error {
	t.log.Warn("history of a shard changed: it is read again from its beginning", "index", s.Index, "shard", s.Number)
	if err := t.lost(ctx, position, position.Known-max(position.Seq, s.Checkpoint), "got another history"); err != nil {
		return err
	}
	t.count.rewinds(1)
	position.Rewinds++
	position.History, position.Seq, position.Known, position.From = s.History, -1, -1, nil
	t.pace(keyOf(s)).unread = nil
	t.dirty = true
	return nil
}

// target is the checkpoint that a shard may be read up to: as seen lag polls ago, when the index's own refreshes have
// normally shown what is below it. A shard that the oldest look did not have is read later.
func (t *tail) target(key shardKey, s opensearch.Shard) int64 {
	if len(t.seen) <= t.lag {
		return -1
	}
	then, there := t.seen[0].shards[key]
	if !there || then.History != s.History {
		return -1
	}
	return then.Checkpoint
}
