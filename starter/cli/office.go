package cli

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// office is what a command works on: the config, and the clients that it asks for.
type office struct {
	config daemon.Config
}

// openOffice loads the config that --config names.
func openOffice(command *cobra.Command) (*office, error) {
	path, err := command.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	c, err := daemon.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	return &office{config: c}, nil
}

// openTemporal opens the office and dials its Temporal; the caller closes that.
func openTemporal(command *cobra.Command) (*office, client.Client, error) {
	o, err := openOffice(command)
	if err != nil {
		return nil, nil, err
	}
	temporal, err := o.temporal(command.Context())
	return o, temporal, err
}

// temporal dials the frontend once; the caller closes it.
func (o *office) temporal(ctx context.Context) (client.Client, error) {
	temporal, err := o.config.Temporal.DialOnce(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, bad(err)
	}
	return temporal, nil
}

// state opens the cluster that keeps Sallyport's state.
func (o *office) state(ctx context.Context) (*opensearch.Client, error) {
	c, err := opensearch.Open(ctx, o.config.OpenSearch)
	if err != nil {
		return nil, fmt.Errorf("state cluster: %w", err)
	}
	return c, nil
}
