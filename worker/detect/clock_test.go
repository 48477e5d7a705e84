package detect_test

import (
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// leaveNewest lets the cursor say that the dispatcher has read up to that time, as one does whose clock is ahead.
func (o *office) leaveNewest(at time.Time) {
	o.Helper()
	cursors := opensearch.NewCursors(o.client)
	held, err := cursors.Load(o.Context(), "dispatcher")
	if held.Newest = at; err == nil {
		err = cursors.Save(o.Context(), &held)
	}
	if err != nil {
		o.Fatal(err)
	}
}

// TestReaderThatIsAhead: one event that was read by a worker whose clock is an hour ahead ends the time of nothing that the
// others read, not for a dispatcher that reads it nor for one that recalls it, whatever the one before had believed.
func TestReaderThatIsAhead(t *testing.T) {
	t.Parallel()
	onBoth(t, func(b *bench) {
		o, host := b.office(), "shop-"+b.prefix
		o.now = func() time.Time { return time.Now().Add(time.Hour) }
		stop := o.readBy(o.worker())
		o.login(host, "203.0.113.66", "5760")
		o.until("it is read", func() bool { return len(o.of(allMatches, "ssh-login-failed")) == 1 })
		stop()
		o.now = time.Now
		kill := o.start()
		for range 3 {
			o.login(host, "203.0.113.66", "5760")
		}
		o.untilCorrelated("ssh-login-failed", 4)
		kill()
		o.leaveNewest(time.Now().Add(1000 * time.Hour))
		o.start()
		for range 3 {
			o.login(host, "203.0.113.66", "5760")
		}
		o.untilCorrelated("ssh-many-failures", 2)
		o.login(host, "203.0.113.66", "5715")
		o.until("the incident is told", func() bool { refs, _ := o.signaller.heard("incident/host/" + host); return len(refs) == 1 })
		if late, ahead := o.counter("sallyport_correlate_late_total"), o.counter("sallyport_stream_ahead_total"); late != 0 || ahead != 1 {
			o.Errorf("%v events count as late, %v readings as ahead; want 0 and 1", late, ahead)
		}
	})
}
