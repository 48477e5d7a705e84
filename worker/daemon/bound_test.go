package daemon_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
)

// TestAnswersWithoutEndAreCut lets every peer answer without end. Temporal is left out: gRPC announces a message's length
// before it, and refuses one over its limit unread.
func TestAnswersWithoutEndAreCut(t *testing.T) {
	setSecrets(t)
	ours := resttest.NewAuthority(t)
	trust := servedBy(ours.Issue(t, "127.0.0.1"))
	for _, p := range peers() {
		if p.line == "temporal" {
			continue
		}
		t.Run(p.line, func(t *testing.T) {
			serve := serveHTTP(http.HandlerFunc(endless))
			if p.line == "gvm" {
				serve = endlessGMP
			}
			line := tried(t, p, serve(t, trust), rest.TLS{CA: ours.File})
			if !strings.Contains(line.Fault, "over") || !strings.Contains(line.Fault, "MiB") {
				t.Errorf("want the limit named in %q", line.Fault)
			}
		})
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"ok":true,"version":"`))
	for more := []byte(strings.Repeat("x", 1<<20)); ; {
		if _, err := w.Write(more); err != nil {
			return
		}
	}
}

func endlessGMP(t *testing.T, trust *tls.Config) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "gmp")
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, err = conn.Write([]byte(`<authenticate_response status="200"><role>`))
		for more := []byte(strings.Repeat("x", 1<<20)); err == nil; {
			_, err = conn.Write(more)
		}
	}()
	return frontOf(t, trust, "unix", socket)
}
