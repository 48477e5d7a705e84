package detect_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestWorkerStops ends a term early when the worker stops, and the cursor is where the next reader begins.
func TestWorkerStops(t *testing.T) {
	b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
	b.put("ev-1", "a", 200)
	d := b.detect(detect.Config{Streams: []detect.Stream{b.stream()}})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(patience)
	activities.Bind(env, activities.ReadSlot, d.ReadSlot)
	stop := make(chan struct{})
	env.SetWorkerStopChannel(stop)
	var stopped time.Time
	go func() {
		defer func() { stopped = time.Now(); close(stop) }()
		read := func() bool { // all is read and the cursor says so: a stop between the two costs only a second reading
			return strings.Contains(string(b.server.Documents("sallyport-cursors")["sallyport-cursors/stream/events/0-of-1"]), `"seq":199`)
		}
		for !read() && t.Context().Err() == nil {
			<-time.After(10 * time.Millisecond)
		}
	}()
	value, err := env.ExecuteActivity(activities.ReadSlot.Name, activities.SlotRequest{Stream: "events", Slots: 1, Term: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var term activities.SlotTerm
	if err := value.Get(&term); err != nil || term.Documents != 200 || term.Detections != 200 {
		t.Fatalf("term: %+v, %v", term, err)
	}
	<-stop
	if took := time.Since(stopped); took > patience {
		t.Errorf("the term took %s after the worker stopped", took)
	}
	if shards := b.cursorOf("stream/events/0-of-1").Shards; len(shards) != 1 || shards[0].Seq != 199 {
		t.Errorf("cursor: %+v", shards)
	}
}

// TestWrongRequests are permanent: no retry mends them.
func TestWrongRequests(t *testing.T) {
	b := newBench(t)
	d := b.detect(detect.Config{Streams: []detect.Stream{b.stream()}})
	for name, in := range map[string]activities.SlotRequest{
		"an unknown slot": {Stream: "events", Slot: 1, Slots: 1, Term: time.Minute},
		"no division":     {Stream: "events", Term: time.Minute},
		"no term":         {Stream: "events", Slots: 1},
	} {
		_, err := d.ReadSlot(t.Context(), in)
		var permanent interface{ Permanent() bool }
		if !errors.As(err, &permanent) || !permanent.Permanent() {
			t.Errorf("%s: %v, want a permanent error", name, err)
		}
	}
	b.server.Inject(opensearchtest.Fault{Status: 403})
	_, err := d.ReadSlot(t.Context(), activities.SlotRequest{Stream: "events", Slots: 1, Term: time.Minute})
	var permanent interface{ Permanent() bool }
	if err == nil || errors.As(err, &permanent) && permanent.Permanent() {
		t.Errorf("a missing right: %v, want an error that may be tried again", err)
	}
}
