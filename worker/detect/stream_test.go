package detect_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
	"github.com/sallyport-soar/sallyport/workflows"
)

// run runs a stream's workflow once, over a worker that has this config, until stop is closed.
func (b *bench) run(config detect.Config, slots int, stop chan struct{}) error {
	b.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(4 * patience)
	env.SetWorkerStopChannel(stop)
	env.RegisterWorkflow(workflows.Stream)
	activities.Bind(env, activities.ReadSlot, b.detect(config).ReadSlot)
	env.ExecuteWorkflow(workflows.Stream, "events", slots)
	if !env.IsWorkflowCompleted() {
		b.Fatal("the run has not ended")
	}
	return env.GetWorkflowError()
}

// next are the slots of the run that follows.
func (b *bench) next(err error) (slots int) {
	b.Helper()
	var onward *workflow.ContinueAsNewError
	if !errors.As(err, &onward) {
		b.Fatalf("the run ended with %v, want another one", err)
	}
	var stream string
	if err := converter.GetDefaultDataConverter().FromPayloads(onward.Input, &stream, &slots); err != nil || stream != "events" {
		b.Fatalf("the next run: %q, %v", stream, err)
	}
	return slots
}

// TestWorkflowLearnsSlots changes slots in the config under a running workflow: every shard is read, none again from its
// beginning.
func TestWorkflowLearnsSlots(t *testing.T) {
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	for i := range 8 {
		b.put(fmt.Sprintf("ev-%d", i), "old", 20)
	}
	stop := b.read(b.stream())
	for i := range 8 {
		b.untilRead(fmt.Sprintf("ev-%d", i), "old", 20)
	}
	b.until("there is a watermark", func() bool { return !b.cursorOf("stream/events/0-of-1").Watermark.IsZero() })
	stop()
	before := b.cursorOf("stream/events/0-of-1").Watermark
	divided := detect.Config{Streams: []detect.Stream{b.stream(func(s *detect.Stream) { s.Slots = 3 })}}
	slots := b.next(b.run(divided, 1, make(chan struct{})))
	if slots != 3 {
		t.Fatalf("the next run has %d slots, the config 3", slots)
	}
	stopping := make(chan struct{})
	go func() {
		defer close(stopping)
		for i := range 8 {
			b.put(fmt.Sprintf("ev-%d", i), "new", 5)
		}
		for i := range 8 {
			b.untilRead(fmt.Sprintf("ev-%d", i), "new", 5)
		}
	}()
	if slots := b.next(b.run(divided, slots, stopping)); slots != 3 {
		t.Errorf("the run after has %d slots", slots)
	}
	if again := b.counter("sallyport_stream_duplicates_total"); len(b.ledger()) != 200 || again > 0 {
		t.Errorf("%d detections, %v read twice; want 200 and none", len(b.ledger()), again)
	}
	for slot := range 3 {
		if mark := b.cursorOf(fmt.Sprintf("stream/events/%d-of-3", slot)).Watermark; mark.Before(before) {
			t.Errorf("slot %d: the watermark fell back to %s", slot, mark)
		}
	}
}

// TestRemovedStreamEnds takes a stream out of the config: its workflow fails, and says of what.
func TestRemovedStreamEnds(t *testing.T) {
	b := newBench(t)
	other := b.stream(func(s *detect.Stream) { s.Name = "others" })
	err := b.run(detect.Config{Streams: []detect.Stream{other}}, 2, make(chan struct{}))
	var ended *temporal.ApplicationError
	if !errors.As(err, &ended) || ended.Type() != workflows.StreamRemoved {
		t.Errorf("the workflow of a removed stream ended with %v", err)
	}
}

// TestWatermarkOutlivesDivision divides a stream anew while a shard is red: what was evaluated stays evaluated.
func TestWatermarkOutlivesDivision(t *testing.T) {
	t.Parallel()
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	for i := range 6 {
		b.put(fmt.Sprintf("ev-%d", i), "a", 5)
	}
	stop := b.read(b.stream())
	b.until("there is a watermark", func() bool { return !b.cursorOf("stream/events/0-of-1").Watermark.IsZero() })
	stop()
	before := b.cursorOf("stream/events/0-of-1").Watermark
	b.server.Shard("ev-0", 0).Missing(true)
	b.read(b.stream(func(s *detect.Stream) { s.Slots = 2 }))
	for i := range 5 {
		b.put(fmt.Sprintf("ev-%d", i+1), "b", 5)
	}
	for slot := range 2 {
		reader := fmt.Sprintf("stream/events/%d-of-2", slot)
		b.until(reader+" is saved", func() bool { return len(b.cursorOf(reader).Shards) > 0 })
		if mark := b.cursorOf(reader).Watermark; !mark.Equal(before) {
			t.Errorf("%s: watermark %s, was %s", reader, mark, before)
		}
	}
}
