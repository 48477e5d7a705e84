package detect

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// When a reader that fails is told: after failing for so long without one good poll in between. What was not heard of for
// staleAfter is read by another worker now.
const (
	failingFor = time.Minute
	staleAfter = 3 * time.Minute
)

// pulse keeps how the readers of this process fare, over their lease terms.
type pulse struct {
	now func() time.Time

	mu      sync.Mutex
	readers map[string]beat
}

// beat is a reader's last poll, and since when none was good.
type beat struct {
	at    time.Time
	since time.Time // zero: it was good
	err   error
}

// note keeps how a poll went.
func (p *pulse) note(reader string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readers == nil {
		p.readers = map[string]beat{}
	}
	now, last := p.now(), p.readers[reader]
	next := beat{at: now, err: err}
	if err != nil {
		if next.since = last.since; next.since.IsZero() || now.Sub(last.at) > staleAfter {
			next.since = now
		}
	}
	p.readers[reader] = next
}

// Readers tells of each reader of this process whether it fails: nil, or for how long and why.
func (d *Detect) Readers() map[string]error {
	d.pulse.mu.Lock()
	defer d.pulse.mu.Unlock()
	found, now := map[string]error{}, d.pulse.now()
	for reader, last := range d.pulse.readers {
		if now.Sub(last.at) > staleAfter {
			continue
		}
		found[reader] = nil
		if failing := now.Sub(last.since); !last.since.IsZero() && failing >= failingFor {
			found[reader] = fmt.Errorf("every poll failed for %s: %w", failing.Round(time.Second), last.err)
		}
	}
	return found
}

// beats notes how a poll of the slot went; one that saw no index is no good one.
func (s *slot) beats(err error) {
	s.d.pulse.note(slotName(s.stream.Name, s.number), errors.Join(err, s.unseen))
}

// slotName is how a slot is told to people.
func slotName(stream string, slot int) string { return fmt.Sprintf("stream %s slot %d", stream, slot) }
