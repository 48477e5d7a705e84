package resttest

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Proxy is an HTTP proxy that knows CONNECT alone. It resolves names by itself: every name is this machine.
type Proxy struct {
	URL string

	mu   sync.Mutex
	seen []string
}

// NewProxy starts a proxy that stops with the test.
func NewProxy(tb testing.TB) *Proxy {
	p := &Proxy{}
	server := httptest.NewServer(p)
	tb.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// Seen are the hosts that were asked for, each once, in order.
func (p *Proxy) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil || r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT host:port", http.StatusMethodNotAllowed)
		return
	}
	p.mu.Lock()
	if !slices.Contains(p.seen, host) {
		p.seen = append(p.seen, host)
	}
	p.mu.Unlock()
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = conn.Close()
		return
	}
	forward(r.Context(), &bufferedConn{conn, buffered.Reader}, "tcp", net.JoinHostPort("127.0.0.1", port))
}

// bufferedConn is a connection of which something has been read already.
type bufferedConn struct {
	net.Conn
	reader *bufio.Reader
}

// Read implements io.Reader.
func (c *bufferedConn) Read(p []byte) (int, error) { return c.reader.Read(p) }
