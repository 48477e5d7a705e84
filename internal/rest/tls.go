package rest

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLS says whom a client trusts. The zero value is the system's roots and the address's own name. Verification is
// never off: a self-signed peer is trusted by its CA file or by its certificate's fingerprint.
type TLS struct {
	CA         string `yaml:"ca,omitempty" doc:"file with the CA certificates (PEM) that sign the peer's certificate; empty: the system's roots"`
	ServerName string `yaml:"server_name,omitempty" doc:"name to expect in the certificate, when it is not the address's"`
	SHA256     string `yaml:"sha256,omitempty" doc:"fingerprint of the peer's own certificate (hex): trusts exactly that one, for certificates without a usable name such as GVM's"`
}

// Config is the trust as crypto/tls wants it. It reads the CA file.
func (t TLS) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pool, err := readPool(t.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if t.SHA256 != "" {
		want, err := fingerprint(t.SHA256)
		if err != nil {
			return nil, err
		}
		config.InsecureSkipVerify = true // the pinned certificate is compared instead, below: stricter than a chain
		config.VerifyConnection = func(state tls.ConnectionState) error { return comparePin(state, want) }
	}
	return config, nil
}

func readPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("tls.ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("tls.ca: %s holds no PEM certificate", file)
	}
	return pool, nil
}

func fingerprint(text string) (want [sha256.Size]byte, err error) {
	sum, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return want, errors.New("tls.sha256: want 64 hex digits, as `openssl x509 -noout -fingerprint -sha256` prints them")
	}
	return [sha256.Size]byte(sum), nil
}

func comparePin(state tls.ConnectionState, want [sha256.Size]byte) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("tls: peer showed no certificate")
	}
	if got := sha256.Sum256(state.PeerCertificates[0].Raw); got != want {
		return &pinError{got}
	}
	return nil
}

// pinError is a certificate that is not the pinned one.
type pinError struct{ got [sha256.Size]byte }

// Error implements error.
func (e *pinError) Error() string {
	return fmt.Sprintf("tls: peer's certificate has fingerprint %x, not the pinned one", e.got)
}

// WithKeyPair adds our own certificate, for a peer that asks for one. Without files it changes nothing.
func WithKeyPair(config *tls.Config, certFile, keyFile string) error {
	if certFile == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return fmt.Errorf("client_cert: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}
