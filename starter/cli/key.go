package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func keyCommand(streams IO) *cobra.Command {
	command := &cobra.Command{Use: "key", Short: "Make the keys that sign decisions and grants"}
	command.AddCommand(&cobra.Command{
		Use: "new FILE", Short: "Write a new private key (mode 0600) and print its public half for `people:`",
		Args:    cobra.ExactArgs(1),
		Example: "  sallyport key new ~/.config/sallyport/ana.key",
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := NewKeyFile(args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(streams.Out, public)
			return nil
		},
	})
	return command
}

// NewKeyFile writes a new Ed25519 private key (PKCS #8, PEM, mode 0600) to file, which must not exist, and returns its
// public half as people: wants it (base64 of 32 bytes).
func NewKeyFile(file string) (public string, err error) {
	publicKey, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", err
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	err = pem.Encode(out, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return base64.StdEncoding.EncodeToString(publicKey), errors.Join(err, out.Close())
}
