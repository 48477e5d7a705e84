package resttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a CA of a test: it issues certificates that nobody else knows.
type Authority struct {
	File string // its certificate, PEM

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes a CA.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	draft := draft("Authority of a test")
	draft.IsCA, draft.BasicConstraintsValid, draft.KeyUsage = true, true, x509.KeyUsageCertSign
	made, key := sign(tb, draft, nil, nil)
	file := filepath.Join(tb.TempDir(), "ca.pem")
	writePEM(tb, file, "CERTIFICATE", made.Raw)
	return &Authority{File: file, certificate: made, key: key}
}

// Pool holds this CA alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// Issue makes a server's certificate for names and addresses.
func (a *Authority) Issue(tb testing.TB, names ...string) tls.Certificate {
	tb.Helper()
	draft := draft("a server")
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			draft.IPAddresses = append(draft.IPAddresses, ip)
		} else {
			draft.DNSNames = append(draft.DNSNames, name)
		}
	}
	made, key := sign(tb, draft, a.certificate, a.key)
	return tls.Certificate{Certificate: [][]byte{made.Raw}, PrivateKey: key, Leaf: made}
}

// IssueClient makes a client's certificate and returns the files of it and its key.
func (a *Authority) IssueClient(tb testing.TB) (certFile, keyFile string) {
	tb.Helper()
	made, key := sign(tb, draft("a client"), a.certificate, a.key)
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	certFile, keyFile = filepath.Join(tb.TempDir(), "client.pem"), filepath.Join(tb.TempDir(), "client.key")
	writePEM(tb, certFile, "CERTIFICATE", made.Raw)
	writePEM(tb, keyFile, "PRIVATE KEY", text)
	return certFile, keyFile
}

// SelfSigned is a certificate without any name, as gvmd makes its own.
func SelfSigned(tb testing.TB) tls.Certificate {
	tb.Helper()
	made, key := sign(tb, draft("nobody"), nil, nil)
	return tls.Certificate{Certificate: [][]byte{made.Raw}, PrivateKey: key, Leaf: made}
}

// Fingerprint is the SHA-256 of a certificate, hex.
func Fingerprint(c tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:])
}

func draft(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// sign makes a draft a certificate; without a parent it signs itself.
func sign(tb testing.TB, draft, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	if parent == nil {
		parent, parentKey = draft, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, draft, parent, key.Public(), parentKey)
	if err != nil {
		tb.Fatal(err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return made, key
}

func writePEM(tb testing.TB, file, kind string, raw []byte) {
	tb.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// Front puts TLS before a stand-in that speaks none: it returns the front's host:port on loopback. network and address
// are the stand-in's.
func Front(tb testing.TB, config *tls.Config, network, address string) string {
	tb.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(tb.Context(), conn, network, address)
		}
	}()
	return listener.Addr().String()
}

func forward(ctx context.Context, conn net.Conn, network, address string) {
	defer func() { _ = conn.Close() }()
	var dialer net.Dialer
	behind, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return
	}
	defer func() { _ = behind.Close() }()
	go func() {
		_, _ = io.Copy(behind, conn)
		_ = behind.Close()
	}()
	_, _ = io.Copy(conn, behind)
}
