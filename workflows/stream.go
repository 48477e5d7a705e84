package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// leaseTerm is how long a reader or the dispatcher runs before it hands over, so that a new worker gets its share.
// termsPerRun is after how many of them the workflow begins a new run.
const (
	leaseTerm   = 10 * time.Minute
	termsPerRun = 100
)

// Stream keeps one reader per slot of a stream running, for ever.
func Stream(ctx workflow.Context, name string, slots int) error {
	ctx = workflow.WithActivityOptions(ctx, lease(leaseTerm))
	readers := workflow.NewWaitGroup(ctx)
	for slot := range slots {
		readers.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer readers.Done()
			for range termsPerRun {
				if _, err := do(ctx, activities.ReadSlot, activities.SlotRequest{Stream: name, Slot: slot, Term: leaseTerm}); err != nil {
					restAfter(ctx, err)
				}
			}
		})
	}
	readers.Wait(ctx)
	return workflow.NewContinueAsNewError(ctx, Stream, name, slots)
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

// restAfter waits a while after a term that no retry mends: a stream that was taken out of the config, say.
func restAfter(ctx workflow.Context, err error) {
	workflow.GetLogger(ctx).Error("lease term failed", "error", err)
	_ = workflow.NewTimerWithOptions(ctx, time.Minute, workflow.TimerOptions{Summary: "before the next term"}).Get(ctx, nil)
}
