package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// The register's index was lost: what bears our mark, and nobody would ever release, is released and told. An
// administrator's entry stays, and so does what a workflow holds.
func TestReconcileReleasesWhatNoRegisterKnows(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.attacked(time.Second, bare)
	w.lost("lost-1", "203.0.113.81", soar.Contained, 4*time.Hour)
	w.lost("lost-2", "203.0.113.82", soar.Contained, 4*time.Hour)
	w.office.Firewall.AddForeign("203.0.113.90")
	w.startAt(time.Minute, "reconcile", "Reconcile", 2*time.Minute)
	w.at(5*time.Minute, func() {
		w.held("pfsense "+attacker, "pfsense 203.0.113.81", "pfsense 203.0.113.82", "pfsense 203.0.113.90")
		w.loses("sallyport-containments", "pfsense//"+attacker)
		w.loses("sallyport-containments", "pfsense//203.0.113.81")
		w.stray("i9-0", "203.0.113.83")
	})
	w.startAt(10*time.Minute, "reconcile", "Reconcile", 2*time.Minute)
	w.at(15*time.Minute, func() {
		w.held("pfsense "+attacker, "pfsense 203.0.113.81", "pfsense 203.0.113.82", "pfsense 203.0.113.90") // workflows hold these
		if said := w.board.said("ERROR"); len(said) != 1 || !strings.Contains(said[0], "1 entry") {
			t.Errorf("people were told %q", said)
		}
	})

	w.plays(day)

	w.held("pfsense 203.0.113.90")
	var said []string
	for _, e := range w.chainOf("house-" + w.env.Now().UTC().Format("2006.01")) {
		said = append(said, e.What+" "+e.Subject)
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "stray block_address 203.0.113.83 on pfsense") || !strings.Contains(text, "released block_address 203.0.113.83 on pfsense") {
		t.Errorf("the audit log says\n%s", text)
	}
}

// stray puts our mark on the firewall, and into no register.
func (w *world) stray(id, target string) {
	w.t.Helper()
	action := soar.Action{ID: id, Kind: soar.BlockAddress, System: "pfsense", Target: target, For: time.Hour}
	if err := w.drivers["pfsense"].Apply(context.Background(), []soar.Action{action}); err != nil {
		w.t.Error(err)
	}
}
