package detect

import (
	"sync"
	"time"
)

// bucket lets so many new incidents pass at once, and so many an hour afterwards.
type bucket struct {
	now func() time.Time

	mu     sync.Mutex
	most   float64
	each   time.Duration // one token
	tokens float64
	filled time.Time
}

func newBucket(limit NewIncidents, now func() time.Time) *bucket {
	return &bucket{now: now, most: float64(limit.Burst), tokens: float64(limit.Burst), each: time.Hour / time.Duration(limit.PerHour), filled: now()}
}

// take takes a token, if there is one.
func (b *bucket) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.tokens = min(b.most, b.tokens+float64(now.Sub(b.filled))/float64(b.each))
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// giveBack returns a token that was not used.
func (b *bucket) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.most, b.tokens+1)
}
