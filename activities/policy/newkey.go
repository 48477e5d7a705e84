package policy

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// NewKeyFile writes a new Ed25519 private key (PKCS #8, PEM, mode 0600) to file, which must not exist, and returns its
// public half as people: wants it (base64 of 32 bytes).
func NewKeyFile(file string) (public string, err error) {
	publicKey, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	err = pem.Encode(out, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return textOf(publicKey), errors.Join(err, out.Close())
}

// PublicText is the public half of a key as people: wants it.
func PublicText(key ed25519.PrivateKey) string { return textOf(key.Public().(ed25519.PublicKey)) }

func textOf(public ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(public) }
