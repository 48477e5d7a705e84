package detect

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How incidents are told. A signal is a round trip to the frontend, so a few incidents are told side by side, and the news
// of one of them one after the other. More at once than the server has hands only wait for each other there.
const (
	sideBySide   = 4
	signalAtMost = 10 * time.Second
	mostNew      = 256 // new incidents that are planned ahead, and so what a kill may cost of the bucket's tokens
	mostKnown    = 256 // others

	maxRefusals = 50               // new incidents asked for in vain in one pass
	holdRefused = time.Minute      // before one of them is asked for again
	joinAgain   = 10 * time.Second // before an entity without an incident is asked about again for what only joins
)

// telling is what one incident is to be told, and what became of it. The dispatcher plans and settles it; in between a
// teller has it, which touches nothing else.
type telling struct {
	queue   *queue
	entity  soar.Entity
	signals []signal
	fresh   bool // opens, needs a token for it, and nothing says that an incident runs
	start   bool // may start an incident: it has a token, or needs none

	told    int  // signals that an incident took
	started bool // by the first of them
	nobody  bool // took the next one: no incident runs
	err     error
}

// tellers send what was planned, and hand it back.
type tellers struct {
	work, done chan *telling // with room for all that may be planned, so that nobody waits for the other
	halt       atomic.Bool   // hands back what is planned as it is: the frontend is busy or down, or the term is over
	running    sync.WaitGroup
}

func startTellers(ctx context.Context, to Signaller) *tellers {
	s := &tellers{work: make(chan *telling, mostNew+mostKnown), done: make(chan *telling, mostNew+mostKnown)}
	for range sideBySide {
		s.running.Go(func() {
			for t := range s.work {
				if !s.halt.Load() {
					t.send(ctx, to)
				}
				if t.err != nil {
					s.halt.Store(true)
				}
				s.done <- t
			}
		})
	}
	return s
}

// send tells one incident, signal by signal, as long as it takes them.
func (t *telling) send(ctx context.Context, to Signaller) {
	for i, s := range t.signals {
		taken := true
		if i == 0 && t.start {
			t.started, t.err = startIncident(ctx, to, newsOf(t.entity, s.refs))
		} else {
			taken, t.err = joinIncident(ctx, to, newsOf(t.entity, s.refs))
		}
		if t.nobody = !taken && t.err == nil; t.nobody || t.err != nil {
			return
		}
		t.told++
	}
}

func startIncident(ctx context.Context, to Signaller, news activities.News) (started bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, signalAtMost)
	defer cancel()
	answer, err := to.SignalIncident(ctx, news)
	return answer.Started && err == nil, err
}

func joinIncident(ctx context.Context, to Signaller, news activities.News) (open bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, signalAtMost)
	defer cancel()
	return to.SignalOpenIncident(ctx, news)
}

// plan hands the tellers what is due. After a failure it waits until all has come back: every other would fail too.
func (p *dispatcher) plan(ctx context.Context) {
	if p.tellers.halt.Load() {
		if p.out > 0 {
			return
		}
		p.tellers.halt.Store(false)
	}
	due, fresh := p.due()
	if err := p.fill(ctx, fresh); err != nil {
		p.untold(ctx, err)
		return
	}
	refusals := 0
	for _, t := range due {
		switch {
		case t.fresh && p.purse > 0:
			p.purse--
			t.start = true
		case t.fresh && refusals == maxRefusals:
			continue
		case t.fresh:
			refusals++ // unless it runs, and the dispatcher does not know
		}
		p.hand(t)
	}
	p.sayOverload(ctx)
	if p.fresh == 0 {
		p.giveBack(ctx)
	}
}

