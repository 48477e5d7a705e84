package detect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// smallestPage is what pages are halved down to when the server asks for less; a page that can't be taken is halved
// further, to one document.
const smallestPage = 50

// How shards share a reader that is behind: each gets a turn of so many pages, and after so long the checkpoints are
// looked at again.
const (
	pagesPerTurn = 10
	lookAgain    = 5 * time.Second
)

// errMoved says that a shard's primary changed while a hole was being checked; the next poll sees the new one.
var errMoved = errors.New("primary moved while a hole was being checked")

// errBesideRed says that a hole can't be proved yet. The server refreshes an index as a whole: it waits a minute for a
// shard that has no primary, and nobody would be read meanwhile.
var errBesideRed = errors.New("a hole can't be checked while another shard of the index has no started primary")

// pace is how hard one shard may be asked.
type pace struct {
	size   int
	span   int64 // how many sequence numbers the next page looks through; at least size
	resume time.Time
	fails  int
	unread []sight   // looks that showed what is unread still, oldest first
	moved  time.Time // when a look last showed more than the one before
	shown  int64     // up to here a refresh, begun after this look, has shown everything
}

// readAll gives each shard its turn until none has more to read, or it is time to look again. It reports whether
// something was left by t.behind.
func (t *tail) readAll(ctx context.Context, look sighting) error {
	turn := make([]opensearch.Shard, 0, len(look.shards))
	var errs []error
	for key, shard := range look.shards {
		if err := t.position(ctx, look, shard); err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: %w", shard.Index, shard.Number, err))
			continue
		}
		t.pace(key).shown = -1
		turn = append(turn, shard)
	}
	for len(turn) > 0 && t.now().Sub(look.at) < lookAgain && ctx.Err() == nil {
		var again []opensearch.Shard
		for _, shard := range turn {
			more, err := t.readShard(ctx, shard, t.target(keyOf(shard), shard))
			if isFatal(err) {
				return err
			}
			if err != nil && ctx.Err() == nil {
				t.count.failures()
				t.stalls.add(shard.Index, shard.Number, err.Error())
				errs = append(errs, fmt.Errorf("%s[%d]: %w", shard.Index, shard.Number, err))
			}
			if more && ctx.Err() == nil {
				again = append(again, shard)
			}
		}
		turn = again
	}
	t.behind = len(turn) > 0
	return errors.Join(errs...)
}

func (t *tail) pace(key shardKey) *pace {
	if t.paces[key] == nil {
		t.paces[key] = &pace{size: t.page}
	}
	return t.paces[key]
}

// readShard reads one shard's turn and reports whether it has more for another.
func (t *tail) readShard(ctx context.Context, s opensearch.Shard, target int64) (more bool, err error) {
	position, pace := t.positions[keyOf(s)], t.pace(keyOf(s))
	if t.now().Before(pace.resume) {
		t.stalls.keep(s.Index, s.Number)
		return false, nil
	}
	for range pagesPerTurn {
		if position.Seq >= target || ctx.Err() != nil {
			return false, nil
		}
		hits, upto, err := t.readWindow(ctx, s, position.Seq, target, pace)
		if err != nil {
			return false, err
		}
		if holes := upto - position.Seq - int64(len(hits)); holes > 0 {
			shown, err := t.prove(ctx, s, target, position, pace)
			if err != nil {
				return false, err
			}
			if !shown {
				continue // refreshed now: ask again
			}
			t.count.holes(int(holes))
			position.Holes += holes
		}
		if err := t.sink(ctx, position, hits); err != nil {
			return false, err
		}
		position.Seq, t.dirty = upto, true
		if position.From != nil && upto >= position.From.Upto {
			position.From = nil
		}
		if t.now().Sub(t.saved) >= saveEvery {
			if err := t.store(ctx); err != nil {
				return false, err
			}
		}
	}
	return position.Seq < target, nil
}

// prove says whether a hole below target holds no document: a refresh that began after target was read came before the
// search, and the copy that answered is still the primary. The first time it only refreshes.
func (t *tail) prove(ctx context.Context, s opensearch.Shard, target int64, position *opensearch.Position, pace *pace) (shown bool, err error) {
	if pace.shown >= target {
		return true, t.stillPrimary(ctx, s)
	}
	if t.seen[len(t.seen)-1].missing[s.UUID] > 0 {
		return false, errBesideRed
	}
	if err := t.client.Refresh(ctx, s.Index); err != nil {
		return false, err
	}
	t.count.refreshes(1)
	position.Refreshes++
	pace.shown = target
	return false, nil
}

// readWindow reads one page and says up to which sequence number it speaks. A page that can't be taken is asked for again
// at half its size, down to one. It has an end of its own, since the server goes through all numbers that are asked for:
// asked up to target, a page within the first million of ten cost three times as much.
func (t *tail) readWindow(ctx context.Context, s opensearch.Shard, after, target int64, pace *pace) (hits []opensearch.Hit, upto int64, err error) {
	end := min(target, after+max(pace.span, int64(pace.size)))
	for {
		if hits, err = t.client.ReadPage(ctx, s, after, end, pace.size); !untaken(err) || pace.size == 1 {
			break
		}
		pace.size /= 2
	}
	if untaken(err) {
		hits, err = t.withhold(ctx, s, after, end)
	}
	if err != nil {
		pace.slow(err, t.now())
		return nil, 0, err
	}
	last := after
	for _, hit := range hits {
		if hit.SeqNo <= last || hit.SeqNo > end || hit.ID == "" {
			return nil, 0, errors.New("search answered documents that were not asked for")
		}
		last = hit.SeqNo
	}
	upto = end
	switch {
	case len(hits) == pace.size:
		upto = last
		pace.span = upto - after
	case end < target:
		pace.span = 2 * (end - after) // it found little there
	}
	if pace.quicken(t.page); len(hits) == 1 && hits[0].Withheld != nil {
		pace.size = t.page // the one that made it small is passed
	}
	return hits, upto, nil
}

// untaken says that a page came and can't be taken as it is.
func untaken(err error) bool {
	return errors.Is(err, opensearch.ErrTooLarge) || errors.Is(err, opensearch.ErrUnparsable)
}

// errWithheld says that an event which could not be taken is another one now.
var errWithheld = errors.New("an event that could not be read is not there any more")

// withhold names the event that could not be taken and asks for it alone once more. If it still can't be taken, its name
// goes on without its source, so that it is counted and stops nobody.
func (t *tail) withhold(ctx context.Context, s opensearch.Shard, after, target int64) ([]opensearch.Hit, error) {
	named, err := t.client.NameNext(ctx, s, after, target)
	if err == nil && len(named) != 1 {
		err = errWithheld
	}
	if err != nil {
		return nil, err
	}
	hits, err := t.client.ReadOne(ctx, s, named[0].SeqNo)
	switch {
	case untaken(err):
		named[0].Withheld = err
		return named, nil
	case err == nil && len(hits) != 1:
		return nil, errWithheld
	}
	return hits, err
}

// slow halves the page and waits when the server asks for less; a failing shard is left alone for a while.
func (p *pace) slow(err error, now time.Time) {
	p.fails = min(p.fails+1, 6)
	if opensearch.Overloaded(err) {
		p.size = min(p.size, max(smallestPage, p.size/2))
		wait := time.Duration(1<<p.fails) * 250 * time.Millisecond
		p.resume = now.Add(wait/2 + rand.N(wait/2))
	}
}

// quicken grows a page that was halved, slowly.
func (p *pace) quicken(most int) {
	p.fails = 0
	p.size = min(most, p.size+max(1, p.size/4))
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
