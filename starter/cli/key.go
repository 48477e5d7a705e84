package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/activities/policy"
)

func keyCommand(streams IO) *cobra.Command {
	command := &cobra.Command{Use: "key", Short: "Make the keys that sign decisions and grants"}
	command.AddCommand(&cobra.Command{
		Use: "new FILE", Short: "Write a new private key (mode 0600) and print its public half for `people:`",
		Args:    cobra.ExactArgs(1),
		Example: "  sallyport key new ~/.config/sallyport/person.key",
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := policy.NewKeyFile(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(streams.Out, public)
			return nil
		},
	})
	return command
}
