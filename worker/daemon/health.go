package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health answers /metrics, /healthz (the process lives) and /readyz (its workers poll, its systems answered, and its
// streams are read).
type health struct {
	mu    sync.Mutex
	ready map[string]error          // what must be ready, and why it is not
	asked []func() map[string]error // more of the same, asked each time
}

// ask has a part asked each time how it stands.
func (h *health) ask(how func() map[string]error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, how)
}

// set tells how a part stands; nil is ready.
func (h *health) set(part string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ready == nil {
		h.ready = map[string]error{}
	}
	h.ready[part] = err
}

func (h *health) mux(metrics prometheus.Gatherer) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", h.readyz)
	return mux
}

func (h *health) readyz(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	parts, all := map[string]string{}, len(h.ready) > 0
	note := func(stands map[string]error) {
		for part, err := range stands {
			parts[part] = "ready"
			if err != nil {
				parts[part], all = err.Error(), false
			}
		}
	}
	note(h.ready)
	for _, how := range h.asked {
		note(how())
	}
	w.Header().Set("Content-Type", "application/json")
	if !all {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(parts)
}

// serve answers on address until ctx ends. The listener is open when it returns.
func serve(ctx context.Context, address string, handler http.Handler) (listening string, err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen: %w (set `listen` to a free address)", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, MaxHeaderBytes: 64 << 10}
	go func() { _ = server.Serve(listener) }()
	context.AfterFunc(ctx, func() {
		if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			_ = err // closing is best effort: the process ends
		}
	})
	return listener.Addr().String(), nil
}
