package workflows_test

import (
	"context"
	"errors"
	"fmt"
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
	broken bool
}

func newReaders(w *world) *readers {
	r := &readers{w: w, terms: map[string][]time.Time{}, at: map[string]int{}}
	activities.Bind(w.env, activities.ReadSlot, func(ctx context.Context, in activities.SlotRequest) (activities.SlotTerm, error) {
		return activities.SlotTerm{}, r.lease(ctx, fmt.Sprintf("%s/%d", in.Stream, in.Slot), in.Term, activities.SlotTerm{})
	})
	activities.Bind(w.env, activities.Dispatch, func(ctx context.Context, in activities.DispatchRequest) (activities.DispatchTerm, error) {
		return activities.DispatchTerm{}, r.lease(ctx, "dispatcher", in.Term, activities.DispatchTerm{})
	})
	return r
}

func (r *readers) lease(ctx context.Context, name string, term time.Duration, result any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.terms[name] = append(r.terms[name], r.w.env.Now())
	if r.broken {
		return activities.Permanent(errors.New("the config has no such stream"))
	}
	if r.at[name] > 0 {
		r.beside++
	}
	r.at[name]++
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

// A stream that the config no longer has is asked for once a minute, not all the time.
func TestATermThatFailsRestsAMinute(t *testing.T) {
	w := newWorld(t)
	readers := newReaders(w)
	readers.broken = true
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
