package detect

import (
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How one incident's news are spaced: the first at once, then ever rarer, so that a storm costs an incident few events
// of its history. An incident that had no news for calmAfter begins anew.
const (
	atOnce      = 20
	tenSeconds  = 500
	flood       = 1000
	floodBursts = 50 // signals of 500 each in one beat of a flood: about as much history as Temporal wants in one run
	calmAfter   = 10 * time.Minute
)

// waitingRef is a detection of the ledger that is not signalled yet, and where the dispatcher's cursor must stay for it.
type waitingRef struct {
	ref soar.DetectionRef
	key shardKey
	seq int64
}

// queue holds what one incident has not been told.
type queue struct {
	entity soar.Entity
	opens  []waitingRef // may start the incident
	joins  []waitingRef // go to a running one only
	out    bool         // a teller has some of it
	open   bool         // it took news, and nothing has said since that no incident runs
	told   int
	last   time.Time
	held   time.Time // no token was left; not before this
	quiet  time.Time // no incident was open; what only joins waits until then
}

func (q *queue) waiting() int { return len(q.opens) + len(q.joins) }

// beat is how long the incident must be left alone, and how many signals then go at once.
func (q *queue) beat() (wait time.Duration, signals int) {
	total := q.told + q.waiting()
	switch {
	case q.told < atOnce:
		return 0, 1
	case total <= tenSeconds:
		return 10 * time.Second, 1
	case total <= flood:
		return time.Minute, 1
	}
	return time.Minute, floodBursts
}

// due reports whether the incident may be told now.
func (q *queue) due(now time.Time) bool {
	if now.Sub(q.last) > calmAfter {
		q.told = 0
	}
	wait, _ := q.beat()
	if q.waiting() == 0 || len(q.opens) == 0 && now.Before(q.quiet) {
		return false
	}
	return now.Sub(q.last) >= wait && !now.Before(q.held)
}

// signal is what the incident is told at once.
type signal struct {
	refs  []waitingRef
	opens int // how many of them, the first ones, may start the incident
}

// telling plans what the incident is told in one beat; those that open go first.
func (q *queue) telling() *telling {
	t := &telling{queue: q, entity: q.entity}
	opens, joins := q.opens, q.joins
	_, most := q.beat()
	for len(t.signals) < most && len(opens)+len(joins) > 0 {
		s := signal{opens: min(len(opens), activities.MaxNews)}
		s.refs, opens = slices.Clone(opens[:s.opens]), opens[s.opens:]
		n := min(len(joins), activities.MaxNews-s.opens)
		s.refs, joins = append(s.refs, joins[:n]...), joins[n:]
		t.signals = append(t.signals, s)
	}
	t.start = len(q.opens) > 0 && q.entity.Family == soar.OwnFamily // what Sallyport has to say of itself needs no token
	t.fresh = len(q.opens) > 0 && !q.open && !t.start
	return t
}

// drop forgets what a signal took. What came since stands behind it in its list.
func (q *queue) drop(s signal) {
	q.opens = q.opens[s.opens:]
	q.joins = q.joins[len(s.refs)-s.opens:]
}

func newsOf(entity soar.Entity, batch []waitingRef) activities.News {
	news := activities.News{Entity: entity}
	for _, one := range batch {
		news.Detections = append(news.Detections, one.ref)
	}
	return news
}
