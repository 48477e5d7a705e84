package detect

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// loadWithin bounds how long a start waits for what the streams' clusters say.
const loadWithin = 10 * time.Second

// Load asks each stream's cluster what reading the stream will ask, and says by name which streams are refused, why, and
// how to mend it. It ends nothing: the readers of a refused stream ask at each poll, so that they miss no event of an index
// that is there a moment later, and the others are read meanwhile.
func (d *Detect) Load(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, loadWithin)
	defer cancel()
	var all sync.WaitGroup
	for _, stream := range d.Config.Streams {
		all.Go(func() { d.load(ctx, stream) })
	}
	all.Wait()
}

func (d *Detect) load(ctx context.Context, stream Stream) {
	client, err := d.cluster(stream)
	if err != nil {
		return // New refuses such a config
	}
	for _, err := range client.CheckStream(ctx, stream.Index) {
		if _, unmatched := errors.AsType[*opensearch.UnmatchedError](err); unmatched {
			d.sayUnmatched(stream, err)
			continue
		}
		d.refuse(stream, err)
	}
}

// refuse says why a stream is not read, or not all of it.
func (d *Detect) refuse(stream Stream, err error) {
	at := "opensearch"
	if stream.Cluster != "" {
		at = "clusters." + stream.Cluster
	}
	d.Log.Error("stream refused: it is asked for again, the others are read", "stream", stream.Name, "cluster", at, "error", err, "mend", rest.Mend(err, at))
}

// sayUnmatched says, when it changes, that a stream's pattern matches nothing, or that it does now; err is an
// *opensearch.UnmatchedError or nil.
func (d *Detect) sayUnmatched(stream Stream, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	d.mu.Lock()
	before := d.unmatched[stream.Name]
	d.unmatched[stream.Name] = text
	d.mu.Unlock()
	switch {
	case text == before:
	case err != nil:
		d.refuse(stream, err)
	default:
		d.Log.Info("stream taken up: its pattern matches now", "stream", stream.Name)
	}
}
