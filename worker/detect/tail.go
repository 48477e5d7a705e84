package detect

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// smallestPage is what pages are halved down to when the server asks for less; an answer that is too large to hold is
// halved further, to one document.
const smallestPage = 50

// saveEvery bounds how much is read again after a crash; saveAtMost how long a save may take.
const (
	saveEvery  = time.Second
	saveAtMost = 10 * time.Second
)

// errMoved says that a shard's primary changed while a hole was being checked; the next poll sees the new one.
var errMoved = errors.New("primary moved while a hole was being checked")

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
	owns    func(shardKey) bool
	page    int
	lag     int
	sink    func(context.Context, *opensearch.Position, []opensearch.Hit) error
	gone    func(context.Context, *opensearch.Position) error // an index was deleted; its position is dropped after it
	save    func(context.Context) error
	count   counts
	log     *slog.Logger
	now     func() time.Time

	positions map[shardKey]*opensearch.Position
	seen      []sighting // the last lag+1 looks at the checkpoints, oldest first
	paces     map[shardKey]*pace
	vanished  map[shardKey]bool // absent for one look already
	watermark time.Time
	dirty     bool
	saved     time.Time
}

// counts are where a tail says what it met.
type counts struct {
	holes, refreshes, rewinds func(n int)
	failures                  func()
	missing                   func(n int)
	lag                       func(p *opensearch.Position, since time.Time)
	forget                    func(p *opensearch.Position)
}

// sighting is one look at all checkpoints. Complete: every shard had a started primary.
type sighting struct {
	at       time.Time
	shards   map[shardKey]opensearch.Shard
	uuids    map[string]string // of every open index, by name
	complete bool
}

// pace is how hard one shard may be asked.
type pace struct {
	size    int
	resume  time.Time
	fails   int
	waiting time.Time // since when something is unread
}

