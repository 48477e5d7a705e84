package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sallyport-soar/sallyport/activities"
)

// readers are role detect in virtual time: each keeps its lease for its term, and reads nothing.
type readers struct {
	w *world

	mu     sync.Mutex
	terms  map[string][]time.Time // when each term of a reader began
	at     map[string]int         // readers of one slot that are at it now
	beside int                    // terms that began while another of the slot ran
	slots  int                    // of the stream, as the workers' config has it now; 0: it is in none
	broken bool                   // no worker can do anything
	stops  int                    // terms of the first slot that a stopped worker ends early
}

func newReaders(w *world) *readers {
	r := &readers{w: w, slots: 2, terms: map[string][]time.Time{}, at: map[string]int{}}
	activities.Bind(w.env, activities.ReadSlot, func(ctx context.Context, in activities.SlotRequest) (activities.SlotTerm, error) {
		name := fmt.Sprintf("%s/%d of %d", in.Stream, in.Slot, in.Slots)
		if slots := r.configured(); slots != in.Slots { // a worker of another config does not begin
			r.note(name)
			return activities.SlotTerm{Slots: slots}, nil
		}
		return activities.SlotTerm{}, r.lease(ctx, name, in.Term, activities.SlotTerm{Slots: in.Slots})
	})
	activities.Bind(w.env, activities.Dispatch, func(ctx context.Context, in activities.DispatchRequest) (activities.DispatchTerm, error) {
		return activities.DispatchTerm{}, r.lease(ctx, "dispatcher", in.Term, activities.DispatchTerm{})
	})
	return r
}

func (r *readers) configured() int { r.mu.Lock(); defer r.mu.Unlock(); return r.slots }

// configures brings another config to the workers.
func (r *readers) configures(after time.Duration, slots int) {
	r.w.at(after, func() { r.mu.Lock(); r.slots = slots; r.mu.Unlock() })
}

func (r *readers) note(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.terms[name] = append(r.terms[name], r.w.env.Now())
}

func (r *readers) lease(ctx context.Context, name string, term time.Duration, result any) error {
	r.note(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return activities.Permanent(errors.New("the config has no such stream"))
	}
	if r.at[name] > 0 {
		r.beside++
	}
	r.at[name]++
	if strings.Contains(name, "/0 of ") && r.stops > 0 {
		r.stops--
		term = 20 * time.Second
	}
	token, id := activity.GetInfo(ctx).TaskToken, activity.GetInfo(ctx).WorkflowExecution.ID
	r.w.env.RegisterDelayedCallback(func() {
		r.mu.Lock()
		r.at[name]--
		r.mu.Unlock()
		if err := r.w.env.CompleteActivity(token, result, nil); err != nil {
			r.w.t.Error(err)
		}
		_ = r.w.env.SignalWorkflowByID(id, "look", nil) // the environment wakes its root workflow alone
	}, term)
	return activity.ErrResultPending
}

func TestReadersTakeTermsOneAfterTheOther(t *testing.T) {
	w := newWorld(t)
	readers := newReaders(w)
	w.start("stream/wazuh", "Stream", "wazuh", 2)
	w.start("dispatcher", "Dispatcher")
	var first string
	w.at(time.Hour, func() { first = w.suggests.runs["stream/wazuh"] + w.suggests.runs["dispatcher"] })
	w.at(18*time.Hour, func() {
		if now := w.suggests.runs["stream/wazuh"] + w.suggests.runs["dispatcher"]; now == first {
			t.Error("after 100 terms the same runs go on")
		}
	})

	w.plays(20*time.Hour - time.Minute)

	if len(readers.terms) != 3 || readers.beside != 0 {
		t.Errorf("%d readers, %d terms beside another", len(readers.terms), readers.beside)
	}
	for name, terms := range readers.terms {
		if len(terms) != 120 {
			t.Errorf("%s had %d terms in 20 hours, want 120", name, len(terms))
		}
		for i := 1; i < len(terms); i++ {
			if gap := terms[i].Sub(terms[i-1]); gap.Round(time.Second) != 10*time.Minute {
				t.Errorf("%s: a term of %s", name, gap)
			}
		}
	}
}

// TestASlotThatIsThroughEarlyWaitsForNoOther: the worker of one slot is stopped again and again, and each stop ends a term.
func TestASlotThatIsThroughEarlyWaitsForNoOther(t *testing.T) {
	w := newWorld(t)
	readers := newReaders(w)
	readers.stops = 90
	w.start("stream/wazuh", "Stream", "wazuh", 2)

	w.plays(6 * time.Hour)

	for name, terms := range readers.terms {
		for i := 1; i < len(terms); i++ {
			if gap := terms[i].Sub(terms[i-1]); gap > 10*time.Minute+time.Second {
				t.Errorf("nobody reads %s for %s", name, gap-10*time.Minute)
			}
		}
		if last := terms[len(terms)-1].Sub(terms[0]); last < 6*time.Hour-11*time.Minute {
			t.Errorf("nobody reads %s after %s", name, last)
		}
	}
}

// Each term says how many slots the config has; another number divides the stream anew.
func TestAStreamIsDividedAsTheConfigSays(t *testing.T) {
	w := newWorld(t)
	readers := newReaders(w)
	w.start("stream/wazuh", "Stream", "wazuh", 2)
	readers.configures(time.Hour-time.Minute, 3)

	w.plays(2*time.Hour + time.Minute)

	for name, want := range map[string]int{"wazuh/0 of 2": 7, "wazuh/1 of 2": 7, "wazuh/0 of 3": 7, "wazuh/1 of 3": 7, "wazuh/2 of 3": 7} {
		if got := len(readers.terms[name]); got < want-1 || got > want {
			t.Errorf("%s was asked %d times, want %d", name, got, want)
		}
	}
	if readers.beside != 0 {
		t.Errorf("%d terms beside another", readers.beside)
	}
}

// A stream that is in no config any more ends, and says so; one that an old worker does not know yet goes on.
func TestAStreamThatWasRemovedEnds(t *testing.T) {
	w := newWorld(t)
	readers := newReaders(w)
	w.mayFail = true
	w.start("stream/wazuh", "Stream", "wazuh", 2)
	readers.configures(55*time.Minute, 0)
	readers.configures(61*time.Minute+30*time.Second, 2) // two terms had missed it by then
	w.at(90*time.Minute, func() {
		if !w.front.running["stream/wazuh"] {
			t.Error("it ended, and is configured")
		}
	})
	readers.configures(95*time.Minute, 0)
	w.at(2*time.Hour, func() {
		if w.front.running["stream/wazuh"] {
			t.Error("it runs, and no config has it")
		}
	})

	w.plays(3 * time.Hour)

	if len(w.front.failed) == 0 || !strings.Contains(w.front.failed[0].Error(), "stream wazuh is in no config any more") {
		t.Errorf("it ended with %v", w.front.failed)
	}
}

// What no retry mends is asked for once a minute, not all the time.
func TestATermThatFailsRestsAMinute(t *testing.T) {
	w := newWorld(t)
	readers := newReaders(w)
	readers.broken, readers.slots = true, 1
	w.start("stream/wazuh", "Stream", "wazuh", 1)
	w.start("dispatcher", "Dispatcher")
	w.at(30*time.Minute+30*time.Second, func() { readers.broken = false })

	w.plays(time.Hour)

	for name, terms := range readers.terms {
		if len(terms) != 31+3 {
			t.Errorf("%s was asked %d times, want each minute for half an hour, then each ten", name, len(terms))
		}
	}
}
