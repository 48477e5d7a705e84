package policy

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// LoadPrivateKey reads an Ed25519 key as `sallyport key new` writes it (PKCS #8, PEM). A file that others than its owner
// can read is refused.
func LoadPrivateKey(file string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("key: %w (make one with `sallyport key new %s`)", err, file)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key: %s can be read by others: chmod 600 it", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return ParsePrivateKey(text)
}

// ParsePrivateKey reads an Ed25519 key from its PEM text. Its errors show nothing of the text.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("key: no PEM private key: make one with `sallyport key new`")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("key: no Ed25519 key: make one with `sallyport key new`")
	}
	return key, nil
}

// ParsePublicKey reads the public half as `sallyport key new` prints it: base64 of 32 bytes.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, errors.New("no public key: want the line that `sallyport key new` prints")
	}
	return raw, nil
}

// SignDecision signs a decision with the key of the person (method cli) or of the gateway (method slack).
func SignDecision(key ed25519.PrivateKey, d soar.Decision) soar.Decision {
	d.Signature = ed25519.Sign(key, d.Signed())
	return d
}
