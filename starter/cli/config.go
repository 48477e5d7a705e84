package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

func configCommand(streams IO) *cobra.Command {
	command := group("config", "Write a config file, or check one without reaching anything", "  sallyport config init > sallyport.yaml\n  sallyport config check")
	command.AddCommand(
		&cobra.Command{
			Use: "init", Short: "Print a config file that explains itself", Args: cobra.NoArgs,
			Example: "  sallyport config init > sallyport.yaml",
			RunE: func(*cobra.Command, []string) error {
				defaults := daemon.Defaults()
				fmt.Fprint(streams.Out, config.CommentedFile(&defaults))
				return nil
			},
		},
		&cobra.Command{
			Use: "reference", Short: "Print docs/config.md: every key, its default and meaning", Args: cobra.NoArgs,
			Example: "  sallyport config reference > docs/config.md",
			RunE: func(*cobra.Command, []string) error {
				defaults := daemon.Defaults()
				fmt.Fprint(streams.Out, config.Reference(&defaults))
				return nil
			},
		},
		&cobra.Command{
			Use: "check", Short: "Load the config and say every fault with its line", Args: cobra.NoArgs,
			Example: "  sallyport config check --config sallyport.yaml",
			RunE: func(c *cobra.Command, _ []string) error {
				if _, err := openOffice(c); err != nil {
					return err
				}
				fmt.Fprintln(streams.Out, "the config is good")
				return nil
			},
		},
	)
	return command
}
