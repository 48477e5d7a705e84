package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/deploy/allinone/embedded"
	"github.com/sallyport-soar/sallyport/starter/cli"
	"github.com/sallyport-soar/sallyport/worker/daemon"
	"github.com/sallyport-soar/sallyport/workflows"
)

func upCommand(streams cli.IO) *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "Run everything in one process, with Temporal inside", Args: cobra.NoArgs,
		Long: "Starts Temporal (temporal.store: sqlite for an evaluation, postgres for an office), its UI, and all roles of the\n" +
			"worker. End it with an interrupt, or kill it: at the next start everything goes on where it was.",
		Example: "  sallyport-allinone up --config sallyport.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := c.Flags().GetString("config")
			if err != nil {
				return err
			}
			config, err := daemon.LoadConfig(path)
			if err != nil {
				return err
			}
			if config.Temporal.Port, err = frontendPort(config.Temporal); err != nil {
				return err
			}
			logger, err := config.Log.Logger(streams.Err)
			if err != nil {
				return err
			}
			return up(c.Context(), config, logger, func(_, ui string) {
				fmt.Fprintf(streams.Out, "Sallyport is up. Temporal UI: %s  metrics and health: http://%s\n", ui, config.Listen)
			})
		},
	}
}

// frontendPort is where the frontend listens: by default where temporal.address says, so that the operator's command finds
// it with the same file.
func frontendPort(t daemon.Temporal) (int, error) {
	if t.Port != 0 {
		return t.Port, nil
	}
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		return 0, fmt.Errorf("temporal.address: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return 0, fmt.Errorf("temporal.address is %s: up brings its own Temporal on loopback; write 127.0.0.1:7233, or run sallyport-worker against that one", t.Address)
	}
	return strconv.Atoi(port)
}

// up runs Temporal and the daemon until ctx ends; ready is called once, when workers poll, with the
// addresses of the frontend and the UI.
func up(ctx context.Context, config daemon.Config, logger *slog.Logger, ready func(frontend, ui string)) error {
	server, err := startTemporal(ctx, config.Temporal, logger)
	if err != nil {
		return cli.Failed(fmt.Errorf("temporal: %w", err))
	}
	defer server.Stop()
	config.Temporal.Address = server.Address()
	if config.Temporal.UIBase == "" {
		config.Temporal.UIBase = server.UIURL()
	}
	if err := daemon.Run(ctx, config, daemon.Options{Log: logger, Ready: func() { ready(server.Address(), server.UIURL()) }}); err != nil {
		return cli.Failed(err)
	}
	return nil
}

func startTemporal(ctx context.Context, t daemon.Temporal, logger *slog.Logger) (server *embedded.Server, err error) {
	options := embedded.Options{
		Port: t.Port, Namespace: t.Namespace, Retention: t.Retention, Logger: logger, SearchAttributes: workflows.SearchAttributes(),
	}
	if t.UIAddress != "" {
		host, port, err := net.SplitHostPort(t.UIAddress)
		if err != nil {
			return nil, fmt.Errorf("ui_address: %w", err)
		}
		if options.UIPort, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("ui_address: %w", err)
		}
		if options.UIPort == 0 {
			options.UIPort = -1
		}
		options.UIHost = host
	}
	if t.Store == "sqlite" {
		if options.DataFile, err = embedded.DataFile(t.DataDir); err != nil {
			return nil, err
		}
		return embedded.Start(ctx, options)
	}
	password, err := t.Postgres.Password.Resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("postgres password: %w", err)
	}
	options.Postgres = &embedded.Postgres{Address: t.Postgres.Address, User: t.Postgres.User, Password: password, Database: t.Postgres.Database, CAFile: t.Postgres.CA}
	return embedded.Start(ctx, options)
}
