package daemon_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// TestLivesBeforeItIsReady starts a worker whose Temporal is not up yet: it lives, is not ready, and shows its metrics; an
// interrupt ends it without an error.
func TestLivesBeforeItIsReady(t *testing.T) {
	c := daemon.Defaults()
	c.Listen, c.Temporal.Address = freePort(t), freePort(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Run(ctx, c, daemon.Options{Log: slog.New(slog.DiscardHandler)}) }()

	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/healthz": {http.StatusOK, "ok"},
		"/readyz":  {http.StatusServiceUnavailable, "{}"},
		"/metrics": {http.StatusOK, "sallyport_build_info{version="},
		"/other":   {http.StatusNotFound, "not found"},
	} {
		status, text := get(t, "http://"+c.Listen+path)
		if status != want.status || !strings.Contains(text, want.text) {
			t.Errorf("%s: %d %.200s, want %d with %q", path, status, text, want.status, want.text)
		}
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("an interrupt does not end it")
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	var listen net.ListenConfig
	listener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// get asks until the listener is there.
func get(t *testing.T, address string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		resp, err := http.DefaultClient.Do(req)
		if err != nil && time.Now().Before(end) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
}
