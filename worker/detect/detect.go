// Package detect reads streams of events, matches rules on them, keeps what matched in the ledger and tells incidents.
//
// Reading order: tail.go, look.go and read.go (one shard after the other, nothing skipped), watermark.go, slot.go (a lease term of a
// stream's slot), seed.go (where it begins), match.go (an event becomes detections), loss.go, coverage.go (how a stream
// stands, from unread.go, stall.go, past.go and lateness.go), load.go (which streams are refused), then dispatch.go (the
// ledger becomes incidents) with correlate.go and firing.go (detections become more), deliver.go, shape.go and overload.go.
// evaluate.go does to the past what reader and dispatcher do, and writes nothing; risk.go explains an entity's risk.
package detect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
)

// Matcher tries the rules of a stream on an event. It is safe for one goroutine at a time per call.
type Matcher interface {
	// Match returns one detection per rule that matches source, a document's raw bytes. It fills what the rule and the
	// event say (rule, event time, entity, asset, observables, tactics, techniques, CVEs, summary, opens); reader and
	// ledger fill the rest. An error means that the event can't be read; it is counted, and the stream goes on.
	Match(source []byte) ([]soar.Detection, error)
	// MatchAlone is Match for an event on which Match panicked: each rule by itself, so that the one with the bug drops
	// no other. It tells of that rule.
	MatchAlone(source []byte) ([]soar.Detection, error)
	// Dearest evaluates source once more and says which rule costs most on it, and how long it took.
	Dearest(source []byte) (rule string, took time.Duration)
	// EventTime is when the event happened, as its mapping says; zero if it names no time that can be read.
	EventTime(source []byte) time.Time
	// TimePaths are the fields that hold it, the one that counts first first; none where each event's shape says which.
	TimePaths() []string
}

// Signaller tells incidents. Repeating a signal is harmless: incidents claim what they are told of.
type Signaller interface {
	// SignalIncident delivers news and starts an incident where none runs. It says whether it did; where it can't tell it
	// says so too.
	SignalIncident(ctx context.Context, news activities.News) (activities.Started, error)
	// SignalOpenIncident delivers news only where an incident runs, and reports whether one did.
	SignalOpenIncident(ctx context.Context, news activities.News) (open bool, err error)
}

// Parts are what a Detect is made of. All but Rules, Log and Now must be set.
type Parts struct {
	Config    Config
	State     *opensearch.Client                   // keeps cursors and ledger
	Clusters  map[string]*opensearch.Client        // that streams name
	Matcher   func(stream Stream) (Matcher, error) // asked at each lease term
	Rules     *rules.Live                          // whose correlations are dispatched; nil: none are
	Signaller Signaller
	Metrics   *Metrics
	Log       *slog.Logger
	Now       func() time.Time
}

// Detect carries out the steps of role detect. It keeps nothing between two calls but how its readers fare, and what
// correlations remember.
type Detect struct {
	Parts
	streams map[string]Stream
	cursors *opensearch.Cursors
	ledger  *opensearch.Ledger
	tokens  *opensearch.Tokens
	pulse   pulse

	mu        sync.Mutex
	memory    *memory           // of the dispatcher, between two lease terms
	unmatched map[string]string // by stream: what was said of a pattern that matches nothing
}

// New returns the role's steps; it checks the config and that every stream's cluster and mapping are there.
func New(parts Parts) (*Detect, error) {
	if faults := parts.Config.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("detect: %w", faults)
	}
	if parts.State == nil || parts.Matcher == nil || parts.Signaller == nil || parts.Metrics == nil {
		return nil, errors.New("detect: a part is missing")
	}
	if parts.Log == nil {
		parts.Log = slog.New(slog.DiscardHandler)
	}
	if parts.Now == nil {
		parts.Now = time.Now
	}
	burst, perHour := parts.Config.NewIncidents.Tokens()
	d := &Detect{
		Parts: parts, streams: map[string]Stream{}, cursors: opensearch.NewCursors(parts.State),
		ledger: opensearch.NewLedger(parts.State), tokens: opensearch.NewTokens(parts.State, burst, perHour, parts.Now), pulse: pulse{now: parts.Now},
		unmatched: map[string]string{},
	}
	for _, stream := range parts.Config.Streams {
		if _, err := d.cluster(stream); err != nil {
			return nil, err
		}
		if _, err := parts.Matcher(stream); err != nil {
			return nil, fmt.Errorf("stream %s: %w", stream.Name, err)
		}
		d.streams[stream.Name] = stream.withDefaults()
		parts.Metrics.begin(stream.Name)
	}
	return d, nil
}

func (d *Detect) cluster(s Stream) (*opensearch.Client, error) {
	if s.Cluster == "" {
		return d.State, nil
	}
	client := d.Clusters[s.Cluster]
	if client == nil {
		return nil, fmt.Errorf("stream %s: cluster %q is not configured", s.Name, s.Cluster)
	}
	return client, nil
}

// ClaimDetections carries out activities.ClaimDetections.
func (d *Detect) ClaimDetections(ctx context.Context, in activities.ClaimRequest) (activities.Claimed, error) {
	return d.ledger.Claim(ctx, in)
}

// beatEvery is well below any heartbeat timeout: one request may take longer than that.
const beatEvery = 3 * time.Second

// lease is a context that ends with the term, or when the worker stops, so that another worker takes over at once. It
// heartbeats by itself: a request that hangs is bounded by its own timeout.
func lease(ctx context.Context, term time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, term)
	if !activity.IsActivity(ctx) {
		return ctx, cancel
	}
	stopping := activity.GetWorkerStopChannel(ctx)
	go func() {
		beat := time.NewTicker(beatEvery)
		defer beat.Stop()
		for {
			select {
			case <-stopping:
				cancel()
				return
			case <-ctx.Done():
				return
			case <-beat.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return ctx, cancel
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// retryable hides a permanent fault below: what a reader can't do now (a missing right, an index not made yet) an
// administrator may mend, and the stream goes on by itself.
type retryable struct{ error }

// Permanent says no.
func (retryable) Permanent() bool { return false }

// Unwrap implements errors.Unwrap.
func (r retryable) Unwrap() error { return r.error }
