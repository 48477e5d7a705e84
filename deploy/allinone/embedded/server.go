package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"

	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// bootWithin bounds a start; PostgreSQL with a schema to update takes about 3 s on two cores, SQLite 0.4 s.
const bootWithin = 2 * time.Minute

// Server is a running cluster.
type Server struct {
	address string
	uiURL   string
	cluster temporal.Server
	log     *logger
	ui      *uiserver.Server
	uiEnded chan struct{}
	unlock  func()
}

// Start boots the cluster and returns when the frontend serves, the namespace and its search attributes are there, and the
// UI answers. It gives up after two minutes, or when ctx ends. A running cluster outlives ctx: end it with Stop.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bootWithin)
	defer cancel()
	// A free port is not asked for here: the address that it gets must be known before the cluster is configured.
	if o.Port, err = port(ctx, o.Address, o.Port); err != nil {
		return nil, err
	}
	s := &Server{log: newLogger(o.Logger, o.LogLevel), unlock: func() {}}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := s.startCluster(ctx, o); err != nil {
		return nil, fmt.Errorf("embedded temporal: %w", err)
	}
	if err := s.ready(ctx, o); err != nil {
		return nil, fmt.Errorf("embedded temporal: %w", err)
	}
	if o.UIPort != 0 {
		if err := s.startUI(ctx, o); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Address is host:port of the frontend.
func (s *Server) Address() string { return s.address }

// UIURL is where the UI answers, without a slash at its end; empty without a UI.
func (s *Server) UIURL() string { return s.uiURL }

// Stop ends the UI, then the cluster, within a few seconds. What runs goes on at the next start on the same store.
func (s *Server) Stop() {
	s.log.stopping.Store(true)
	if s.ui != nil {
		s.ui.Stop()
		<-s.uiEnded
		s.ui = nil
	}
	if s.cluster != nil {
		if err := s.cluster.Stop(); err != nil {
			s.log.to.Error("embedded temporal did not stop cleanly", "error", err)
		}
		s.cluster = nil
	}
	s.unlock()
	s.unlock = func() {}
}

func (s *Server) startCluster(ctx context.Context, o Options) error {
	store, unlock, err := o.openStore(ctx, s.log)
	if err != nil {
		return err
	}
	s.unlock = unlock
	conf, err := o.config(ctx, store)
	if err != nil {
		return err
	}
	authorizer, err := authorization.GetAuthorizerFromConfig(&conf.Global.Authorization)
	if err != nil {
		return fmt.Errorf("authorizer: %w", err)
	}
	cluster, err := temporal.NewServer(
		temporal.WithConfig(conf),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(conf)),
		temporal.WithLogger(s.log),
		temporal.WithAuthorizer(authorizer),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }),
		temporal.WithDynamicConfigClient(settings()),
	)
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	if err := cluster.Start(); err != nil {
		return errors.Join(fmt.Errorf("start: %w", err), cluster.Stop())
	}
	s.cluster, s.address = cluster, conf.PublicClient.HostPort
	return nil
}

// ready waits until the frontend serves and the namespace is as wished.
func (s *Server) ready(ctx context.Context, o Options) error {
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.NewLazyClient(client.Options{HostPort: s.address, Namespace: o.Namespace, Logger: quiet})
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer c.Close()
	err = poll(ctx, func() error {
		_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	})
	if err != nil {
		return fmt.Errorf("the frontend does not serve: %w", err)
	}
	return daemon.EnsureNamespace(ctx, c, o.Namespace, o.Retention, o.SearchAttributes)
}

// poll tries until it succeeds or ctx ends, and then tells the last failure.
func poll(ctx context.Context, try func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}
