package detect

import (
	"log/slog"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestTooManyWait: when as many detections wait as memory has room for, those of incidents that run still come in, and what
// Sallyport says of itself; others are left to the sweep.
func TestTooManyWait(t *testing.T) {
	of := func(family, name string) soar.Detection {
		return soar.Detection{Rule: soar.Rule{ID: "r", Level: soar.High}, Entity: soar.Entity{Family: family, Name: name}}
	}
	runs, waits, unknown, own := of("host", "runs"), of("host", "waits"), of("host", "unknown"), of(soar.OwnFamily, "reader")
	p := &dispatcher{tail: &tail{log: slog.New(slog.DiscardHandler)}, queues: map[string]*queue{
		runs.Entity.IncidentKey():  {entity: runs.Entity, open: true},
		waits.Entity.IncidentKey(): {entity: waits.Entity},
	}}
	all := func() (waiting int) {
		for _, detection := range []soar.Detection{runs, waits, unknown, own} {
			p.enqueue(detection, waitingRef{})
		}
		for _, q := range p.queues {
			waiting += q.waiting()
		}
		return waiting
	}
	if waiting := all(); waiting != 4 || p.full {
		t.Errorf("%d of 4 wait, full: %v", waiting, p.full)
	}
	p.total = maxWaiting
	if waiting := all(); waiting != 4+2 || !p.full || p.total != maxWaiting+2 {
		t.Errorf("%d wait, want two more: of the incident that runs, and Sallyport's own", waiting)
	}
}
