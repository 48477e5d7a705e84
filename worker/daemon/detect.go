package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// spareTerms are for readers that are told at once that the config has other slots, or not their stream: beside as many
// lease terms as there are readers, and the dispatcher's, nothing else would be left to tell them.
const spareTerms = 2

// startDetect reads streams and dispatches detections. It parses hostile events and holds no appliance's key.
func (d *daemon) startDetect(ctx context.Context) error {
	metrics := detect.NewMetrics(d.registry)
	live, err := d.rules(ctx, metrics)
	if err != nil {
		return err
	}
	d.registry.MustRegister(detect.NewRuleCosts(live))
	clusters := map[string]*opensearch.Client{}
	for name := range d.config.Clusters {
		if clusters[name], err = d.cluster(ctx, name); err != nil {
			return err
		}
	}
	steps, err := detect.New(detect.Parts{
		Config: d.config.Detect, State: d.state, Clusters: clusters, Signaller: frontend.New(d.temporal),
		Matcher: func(stream detect.Stream) (detect.Matcher, error) {
			return detect.NewRuleMatcher(live, stream, metrics, d.log)
		},
		Rules: live, Metrics: metrics, Log: d.log, Now: time.Now,
	})
	if err != nil {
		return err
	}
	d.health.ask(steps.Readers)
	steps.Load(ctx)
	options := worker.Options{DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: d.config.Detect.Slots() + 1 + spareTerms}
	return d.worker(activities.DetectQueue, options, func(w worker.Worker) {
		activities.Bind(w, activities.ReadSlot, steps.ReadSlot)
		activities.Bind(w, activities.Dispatch, steps.Dispatch)
	})
}

// lookForRules is how often the content's files are looked at.
const lookForRules = 5 * time.Second

// rules loads the rules and follows them. A refused rule is told and left out, or stays as it was; the others are taken.
func (d *daemon) rules(ctx context.Context, metrics *detect.Metrics) (*rules.Live, error) {
	live, report := rules.NewLive(d.config.Sources()...)
	tell := func(library *rules.Library, report *rules.Report) {
		for _, fault := range report.Refused {
			d.log.Error("rule refused: what its file held before stays in use", "fault", fault.Error())
		}
		metrics.Rules(library, len(report.Refused))
		d.log.Info("rules loaded", "rules", library.Len(), "refused", len(report.Refused), "warnings", len(report.Warnings), "replaced", len(report.Replaced))
	}
	if tell(live.Library(), report); live.Library().Len() == 0 {
		return nil, fmt.Errorf("no rule could be loaded: see `sallyport rules check`")
	}
	go live.Follow(ctx, lookForRules, tell)
	return live, nil
}

// watermarks are those of every stream: all that was acknowledged before has been evaluated.
func (d *daemon) watermarks(ctx context.Context) (map[string]time.Time, error) {
	return detect.Watermarks(ctx, opensearch.NewCursors(d.state), d.config.Detect)
}

// watched are the indices of every stream, closed ones included. Without streams nobody knows what was watched.
func (d *daemon) watched(ctx context.Context) (all []opensearch.Index, err error) {
	if len(d.config.Detect.Streams) == 0 {
		return nil, errors.New("no stream is configured")
	}
	for _, stream := range d.config.Detect.Streams {
		cluster, err := d.cluster(ctx, stream.Cluster)
		if err != nil {
			return nil, err
		}
		indices, err := cluster.Indices(ctx, stream.Index)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", stream.Name, err)
		}
		all = append(all, indices...)
	}
	return all, nil
}
