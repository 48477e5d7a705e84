package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/starter/cli"
)

// labCommand runs the stand-ins in a process of their own, for tests that kill the other one and for trying a config.
func labCommand(streams cli.IO) *cobra.Command {
	var dir, events, opensearch string
	var slack bool
	command := &cobra.Command{
		Use: "lab", Short: "Run the demo's stand-ins in a process of their own", Args: cobra.NoArgs, Hidden: true,
		Example: "  sallyport-allinone lab --dir /tmp/office",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			played, err := readEvents(events)
			if err != nil {
				return err
			}
			program, err := os.Executable()
			if err != nil {
				return err
			}
			office, err := lab.Start(c.Context(), lab.Options{Dir: dir, OpenSearch: opensearch, Program: program, Events: played, Slack: slack})
			if err != nil {
				return cli.Failed(err)
			}
			defer func() { err = errors.Join(err, office.Close()) }()
			control, err := office.ServeControl(c.Context())
			if err != nil {
				return cli.Failed(err)
			}
			fmt.Fprintf(streams.Out, "config %s\ncontrol %s\n", office.ConfigFile(), control)
			<-c.Context().Done()
			return nil
		},
	}
	command.Flags().StringVar(&dir, "dir", "", "folder for its files; must be empty")
	command.Flags().StringVar(&events, "events", "", "events (NDJSON) that POST /play plays; default: the recorded attack")
	command.Flags().StringVar(&opensearch, "opensearch", "", "address of a real OpenSearch to use instead of the stand-in")
	command.Flags().BoolVar(&slack, "slack", false, "ask people in Slack, too")
	_ = command.MarkFlagRequired("dir") // the flag is there
	return command
}
