package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// leaseTerm is how long a reader or the dispatcher runs before it hands over, so that a new worker gets its share.
// termsPerRun is after how many of them the workflow begins a new run; newDivision how long one with other slots waits.
const (
	leaseTerm   = 10 * time.Minute
	termsPerRun = 100
	newDivision = 5 * time.Second
)

// removedAfter is how many workers in a row must say that a stream is not in their config, a minute apart, before its
// workflow ends: while workers are replaced, an old one does not know a new stream yet.
const removedAfter = 3

// StreamRemoved is the type of the error with which the workflow of a removed stream ends.
const StreamRemoved = "StreamRemoved"

// Stream keeps one reader per slot of a stream running, for as long as the stream is configured. Each term says how many
// slots the config has: when that is another number than this run's, the next run divides the stream anew.
func Stream(ctx workflow.Context, name string, slots int) error {
	s := &stream{name: name, slots: slots, configured: slots}
	ctx, s.stop = workflow.WithCancel(workflow.WithActivityOptions(ctx, lease(leaseTerm)))
	readers := workflow.NewWaitGroup(ctx)
	for slot := range slots {
		readers.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer readers.Done()
			s.read(ctx, slot)
		})
	}
	onward, _ := workflow.NewDisconnectedContext(ctx)
	readers.Wait(onward)
	if s.absent >= removedAfter {
		text := fmt.Sprintf("stream %s is in no config any more: nothing reads it. Its cursors are kept; it goes on where it was when it is configured again", name)
		workflow.GetLogger(ctx).Error("stream removed", "stream", name, "mend", text)
		return temporal.NewNonRetryableApplicationError(text, StreamRemoved, nil)
	}
	if s.configured != slots {
		rest(onward, newDivision, "the new division") // two workers with two configs must not spin
	}
	return workflow.NewContinueAsNewError(onward, Stream, name, s.configured)
}

// stream is one run.
type stream struct {
	name       string
	slots      int
	configured int    // slots of the config, as the terms tell
	absent     int    // terms in a row that found the stream in no config
	stop       func() // ends every reader of this run
}

// read keeps one slot's reader running until the run ends, which the first slot with so many terms does: one whose terms are
// short, since its workers are stopped again and again, is through long before the others.
func (s *stream) read(ctx workflow.Context, slot int) {
	for n := 0; n < termsPerRun && ctx.Err() == nil; n++ {
		term, err := do(ctx, activities.ReadSlot, activities.SlotRequest{Stream: s.name, Slot: slot, Slots: s.slots, Term: leaseTerm})
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil:
			restAfter(ctx, err)
		case term.Slots == s.slots:
			s.absent = 0
		case term.Slots > 0:
			workflow.GetLogger(ctx).Info("stream is divided anew", "stream", s.name, "slots", s.slots, "configured", term.Slots)
			s.configured = term.Slots
			s.stop()
		default:
			s.missed(ctx, slot)
		}
	}
	if workflow.GetVersion(ctx, "the first slot that is through ends the run", workflow.DefaultVersion, 1) > workflow.DefaultVersion {
		s.stop() // else its shards would have no reader until the last slot is through
	}
}

// missed counts, once for all slots, that a worker did not know the stream.
func (s *stream) missed(ctx workflow.Context, slot int) {
	if slot == 0 {
		s.absent++
	}
	if s.absent >= removedAfter {
		s.stop()
		return
	}
	restAfter(ctx, fmt.Errorf("stream %s is not in the worker's config", s.name))
}

// Dispatcher keeps the one dispatcher running, for ever.
func Dispatcher(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, lease(leaseTerm))
	for range termsPerRun {
		if _, err := do(ctx, activities.Dispatch, activities.DispatchRequest{Term: leaseTerm}); err != nil {
			restAfter(ctx, err)
		}
	}
	return workflow.NewContinueAsNewError(ctx, Dispatcher)
}

// restAfter waits a while after a term that no retry mends.
func restAfter(ctx workflow.Context, err error) {
	workflow.GetLogger(ctx).Error("lease term failed", "error", err)
	rest(ctx, time.Minute, "the next term")
}

func rest(ctx workflow.Context, wait time.Duration, before string) {
	_ = workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: "before " + before}).Get(ctx, nil)
}
