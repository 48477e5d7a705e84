package detect

import (
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// sight is a look that showed a shard's checkpoint.
type sight struct {
	at         time.Time
	checkpoint int64
}

// mostSights bounds what is remembered of a shard that is far behind.
const mostSights = 64

// learn takes a checkpoint that a look showed.
func (t *tail) learn(p *opensearch.Position, checkpoint int64, at time.Time) {
	if checkpoint <= p.Known {
		return
	}
	pace := t.pace(shardKey{p.UUID, p.Shard})
	pace.recall(p, at)
	p.Known, t.dirty, pace.moved = checkpoint, true, at
	if len(pace.unread) == mostSights { // of two neighbours the earlier time counts for both
		for i := range mostSights / 2 {
			pace.unread[i] = sight{pace.unread[2*i].at, pace.unread[2*i+1].checkpoint}
		}
		pace.unread = pace.unread[:mostSights/2]
	}
	pace.unread = append(pace.unread, sight{at, checkpoint})
}

// recall goes on with what the cursor says of a shard that something was unread of.
func (p *pace) recall(position *opensearch.Position, now time.Time) {
	if len(p.unread) == 0 && position.Known > position.Seq {
		since := position.Unread
		if since.IsZero() {
			since = now
		}
		p.unread = append(p.unread, sight{since, position.Known})
	}
}

// countLag forgets the looks whose checkpoints have been read: the first that is left tells the age of the oldest
// operation that is unread.
func (t *tail) countLag(p *opensearch.Position) {
	pace := t.pace(shardKey{p.UUID, p.Shard})
	pace.recall(p, t.now())
	for len(pace.unread) > 0 && pace.unread[0].checkpoint <= p.Seq {
		pace.unread = pace.unread[1:]
	}
	p.Unread = time.Time{}
	if len(pace.unread) > 0 {
		p.Unread = pace.unread[0].at.UTC()
	}
	t.count.lag(p, p.Unread)
}
