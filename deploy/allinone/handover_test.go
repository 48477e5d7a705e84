package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/lab"
)

// TestHandOver stops the worker that reads, as a supervisor does, in the first of its ten minutes: the other one takes over
// at once where it stood, over a real Temporal. Nothing is missed, and nothing is read twice.
func TestHandOver(t *testing.T) {
	o := newChatOffice(t, lab.Pace{})
	start(t, []string{"Sallyport is up."}, "up", "--config", o.variant("respond", "roles: [respond, gateway]"))
	first, stop := o.worker(o.variant("first", "roles: [detect]", "keys: {}"))
	o.quiet("first", 30)
	evaluated := func(worker string) int {
		return counted(o.get("http://"+worker+"/metrics"), "sallyport_stream_documents_total")
	}
	o.await("the first worker reads", func() bool { return evaluated(first) == 30 })
	second, _ := o.worker(o.variant("second", "roles: [detect]", "keys: {}"))
	o.quiet("beside", 30)
	o.await("the first worker goes on", func() bool { return evaluated(first) == 60 })
	began := time.Now()
	stop()
	o.quiet("after", 30)
	o.await("the second worker reads", func() bool { return evaluated(second) >= 30 })
	if again := counted(o.get("http://"+second+"/metrics"), "sallyport_stream_documents_total"); again != 30 {
		t.Errorf("the second worker read %d events, want the 30 that came after: the rest was read", again)
	}
	t.Logf("taken over %s after the stop began", time.Since(began).Round(100*time.Millisecond))
}

// quiet writes events that no rule matches.
func (o *chatOffice) quiet(ids string, n int) {
	o.t.Helper()
	index := strings.Replace(o.config.Detect.Streams[0].Index, "*", "quiet", 1)
	var docs []opensearch.NewDocument
	for i := range n {
		docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint(ids, i), Doc: map[string]any{"timestamp": time.Now().UTC(), "full_log": "nothing of note"}})
	}
	if created, err := o.state.CreateAll(o.t.Context(), docs); err != nil || len(created) != n {
		o.t.Fatal(len(created), err)
	}
}
