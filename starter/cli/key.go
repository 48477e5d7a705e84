package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/sallyport-soar/sallyport/activities/policy"
)

func keyCommand(streams IO) *cobra.Command {
	command := group("key", "Make the keys that sign decisions and grants", "  sallyport key new ana.key\n  sallyport key public gateway.key")
	command.AddCommand(&cobra.Command{
		Use: "new FILE", Short: "Write a new private key (mode 0600) and print its public half for `people:`",
		Long:    "A file that is there is never overwritten. The private half stays with its owner; the printed line goes into the config:\nof a person under people: as key, of the gateway as keys.gateway_public where role respond runs without it.",
		Args:    cobra.ExactArgs(1),
		Example: "  sallyport key new ~/.config/sallyport/person.key",
		RunE:    func(_ *cobra.Command, args []string) error { return newKey(streams, args[0]) },
	}, &cobra.Command{
		Use: "public FILE", Short: "Print the public half of a private key again",
		Args:    cobra.ExactArgs(1),
		Example: "  sallyport key public gateway.key",
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := policy.LoadPrivateKey(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(streams.Out, policy.PublicText(key))
			return nil
		},
	})
	return command
}

func newKey(streams IO, file string) error {
	public, err := policy.NewKeyFile(file)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and a key is never overwritten: give another name, or remove it (`sallyport key public %s` prints its public half)", file, file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: make the folder first", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(streams.Out, public)
	return nil
}
