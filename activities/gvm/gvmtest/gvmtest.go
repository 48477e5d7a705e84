// Package gvmtest is a GVM small enough to run inside a test or a lab: GMP over TLS as gvmd 26 speaks it, with targets,
// tasks whose status moves on, reports from a table of hosts that may change (a patch), and faults on demand.
// Its certificate has no SAN, as gvmd's own has none: clients pin its fingerprint.
package gvmtest

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
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Account that the stand-in knows.
const (
	User     = "sallyport"
	Password = "gvm-secret"
)

// Host is what a scan finds on an address.
type Host struct {
	Ports           []string // open ones, as "22/tcp"; a host without one did not answer
	Vulnerabilities []Vulnerability
}

// Vulnerability is a result of a report with a severity.
type Vulnerability struct {
	Name  string
	CVEs  []string
	Score float64 // CVSS base, 0-10
	Port  string  // "443/tcp"
	QoD   int     // percent; 0 means 80
}

// Server is the stand-in.
type Server struct {
	Address string // host:port of GMP over TLS
	SHA256  string // fingerprint of its certificate, hex

	listener net.Listener
	mu       sync.Mutex
	look     func(address string) Host
	pace     time.Duration
	objects  []*object
	faults   []Fault
	met      int
	open     map[net.Conn]bool
	serving  sync.WaitGroup
}

// NewServer starts a stand-in that stops with the test. look says what a scan of an address finds at that moment.
func NewServer(tb testing.TB, look func(address string) Host) *Server {
	tb.Helper()
	s, err := Start(context.Background(), "127.0.0.1:0", look)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Start starts a stand-in until Close: on host:port with TLS, or on the path of a unix socket without.
func Start(ctx context.Context, address string, look func(address string) Host) (*Server, error) {
	listener, pin, err := listen(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("gvmtest: %w", err)
	}
	s := &Server{
		Address:  listener.Addr().String(),
		SHA256:   pin,
		listener: listener,
		look:     look,
		pace:     20 * time.Millisecond,
		open:     map[net.Conn]bool{},
	}
	s.objects = feed()
	s.serving.Go(s.serve)
	return s, nil
}

func listen(ctx context.Context, address string) (listener net.Listener, pin string, err error) {
	var config net.ListenConfig
	if strings.HasPrefix(address, "/") {
		listener, err = config.Listen(ctx, "unix", address)
		return listener, "", err
	}
	certificate, err := selfSigned()
	if err != nil {
		return nil, "", err
	}
	if listener, err = config.Listen(ctx, "tcp", address); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(certificate.Certificate[0])
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}), hex.EncodeToString(sum[:]), nil
}

// Close ends the stand-in and every connection to it.
func (s *Server) Close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// SetPace sets how long a scan stays in each of its states: Requested, Queued, Running (twice), Processing.
func (s *Server) SetPace(pace time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pace = pace
}

// Scan is one run of a task: a report.
type Scan struct {
	Task, Host, Status string
}

// Scans lists every scan that was started, in order: a start_task that was sent twice shows as two.
func (s *Server) Scans() (scans []Scan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.objects {
		if o.kind == "report" {
			scans = append(scans, Scan{Task: o.task.name, Host: o.task.target.hosts, Status: o.statusNow()})
		}
	}
	return scans
}

// Count is how many objects of a kind there are: target, task, report, port_list.
func (s *Server) Count(kind string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.objects {
		if o.kind == kind {
			n++
		}
	}
	return n
}

// SetComment is an administrator who rewrites the comment of a task.
func (s *Server) SetComment(task, comment string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.objects {
		if o.kind == "task" && o.name == task {
			o.comment = comment
		}
	}
}

// Interrupt ends every running scan as a crash of the scanner does.
func (s *Server) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.objects {
		if o.kind == "report" && !final(o.statusNow()) {
			o.ended = "Interrupted"
		}
	}
}

// selfSigned makes a certificate for CN localhost without any SAN.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "localhost", Organization: []string{"GVM Users"}},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(365 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
