package detect_test

import (
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestNoIndexIsNoSilence: a stream whose pattern, or a part of it, matches no index has evaluated nothing there, and says
// so; when the index comes, all of it is read and the watermark goes on.
func TestNoIndexIsNoSilence(t *testing.T) {
	for name, pattern := range map[string]string{"a pattern": "ev-typo-*", "a part of a list": "ev-here-*,ev-typo-*", "a name": "ev-typo-1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, opensearchtest.WithRefresh(time.Millisecond))
			b.put("ev-here-1", "a", 10)
			stream := b.stream(func(s *detect.Stream) { s.Index = pattern })
			b.read(stream)
			before := b.server.Calls("stats")
			b.until("ten polls", func() bool { return b.server.Calls("stats") > before+10 })
			marks := func() time.Time {
				marks, err := detect.Watermarks(t.Context(), opensearch.NewCursors(b.client), detect.Config{Streams: []detect.Stream{stream}})
				if err != nil {
					t.Fatal(err)
				}
				return marks["events"]
			}
			if mark := marks(); !mark.IsZero() || b.counter("sallyport_stream_unseen_patterns") != 1 {
				t.Errorf("watermark %s, %v unseen patterns; want none and 1", mark, b.counter("sallyport_stream_unseen_patterns"))
			}
			b.put("ev-typo-1", "b", 10)
			b.untilRead("ev-typo-1", "b", 10)
			b.until("the watermark goes on", func() bool { return !marks().IsZero() })
			if unseen := b.counter("sallyport_stream_unseen_patterns"); unseen != 0 {
				t.Errorf("%v unseen patterns, want none", unseen)
			}
		})
	}
}