// due plans what each incident is told that may be told now, as far as there is room; fresh are those that need a token.
// What was told long ago is forgotten.
func (p *dispatcher) due() (due []*telling, fresh int) {
	now := p.now()
	p.more = false
	for key, q := range p.queues {
		if q.waiting() == 0 && now.Sub(q.last) > calmAfter {
			delete(p.queues, key)
		}
		if q.out || !q.due(now) {
			continue
		}
		t := q.telling()
		if t.fresh && p.fresh+fresh == mostNew || !t.fresh && p.out-p.fresh+len(due)-fresh == mostKnown {
			p.more = true
			continue
		}
		if t.fresh {
			fresh++
		}
		due = append(due, t)
	}
	return due, fresh
}

func (p *dispatcher) hand(t *telling) {
	t.queue.out = true
	p.out++
	if t.fresh {
		p.fresh++
	}
	p.tellers.work <- t
}

// fill takes tokens for so many new incidents, if so many are left.
func (p *dispatcher) fill(ctx context.Context, fresh int) error {
	if fresh <= p.purse {
		return nil
	}
	taken, err := p.d.tokens.Take(ctx, fresh-p.purse)
	p.purse += taken
	return err
}

// giveBack returns tokens that started nothing, also when the lease has just ended.
func (p *dispatcher) giveBack(ctx context.Context) {
	if p.purse == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveAtMost)
	defer cancel()
	if err := p.d.tokens.GiveBack(ctx, p.purse); err != nil {
		p.log.Warn("tokens of new incidents can't be given back", "tokens", p.purse, "error", err)
		return
	}
	p.purse = 0
}

// hear settles what came back, and what comes back until it is time to look at the ledger again.
func (p *dispatcher) hear(ctx context.Context, until time.Time) {
	for len(p.tellers.done) > 0 {
		p.settle(ctx, <-p.tellers.done)
	}
	next := time.NewTimer(time.Until(until))
	defer next.Stop()
	for {
		select {
		case t := <-p.tellers.done:
			p.settle(ctx, t)
		case <-next.C:
			return
		case <-ctx.Done():
			return
		}
		if p.more && p.out <= sideBySide && !p.tellers.halt.Load() {
			p.plan(ctx)
		}
	}
}

// rest ends the tellers: what was not sent waits for the next term.
func (p *dispatcher) rest(ctx context.Context) {
	p.tellers.halt.Store(true)
	close(p.tellers.work)
	p.tellers.running.Wait()
	for p.out > 0 {
		p.settle(ctx, <-p.tellers.done)
	}
	p.giveBack(ctx)
}

// settle forgets what was told. What only joins, and finds no open incident, is done: it stays in the ledger as context,
// and does not count as news that the incident had. What opens one waits: for a token of the next pass, or a while if none
// was left in this one.
func (p *dispatcher) settle(ctx context.Context, t *telling) {
	q, kind := t.queue, kindJoined
	p.landed(t)
	if t.started {
		kind = kindStarted
	}
	for _, s := range t.signals[:t.told] {
		p.drop(q, s, kind)
		q.told, q.last, q.open = q.told+len(s.refs), p.now(), true
		p.term.Signals++
		kind = kindJoined
	}
	switch {
	case t.err != nil:
		p.untold(ctx, t.err)
	case t.nobody && t.signals[t.told].opens == 0:
		p.drop(q, t.signals[t.told], kindNothingOpen)
		q.open, q.quiet = false, p.now().Add(joinAgain)
	case t.nobody && t.fresh && !t.start:
		q.held = p.now().Add(holdRefused)
	case t.nobody:
		q.open = false
	}
}

// landed takes back a telling, and the token of one that started nothing.
func (p *dispatcher) landed(t *telling) {
	t.queue.out = false
	p.out--
	if t.fresh {
		p.fresh--
	}
	if t.fresh && t.start && !t.started {
		p.purse++
	}
}

func (p *dispatcher) drop(q *queue, s signal, kind string) {
	q.drop(s)
	p.total -= len(s.refs)
	p.dirty = true
	p.d.Metrics.signals.WithLabelValues(kind).Inc()
}

// untold says that an incident could not be told.
func (p *dispatcher) untold(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	p.d.Metrics.unsignalled.Inc()
	p.log.Warn("incident can't be told; it will be told again", "error", err)
}
