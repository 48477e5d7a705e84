// Package daemon runs the worker: it reads the one config, opens what its roles need, and starts and stops them.
//
// Reading order: config.go, run.go, then one file per role (respond, detect, gateway), bootstrap.go and health.go.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/telemetry"
	"github.com/sallyport-soar/sallyport/workflows"
)

// stopWithin is how long activities may go on after an interrupt; then they are cut off and retried elsewhere.
const stopWithin = 10 * time.Second

// Options are what a run needs beside its config.
type Options struct {
	Log   *slog.Logger
	Ready func() // called once, when every worker polls; may be nil
}

// Run runs the config's roles until ctx ends. It returns an error when it can't start, or when a part can't go on.
func Run(ctx context.Context, c Config, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := &daemon{config: c, log: o.Log, registry: prometheus.NewRegistry(), health: &health{}, fail: cancel}
	d.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	if err := d.start(ctx); err != nil {
		d.stop()
		if errors.Is(context.Cause(ctx), context.Canceled) { // interrupted: what the start was waiting for is no fault
			return nil
		}
		return err
	}
	if o.Ready != nil {
		o.Ready()
	}
	<-ctx.Done()
	d.stop()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// daemon is one running process.
type daemon struct {
	config   Config
	log      *slog.Logger
	registry *prometheus.Registry
	health   *health
	fail     context.CancelCauseFunc

	temporal client.Client
	state    *opensearch.Client
	inbox    inboxGate
	workers  []worker.Worker
}

func (d *daemon) start(ctx context.Context) error {
	mux := d.health.mux(d.registry)
	if d.config.hasInbox() {
		mux.Handle("POST /inbox/{hook}", &d.inbox)
	}
	listening, err := serve(ctx, d.config.Listen, mux)
	if err != nil {
		return err
	}
	d.log.InfoContext(ctx, "listening", "address", listening, "roles", d.config.Roles)
	if len(d.config.Roles) == 0 {
		d.health.set("temporal", nil)
		return nil
	}
	if err := d.connect(ctx); err != nil {
		return err
	}
	for _, role := range []struct {
		name  string
		start func(context.Context) error
	}{{RoleRespond, d.startRespond}, {RoleDetect, d.startDetect}, {RoleGateway, d.startGateway}} {
		if !d.config.has(role.name) {
			continue
		}
		err := role.start(ctx)
		if d.health.set(role.name, err); err != nil {
			return fmt.Errorf("role %s: %w", role.name, err)
		}
	}
	if !d.keepsState() {
		return nil
	}
	return d.bootstrap(ctx)
}

// connect opens what roles need: Temporal with its namespace, and the state cluster with its templates. A gateway without an
// inbox needs no state: it resolves none of its secrets.
func (d *daemon) connect(ctx context.Context) (err error) {
	metrics := telemetry.NewSDKMetrics()
	d.registry.MustRegister(metrics)
	if d.temporal, err = d.config.Temporal.Dial(ctx, d.log, metrics.Handler()); err != nil {
		return err
	}
	if err := EnsureNamespace(ctx, d.temporal, d.config.Temporal.Namespace, d.config.Temporal.Retention, workflows.SearchAttributes()); err != nil {
		return err
	}
	if !d.keepsState() && !d.config.hasInbox() {
		return nil
	}
	if d.state, err = opensearch.Open(ctx, d.config.OpenSearch); err != nil {
		return err
	}
	return d.awaitState(ctx)
}

// keepsState reports whether a role of this worker reads or writes the state cluster.
func (d *daemon) keepsState() bool { return d.config.has(RoleDetect) || d.config.has(RoleRespond) }

// stateWithin is how long a start waits for a state cluster that is not up yet.
const stateWithin = 2 * time.Minute

func (d *daemon) awaitState(ctx context.Context) error {
	deadline := time.Now().Add(stateWithin)
	for {
		templates, err := d.state.EnsureTemplates(ctx)
		if len(templates.Newer) > 0 {
			d.log.WarnContext(ctx, "index templates of a newer Sallyport stay as they are: upgrade this one", "templates", templates.Newer)
		}
		var fault *opensearch.Fault
		if err == nil || time.Now().After(deadline) || (errors.As(err, &fault) && fault.Permanent()) {
			return err
		}
		d.log.WarnContext(ctx, "the state cluster is not up yet", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

// worker starts a worker of one queue; bind gives it its activities, and workflows if it runs them.
func (d *daemon) worker(queue string, options worker.Options, bind func(worker.Worker)) error {
	options.Interceptors = Interceptors()
	if queue == activities.DetectQueue {
		options.Interceptors = []interceptor.WorkerInterceptor{&permanentErrors{}}
	}
	options.WorkerStopTimeout = stopWithin
	options.OnFatalError = func(err error) { d.fail(fmt.Errorf("worker of %s: %w", queue, err)) }
	w := worker.New(d.temporal, queue, options)
	bind(w)
	if err := w.Start(); err != nil {
		return fmt.Errorf("worker of %s: %w", queue, err)
	}
	d.workers = append(d.workers, w)
	return nil
}

func (d *daemon) stop() {
	for _, v := range slices.Backward(d.workers) {
		v.Stop()
	}
	if d.temporal != nil {
		d.temporal.Close()
	}
}

// Interceptors stand around the steps of roles respond and gateway, also in tests.
func Interceptors() []interceptor.WorkerInterceptor {
	return []interceptor.WorkerInterceptor{&permanentErrors{}, &signsOfLife{}}
}

// respondWorker are the options of role respond.
func respondWorker() worker.Options {
	return worker.Options{
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		DeadlockDetectionTimeout:   10 * time.Second, // the SDK's one second trips on a busy two-core machine
	}
}