// poll looks at the checkpoints once and reads what may be read. One bad shard does not stop the others; their errors
// come back joined. A fatal error ends the lease term.
func (t *tail) poll(ctx context.Context) error {
	look, err := t.look(ctx)
	if err != nil {
		t.count.failures()
		return err
	}
	errs := []error{t.dropGone(ctx, look)}
	t.seen = append(t.seen, look)
	if len(t.seen) > t.lag+1 {
		t.seen = t.seen[len(t.seen)-t.lag-1:]
	}
	for key, shard := range look.shards {
		if ctx.Err() != nil {
			break
		}
		position := t.position(shard)
		if err := t.readShard(ctx, shard, t.target(key, shard)); err != nil {
			if isFatal(err) {
				return err
			}
			t.count.failures()
			errs = append(errs, fmt.Errorf("%s[%d]: %w", shard.Index, shard.Number, err))
		}
		t.countLag(position)
	}
	t.raiseWatermark()
	if t.dirty {
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

// look reads the checkpoints first and then which shards there are, so that a shard which was absent from the first
// answer is always missed by the second.
func (t *tail) look(ctx context.Context) (sighting, error) {
	look := sighting{at: t.now(), shards: map[shardKey]opensearch.Shard{}, uuids: map[string]string{}}
	shards, err := t.client.Primaries(ctx, t.pattern)
	if err != nil {
		return look, err
	}
	expected, err := t.client.ShardIDs(ctx, t.pattern, false)
	if err != nil {
		return look, err
	}
	for _, shard := range shards {
		delete(expected, shard.ID())
		look.uuids[shard.Index] = shard.UUID
		if t.owns(keyOf(shard)) {
			look.shards[keyOf(shard)] = shard
		}
	}
	look.complete = len(expected) == 0
	t.count.missing(len(expected))
	return look, nil
}

// position finds where reading a shard goes on. A shard that was never seen begins at its beginning; so does one whose
// history changed, since its sequence numbers mean other operations now.
func (t *tail) position(s opensearch.Shard) *opensearch.Position {
	key := keyOf(s)
	position := t.positions[key]
	if position == nil {
		position = &opensearch.Position{Index: s.Index, UUID: s.UUID, Shard: s.Number, History: s.History, Seq: -1, Known: -1}
		t.positions[key] = position
		t.dirty = true
	}
	if position.History != s.History {
		t.log.Warn("history of a shard changed: it is read again from its beginning", "index", s.Index, "shard", s.Number)
		t.count.rewinds(1)
		position.History, position.Seq, position.Known = s.History, -1, -1
		t.dirty = true
	}
	if s.Checkpoint > position.Known {
		position.Known = s.Checkpoint
		t.dirty = true
	}
	return position
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

func (t *tail) pace(key shardKey) *pace {
	if t.paces[key] == nil {
		t.paces[key] = &pace{size: t.page}
	}
	return t.paces[key]
}

func (t *tail) readShard(ctx context.Context, s opensearch.Shard, target int64) error {
	position, pace := t.positions[keyOf(s)], t.pace(keyOf(s))
	if position.Seq >= target || t.now().Before(pace.resume) {
		return nil
	}
	for refreshed := false; position.Seq < target && ctx.Err() == nil; {
		hits, upto, err := t.readWindow(ctx, s, position.Seq, target, pace)
		if err != nil {
			return err
		}
		if holes := upto - position.Seq - int64(len(hits)); holes > 0 {
			if !refreshed {
				if err := t.refresh(ctx, s); err != nil {
					return err
				}
				refreshed = true
				continue
			}
			if err := t.stillPrimary(ctx, s); err != nil {
				return err
			}
			t.count.holes(int(holes))
		}
		if err := t.sink(ctx, position, hits); err != nil {
			return err
		}
		position.Seq, t.dirty = upto, true
		if t.now().Sub(t.saved) >= saveEvery {
			if err := t.store(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// readWindow reads one page and says up to which sequence number it speaks.
func (t *tail) readWindow(ctx context.Context, s opensearch.Shard, after, target int64, pace *pace) (hits []opensearch.Hit, upto int64, err error) {
	hits, err = t.client.ReadPage(ctx, s, after, target, pace.size)
	if err != nil {
		pace.slow(err, t.now())
		return nil, 0, err
	}
	last := after
	for _, hit := range hits {
		if hit.SeqNo <= last || hit.SeqNo > target || hit.ID == "" {
			return nil, 0, errors.New("search answered documents that were not asked for")
		}
		last = hit.SeqNo
	}
	upto = target
	if len(hits) == pace.size {
		upto = last
	}
	pace.quicken(t.page)
	return hits, upto, nil
}

// slow halves the page and waits when the server asks for less; a failing shard is left alone for a while.
func (p *pace) slow(err error, now time.Time) {
	p.fails = min(p.fails+1, 6)
	if opensearch.Overloaded(err) {
		least := smallestPage
		if errors.Is(err, opensearch.ErrTooLarge) {
			least = 1
		}
		p.size = min(p.size, max(least, p.size/2))
		wait := time.Duration(1<<p.fails) * 250 * time.Millisecond
		p.resume = now.Add(wait/2 + rand.N(wait/2))
	}
}

// quicken grows a page that was halved, slowly.
func (p *pace) quicken(most int) {
	p.fails = 0
	p.size = min(most, p.size+max(1, p.size/4))
}

func (t *tail) refresh(ctx context.Context, s opensearch.Shard) error {
	if err := t.client.Refresh(ctx, s.Index); err != nil {
		return err
	}
	t.count.refreshes(1)
	return nil
}

// stillPrimary proves that the copy which was refreshed and searched is the one that the checkpoint was read from.
func (t *tail) stillPrimary(ctx context.Context, s opensearch.Shard) error {
	shards, err := t.client.Primaries(ctx, s.Index)
	if err != nil {
		return err
	}
	for _, now := range shards {
		if now.UUID == s.UUID && now.Number == s.Number && now.Node == s.Node && now.History == s.History {
			return nil
		}
	}
	return errMoved
}

func (t *tail) countLag(p *opensearch.Position) {
	pace := t.pace(shardKey{p.UUID, p.Shard})
	if p.Known <= p.Seq {
		pace.waiting = time.Time{}
	} else if pace.waiting.IsZero() {
		pace.waiting = t.now()
	}
	t.count.lag(p, pace.waiting)
}
