package daemon

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sallyport-soar/sallyport/worker/gateway/inbox"
)

// inboxGate answers before the inbox is open: who sends is told to come again, not that there is nobody.
type inboxGate struct{ open atomic.Pointer[inbox.Inbox] }

// ServeHTTP implements http.Handler.
func (g *inboxGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if open := g.open.Load(); open != nil {
		open.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Retry-After", "10")
	http.Error(w, "starting", http.StatusServiceUnavailable)
}

// openInbox lets other systems send.
func (d *daemon) openInbox(ctx context.Context) error {
	if !d.config.hasInbox() {
		return nil
	}
	made, err := inbox.New(ctx, d.config.Inbox, d.state, d.registry, d.log, time.Now)
	if err != nil {
		return err
	}
	d.inbox.open.Store(made)
	return nil
}
