package lab

import (
	"context"
	"slices"
	"sync"
	"time"
)

// watchEvery is how often the office looks at what it blocks: how exact the times of spans are.
const watchEvery = 20 * time.Millisecond

// Span is one time during which something was blocked without a break, by the office's own clock.
type Span struct {
	What string    `json:"what"` // as in State.Blocked
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // zero: it still is
}

// spans remembers what was blocked when.
type spans struct {
	mu   sync.Mutex
	list []Span
}

// see notes what is blocked at a moment.
func (s *spans) see(blocked []string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var open []string
	for i := range s.list {
		if !s.list[i].To.IsZero() {
			continue
		}
		if slices.Contains(blocked, s.list[i].What) {
			open = append(open, s.list[i].What)
		} else {
			s.list[i].To = at
		}
	}
	for _, what := range blocked {
		if !slices.Contains(open, what) {
			s.list = append(s.list, Span{What: what, From: at})
		}
	}
}

func (s *spans) all() []Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// watch looks at what is blocked until ctx ends.
func (l *Lab) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-tick.C:
			l.held.see(l.Blocked(ctx), at)
		}
	}
}
