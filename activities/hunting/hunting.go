// Package hunting runs hunts: a bounded query over one stream, weighed by the hunt's own analysis. It reads a copy at a
// point in time and says so: an outcome names the watermark as known at its start, and what was missing.
//
// Reading order: hunting.go (the steps), search.go (what is asked of the cluster), weigh.go (what the answers mean),
// baseline.go (what was seen before).
package hunting

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/hunt"
)

// Stream is where a hunt looks: a cluster, and the pattern of the indices there.
type Stream struct {
	Cluster *opensearch.Client
	Index   string
}

// Hunting implements the steps of hunts.
type Hunting struct {
	Sources    []fs.FS // the content; read anew for each run
	Streams    map[string]Stream
	State      *opensearch.Client // where outcomes and baselines are kept
	Ledger     *opensearch.Ledger
	Watermarks func(ctx context.Context) (map[string]time.Time, error)
	Now        func() time.Time
}

// outcomes is the index of hunts' outcomes and baselines.
const outcomes = "sallyport-hunts"

// ReadHunt returns the hunt as content has it now.
func (h *Hunting) ReadHunt(_ context.Context, req activities.HuntRequest) (activities.Hunt, error) {
	hunts, faults := hunt.Load(h.Sources...)
	for _, known := range hunts {
		if known.ID == req.ID {
			return activities.Hunt{
				ID: known.ID, Run: req.Run, Title: known.Title, Version: known.Version, Schedule: known.Schedule,
				Timeout: known.Timeout, Body: known.Body,
			}, nil
		}
	}
	err := fmt.Errorf("no hunt %q in the worker's content: `sallyport hunt list` names those that are there", req.ID)
	return activities.Hunt{}, activities.Permanent(errors.Join(err, faults))
}

// RunHunt runs the snapshot's query. What can't be answered is an inconclusive outcome, not an error; an error means
// that the cluster did not answer and the run may be repeated.
func (h *Hunting) RunHunt(ctx context.Context, snapshot activities.Hunt) (activities.HuntOutcome, error) {
	parsed, err := hunt.Parse(snapshot.ID, snapshot.Body)
	if err != nil {
		return activities.HuntOutcome{}, activities.Permanent(fmt.Errorf("hunt %s: %w", snapshot.ID, err))
	}
	s, outcome, err := h.prepare(ctx, parsed, snapshot)
	if err != nil || outcome.Outcome != "" {
		return outcome, err
	}
	bounded, cancel := context.WithTimeout(ctx, parsed.Timeout)
	defer cancel()
	found, err := s.run(bounded, outcome)
	switch {
	case err == nil:
		return found, nil
	case bounded.Err() != nil && ctx.Err() == nil:
		return inconclusive(outcome, "not done within %s", parsed.Timeout), nil
	case partial(err):
		return inconclusive(outcome, "partial data: a shard of %s did not answer", s.stream.Index), nil
	case refused(err):
		return inconclusive(outcome, "the cluster refuses to answer: %s", err), nil
	}
	return outcome, err
}

// prepare says where the hunt looks: a window that ends at the stream's watermark, up to which everything is known.
func (h *Hunting) prepare(ctx context.Context, parsed hunt.Hunt, snapshot activities.Hunt) (s search, o activities.HuntOutcome, err error) {
	now := h.Now().UTC()
	o = activities.HuntOutcome{Hunt: snapshot.ID, Run: snapshot.Run, Title: snapshot.Title, Version: snapshot.Version, At: now, From: now.Add(-parsed.Lookback), To: now}
	stream, known := h.Streams[parsed.Stream]
	if !known {
		return s, inconclusive(o, "no stream %q is configured", parsed.Stream), nil
	}
	marks, err := h.Watermarks(ctx)
	if err != nil {
		return s, o, fmt.Errorf("watermarks: %w", err)
	}
	s = search{stream: stream, hunt: parsed, baselines: baselines{h.State}, silent: fmt.Sprintf("stream %s has no watermark: not everything of it has been read", parsed.Stream)}
	if mark, there := marks[parsed.Stream]; there {
		o.Watermarks = map[string]time.Time{parsed.Stream: mark}
		if mark.Before(o.To) {
			o.To = mark
		}
		s.silent = ""
		if lag := now.Sub(mark); lag > maxBehind {
			s.silent = fmt.Sprintf("the watermark of stream %s is %s behind: what came since is not known", parsed.Stream, lag.Round(time.Second))
		}
		o.From = o.To.Add(-parsed.Lookback)
	}
	return s, o, nil
}

func inconclusive(o activities.HuntOutcome, format string, args ...any) activities.HuntOutcome {
	o.Outcome, o.Reason, o.Proofs = activities.Inconclusive, fmt.Sprintf(format, args...), nil
	return o
}

// RecordHunt writes each proof as a detection, which takes the ordinary way, then the outcome; a first-seen combination
// that was proved is known from then on. The event makes the detection's key and the run the outcome's, so repeating it
// changes nothing, and a second run over the same events makes no second detection.
func (h *Hunting) RecordHunt(ctx context.Context, r activities.HuntRecord) (activities.None, error) {
	o := r.Outcome
	if o.Hunt == "" || o.Run == "" || o.Hunt != r.Hunt.ID {
		return activities.None{}, activities.Permanent(errors.New("outcome without hunt or run"))
	}
	parsed, err := hunt.Parse(r.Hunt.ID, r.Hunt.Body)
	if err != nil {
		return activities.None{}, activities.Permanent(fmt.Errorf("hunt %s: %w", r.Hunt.ID, err))
	}
	var proved []opensearch.Entry
	for _, p := range o.Proofs {
		proved = append(proved, opensearch.Entry{Detection: detection(parsed, o, p), IndexCreated: p.IndexCreated})
	}
	if _, err := h.Ledger.Write(ctx, proved); err != nil {
		return activities.None{}, fmt.Errorf("ledger: %w", err)
	}
	if _, err := h.State.Create(ctx, outcomes, o.Hunt+"-"+o.Run, o); err != nil && !errors.Is(err, opensearch.ErrConflict) {
		return activities.None{}, fmt.Errorf("record outcome: %w", err)
	}
	if parsed.Analysis.Method == hunt.NewTerms && len(o.Proofs) > 0 {
		if err := (baselines{h.State}).learn(ctx, parsed, o); err != nil {
			return activities.None{}, fmt.Errorf("baseline: %w", err)
		}
	}
	return activities.None{}, nil
}

func detection(h hunt.Hunt, o activities.HuntOutcome, p activities.HuntProof) soar.Detection {
	entity := soar.Entity{Family: h.Analysis.Entity.Family, Name: p.Entity}.Normalised()
	d := soar.Detection{
		Rule:   soar.Rule{ID: "hunt/" + h.ID, Title: h.Title, Level: soar.Level(h.Level), Version: o.Version},
		Stream: h.Stream, Event: soar.EventRef{Index: p.Index, IndexUUID: p.IndexUUID, ID: p.EventID},
		EventTime: p.At, ReadAt: o.At, Entity: entity, Opens: h.Opens, Summary: summary(h, p),
	}
	if h.Tactic != "" {
		d.Tactics = []string{h.Tactic}
	}
	if h.Technique != "" {
		d.Techniques = []string{h.Technique}
	}
	if entity.Family == "host" {
		d.Asset.Name = entity.Name
	}
	for _, seen := range h.Analysis.Observables {
		d.Observables = append(d.Observables, soar.Observable{Type: seen.Type, Value: p.Values[seen.Field]})
	}
	return d
}
