package daemon

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/catalog"
	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/hunting"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/workflows"
)

// startRespond runs the workflows and their steps. It alone holds the appliances' keys and the grant key.
func (d *daemon) startRespond(ctx context.Context) error {
	systems, err := catalog.Open(ctx, d.config.Systems)
	if err != nil {
		return err
	}
	house, err := d.house(ctx, systems)
	if err != nil {
		return err
	}
	if err := d.registry.Register(newContainments(opensearch.NewRegister(d.state), d.log, time.Now)); err != nil {
		return err
	}
	return d.worker(activities.Queue, respondWorker(), func(w worker.Worker) {
		workflows.Register(w)
		systems.BindRespond(w, house)
	})
}

// house builds what stands around the systems.
func (d *daemon) house(ctx context.Context, systems *catalog.Systems) (h catalog.House, err error) {
	protected, err := d.protected(ctx)
	if err != nil {
		return h, err
	}
	grant, err := policy.LoadPrivateKey(d.config.Keys.Grant)
	if err != nil {
		return h, fmt.Errorf("keys.grant: %w (make it with `sallyport key new`)", err)
	}
	gateway, err := d.gatewayPublic()
	if err != nil {
		return h, err
	}
	h.Ledger, h.Records, h.Audits = opensearch.NewLedger(d.state), opensearch.NewRecords(d.state), opensearch.NewAudits(d.state)
	h.Frontend = frontend.New(d.temporal)
	burst, perHour := d.config.Detect.NewIncidents.Tokens()
	h.Tokens = opensearch.NewTokens(d.state, burst, perHour, time.Now)
	h.Watched = d.watched
	h.Policy = &policy.Policy{
		Sources: d.config.Sources(), People: d.config.People, Gateway: gateway, GrantKey: grant, Systems: d.config.Systems.CanAct(),
		Protected: protected, Ledger: h.Ledger, Settings: d.config.settings(), Now: time.Now,
	}
	h.Envelope = &effect.Envelope{
		Drivers: systems.Drivers, Protected: protected, Register: opensearch.NewRegister(d.state), Limits: effect.NewTemporalLimits(d.temporal),
		Rules: h.Policy, GrantKey: grant.Public().(ed25519.PublicKey), Audit: h.Audits.Audit, Now: time.Now,
	}
	h.Hunting, err = d.hunting(ctx, h.Ledger)
	return h, err
}

// Sources are the shipped content and the operator's folders over it.
func (c *Config) Sources() []fs.FS {
	sources := []fs.FS{content.Files}
	for _, folder := range c.Content {
		sources = append(sources, rules.Folder(folder))
	}
	return sources
}

// gatewayPublic is the key that decisions from the gateway are checked with: none without a gateway. The private half is
// read only where the gateway runs, too.
func (d *daemon) gatewayPublic() (ed25519.PublicKey, error) {
	if d.config.Keys.GatewayPublic != "" {
		return policy.ParsePublicKey(d.config.Keys.GatewayPublic)
	}
	if !d.config.has(RoleGateway) {
		return nil, nil
	}
	key, err := policy.LoadPrivateKey(d.config.Keys.Gateway)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keys.gateway: %w", err)
	}
	return key.Public().(ed25519.PublicKey), nil
}

func (d *daemon) hunting(ctx context.Context, ledger *opensearch.Ledger) (*hunting.Hunting, error) {
	streams := map[string]hunting.Stream{}
	for _, stream := range d.config.Detect.Streams {
		cluster, err := d.cluster(ctx, stream.Cluster)
		if err != nil {
			return nil, err
		}
		streams[stream.Name] = hunting.Stream{Cluster: cluster, Index: stream.Index}
	}
	return &hunting.Hunting{
		Sources: d.config.Sources(), Streams: streams, State: d.state, Ledger: ledger, Watermarks: d.watermarks, Now: time.Now,
	}, nil
}

// cluster opens a named cluster; "" is the state cluster.
func (d *daemon) cluster(ctx context.Context, name string) (*opensearch.Client, error) {
	if name == "" {
		return d.state, nil
	}
	c, err := opensearch.Open(ctx, d.config.Clusters[name])
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", name, err)
	}
	return c, nil
}
