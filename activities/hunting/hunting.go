// Package hunting runs hunts: a bounded query over one stream, weighed by the hunt's own analysis. It reads a copy at a
// point in time and says so: an outcome names the watermark as known at its start, and what was missing.
package hunting

import (
	"context"
	"errors"
	"fmt"
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
	Hunts      []hunt.Hunt
	Streams    map[string]Stream
	State      *opensearch.Client // where outcomes are kept
	Ledger     *opensearch.Ledger
	Watermarks func(ctx context.Context) (map[string]time.Time, error)
}

// outcomes is the index of hunts' outcomes.
const outcomes = "sallyport-hunts"

// ReadHunt returns the hunt as content has it now.
func (h *Hunting) ReadHunt(_ context.Context, req activities.HuntRequest) (activities.Hunt, error) {
	for _, known := range h.Hunts {
		if known.ID == req.ID {
			return activities.Hunt{
				ID: known.ID, Run: req.Run, Title: known.Title, Version: known.Version, Schedule: known.Schedule,
				Timeout: known.Timeout, Body: known.Body,
			}, nil
		}
	}
	return activities.Hunt{}, activities.Permanent(fmt.Errorf("no hunt %q", req.ID))
}

// RunHunt runs the snapshot's query. What can't be answered is an inconclusive outcome, not an error; an error means
// that the cluster did not answer and the run may be repeated.
func (h *Hunting) RunHunt(ctx context.Context, snapshot activities.Hunt) (activities.HuntOutcome, error) {
	parsed, err := hunt.Parse(snapshot.Body)
	if err != nil {
		return activities.HuntOutcome{}, activities.Permanent(fmt.Errorf("hunt %s: %w", snapshot.ID, err))
	}
	now := time.Now().UTC()
	outcome := activities.HuntOutcome{
		Hunt: snapshot.ID, Run: snapshot.Run, Title: snapshot.Title, Version: snapshot.Version, At: now,
		From: now.Add(-parsed.Lookback), To: now,
	}
	stream, known := h.Streams[parsed.Stream]
	if !known {
		return inconclusive(outcome, "no stream %q is configured", parsed.Stream), nil
	}
	if outcome.Watermarks, err = h.Watermarks(ctx); err != nil {
		return outcome, fmt.Errorf("watermarks: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, parsed.Timeout)
	defer cancel()
	outcome, err = search{stream, parsed}.run(ctx, outcome)
	if errors.Is(err, context.DeadlineExceeded) {
		return inconclusive(outcome, "not done within %s", parsed.Timeout), nil
	}
	return outcome, err
}

func inconclusive(o activities.HuntOutcome, format string, args ...any) activities.HuntOutcome {
	o.Outcome, o.Reason, o.Proofs = activities.Inconclusive, fmt.Sprintf(format, args...), nil
	return o
}

// RecordHunt writes the outcome, and each proof as a detection, which takes the ordinary way. The run's id makes all
// keys, so repeating it changes nothing.
func (h *Hunting) RecordHunt(ctx context.Context, o activities.HuntOutcome) (activities.None, error) {
	if o.Hunt == "" || o.Run == "" {
		return activities.None{}, activities.Permanent(errors.New("outcome without hunt or run"))
	}
	detections, err := h.detections(o)
	if err != nil {
		return activities.None{}, activities.Permanent(err)
	}
	if len(detections) > 0 {
		if _, err := h.Ledger.Write(ctx, detections); err != nil {
			return activities.None{}, fmt.Errorf("ledger: %w", err)
		}
	}
	_, err = h.State.Create(ctx, outcomes, o.Hunt+"-"+o.Run, o)
	if err != nil && !errors.Is(err, opensearch.ErrConflict) {
		return activities.None{}, fmt.Errorf("record outcome: %w", err)
	}
	return activities.None{}, nil
}

func (h *Hunting) detections(o activities.HuntOutcome) (list []opensearch.Entry, err error) {
	if o.Outcome != activities.Proved {
		return nil, nil
	}
	for _, known := range h.Hunts {
		if known.ID != o.Hunt {
			continue
		}
		for _, p := range o.Proofs {
			list = append(list, opensearch.Entry{Detection: detection(known, o, p), IndexCreated: p.IndexCreated})
		}
		return list, nil
	}
	return nil, fmt.Errorf("no hunt %q", o.Hunt)
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
	return d
}
