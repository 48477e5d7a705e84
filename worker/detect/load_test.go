package detect_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/worker/detect"
)

// keepLog has the reader's log kept in a file, too, and returns what it says of stream in lines that contain words.
func (b *bench) keepLog() (said func(stream, words string) []string) {
	b.Helper()
	file, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
	b.log = io.MultiWriter(file, b.Output())
	return func(stream, words string) (found []string) {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			b.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "stream="+stream) && strings.Contains(line, words) {
				found = append(found, line)
			}
		}
		return found
	}
}

// TestRefusedAtLoad: a stream whose pattern matches nothing is refused by name when a worker loads, once, with the mend; the
// other is read. When the index comes, the stream is taken up, and nothing of it is missed although it is read from now on.
func TestRefusedAtLoad(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		said := b.keepLog()
		good := b.stream(func(s *detect.Stream) { s.Index = b.prefix + "here-*" })
		absent := b.stream(func(s *detect.Stream) { s.Name, s.Index, s.From = "absent", b.prefix+"typo-*", detect.FromNow })
		b.put(b.prefix+"here-1", "a", 10)
		d := b.detect(detect.Config{Streams: []detect.Stream{good, absent}})
		d.Load(b.Context())
		refused := said("absent", "level=ERROR")
		want := "refused: pattern " + absent.Index + " matches no open index, alias or data stream of " + b.address
		if len(refused) != 1 || !strings.Contains(refused[0], want) || !strings.Contains(refused[0], "mend=\"correct the stream's index") {
			b.Fatalf("at load the log says %q, want one line with %q", refused, want)
		}
		b.readBy(d, absent)
		b.readBy(d, good)
		b.untilRead(b.prefix+"here-1", "a", 10)
		b.until("coverage says it", func() bool {
			c := b.cover(absent, time.Now())
			return c.Stalled == 1 && !c.Answer.Covered && strings.Contains(c.Shards[0].Why, "refused: ")
		})
		b.put(b.prefix+"typo-1", "b", 10)
		b.untilRead(b.prefix+"typo-1", "b", 10)
		b.untilCovered(absent, time.Now())
		if len(said("absent", "stream refused")) != 1 || len(said("absent", "stream taken up")) != 1 || len(said("events", "stream refused")) > 0 {
			b.Errorf("the log refuses %q, takes up %q, and says of the other %q", said("absent", "stream refused"), said("absent", "stream taken up"), said("events", "stream refused"))
		}
	})
}

// TestOwnIndexBehindAnAlias: an alias that reaches an index of ours is refused at load and by the reader, which would feed
// on what it writes; without it the stream is read.
func TestOwnIndexBehindAnAlias(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		said := b.keepLog()
		b.put(b.prefix+"1", "a", 10)
		first := b.stream(func(s *detect.Stream) { s.Index = b.prefix + "1" })
		b.read(first)
		b.untilCovered(first, time.Now()) // so that there is an index of ours
		alias := b.prefix + "alias"
		change := func(verb, index string) {
			b.administer(http.MethodPost, "/_aliases", map[string]any{"actions": []any{map[string]any{verb: map[string]any{"index": index, "alias": alias}}}})
		}
		change("add", "sallyport-cursors")
		change("add", b.prefix+"1")
		stream := b.stream(func(s *detect.Stream) { s.Name, s.Index = "aliased", alias })
		d := b.detect(detect.Config{Streams: []detect.Stream{stream}})
		d.Load(b.Context())
		want := "refused: pattern " + alias + " reaches sallyport-cursors, which is Sallyport's own"
		if refused := said("aliased", "level=ERROR"); len(refused) != 1 || !strings.Contains(refused[0], want) {
			b.Errorf("at load the log says %q, want %q", refused, want)
		}
		b.readBy(d, stream)
		b.until("coverage says it", func() bool {
			c := b.cover(stream, time.Now())
			return c.Stalled == 1 && strings.Contains(c.Shards[0].Why, want)
		})
		if read := b.counter("sallyport_stream_documents_total"); read != 10 {
			b.Errorf("%v documents were read, want the 10 of the other stream", read)
		}
		change("remove", "sallyport-cursors")
		b.untilCovered(stream, time.Now())
	})
}
