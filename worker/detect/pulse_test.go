package detect_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestReadersFail: a reader whose every poll fails for a minute is told, whatever fails, also over lease terms; one good
// poll ends that.
func TestReadersFail(t *testing.T) {
	for name, breaks := range map[string]func(*bench) (mend func()){
		"statistics are refused": func(b *bench) func() {
			return b.server.Inject(opensearchtest.Fault{Operation: "stats", Status: http.StatusForbidden})
		},
		"the cursor can't be loaded": func(b *bench) func() {
			return b.server.Inject(opensearchtest.Fault{Operation: "doc", Status: http.StatusServiceUnavailable})
		},
		"its pattern is refused": func(b *bench) func() {
			b.server.DeleteIndex("ev-1")
			return func() { b.put("ev-1", "b", 1) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
			b.put("ev-1", "a", 1)
			begin := time.Now()
			d, err := detect.New(detect.Parts{
				Config: detect.Config{Streams: []detect.Stream{b.stream()}}, State: b.client, Signaller: b.signaller, Metrics: b.metrics,
				Matcher: func(detect.Stream) (detect.Matcher, error) { return everyEvent{}, nil },
				Now:     func() time.Time { return begin.Add(100 * time.Since(begin)) }, // a minute takes 0.6 s
			})
			if err != nil {
				t.Fatal(err)
			}
			mend := breaks(b)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for ctx.Err() == nil {
					_, _ = d.ReadSlot(ctx, activities.SlotRequest{Stream: "events", Slots: 1, Term: 200 * time.Millisecond})
				}
			}()
			defer func() { cancel(); <-done }()
			b.until("the reader is heard of", func() bool { return len(d.Readers()) > 0 })
			if early := d.Readers()["stream events slot 0"]; early != nil && time.Since(begin) < 500*time.Millisecond {
				t.Errorf("told before a minute was over: %v", early)
			}
			b.until("it is told", func() bool {
				err := d.Readers()["stream events slot 0"]
				return err != nil && strings.Contains(err.Error(), "every poll failed for ")
			})
			mend()
			b.until("it is good again", func() bool {
				how := d.Readers()
				err, heard := how["stream events slot 0"]
				return heard && err == nil
			})
		})
	}
}
