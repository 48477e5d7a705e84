package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// shops are an office with that many hosts, shop-01 and on, each with the same weak package.
func shops(n int) (events [][]byte) {
	for i := range n {
		events = append(events, fmt.Appendf(nil, `{"agent":{"id":"%03d","name":"%s","ip":"10.20.0.%d"}}`, i+4, shop(i), i+14))
	}
	return events
}

func shop(i int) string { return fmt.Sprintf("shop-%02d", i+1) }

// attackedShops is an attack that touches all of them in one incident.
func attackedShops(t *testing.T, n int) *world {
	t.Helper()
	w := newWorldOf(t, shops(n), planOf(nil, patch))
	w.env.RegisterDelayedCallback(func() {
		var refs []soar.DetectionRef
		for i := range n {
			refs = append(refs, w.detected(func(d *soar.Detection) {
				d.Asset = soar.Asset{Name: shop(i), AgentID: fmt.Sprintf("%03d", i+4), Address: fmt.Sprint("10.20.0.", i+14)}
			}))
		}
		w.news(refs...)
	}, time.Second)
	return w
}

// breaks changes a host of the office.
func (w *world) breaks(name string, change func(*ansibletest.Host)) {
	w.t.Helper()
	err := ansibletest.Update(w.office.HostsFile(), func(h *ansibletest.Hosts) error { change(h.Hosts[name]); return nil })
	if err != nil {
		w.t.Error(err)
	}
}

// runs is how often a real run began on each host that had one.
func (w *world) runs() map[string]int {
	w.t.Helper()
	hosts, err := ansibletest.Read(w.office.HostsFile())
	if err != nil {
		w.t.Fatal(err)
	}
	runs := map[string]int{}
	for name, h := range hosts.Hosts {
		if h.Started > 0 {
			runs[name] = h.Started
		}
	}
	return runs
}

// expectStatuses fails the test unless the first host ends as canary, and the others, in any order, as the rest.
func expectStatuses(t *testing.T, r activities.IncidentRecord, canary string, rest ...string) {
	t.Helper()
	var got []string
	for _, m := range r.Remediation {
		got = append(got, m.Status)
	}
	if len(got) > 0 {
		slices.Sort(got[1:])
	}
	slices.Sort(rest)
	if want := append([]string{canary}, rest...); !slices.Equal(got, want) {
		t.Errorf("remediation ends as %v, want %v: %+v", got, want, r.Remediation)
	}
}

// position is where in the timeline a line with that text stands first.
func position(r activities.IncidentRecord, text string) int {
	return slices.IndexFunc(r.Timeline, func(e activities.TimelineEntry) bool { return strings.Contains(e.Text, text) })
}

func TestARolloutAsksOnceAndBeginsWithOneHost(t *testing.T) {
	w := attackedShops(t, 4)
	w.decides(time.Hour, "ben", "ansible")

	w.plays(3 * day)

	r := w.record()
	// one is not scanned before: what only the inventory knew of it, no scan proves gone
	expectStatuses(t, r, "done", "done", "done", "unproved")
	if cards := w.board.shown("ansible"); len(cards) != 2 || len(cards[0].Actions) != 4 {
		t.Errorf("people were shown %d cards, the first about %d hosts; want one question about all, and its end", len(cards), len(cards[0].Actions))
	}
	first, second := r.Remediation[0].Host, r.Remediation[1].Host
	if canary, next := position(r, "of "+first+": done"), position(r, "of "+second+": running"); canary < 0 || next < canary {
		t.Errorf("the first host was not done when the second began: lines %d, %d of %+v", canary, next, r.Timeline)
	}
	if runs := w.runs(); len(runs) != 4 || runs[first] != 1 {
		t.Errorf("runs %v, want one on each host", runs)
	}
}

func TestARolloutStopsWhenItsFirstHostGoesWrong(t *testing.T) {
	w := attackedShops(t, 3)
	w.at(time.Hour, func() { w.breaks(w.record().Remediation[0].Host, func(h *ansibletest.Host) { h.Fails = true }) }) // after check mode
	w.decides(time.Hour+time.Minute, "ben", "ansible")

	w.plays(3 * day)

	r := w.record()
	expectStatuses(t, r, "failed", "stopped", "stopped")
	if runs := w.runs(); len(runs) != 1 {
		t.Errorf("runs %v, want none after the one that went wrong", runs)
	}
}

// A batch that was begun comes to its end; the next one does not begin.
func TestARolloutStopsAfterABatch(t *testing.T) {
	w := attackedShops(t, 8)
	w.at(time.Hour, func() { w.breaks(w.record().Remediation[2].Host, func(h *ansibletest.Host) { h.Fails = true }) })
	w.decides(time.Hour+time.Minute, "ben", "ansible")

	w.plays(3 * day)

	r := w.record()
	expectStatuses(t, r, "done", "done", "failed", "unproved", "unproved", "unproved", "stopped", "stopped")
	if runs := w.runs(); len(runs) != 6 {
		t.Errorf("runs %v, want the canary and one batch", runs)
	}
}

func TestARolloutLeavesOutWhatCheckModeCouldNotReach(t *testing.T) {
	w := attackedShops(t, 2)
	w.breaks("shop-02", func(h *ansibletest.Host) { h.Unreachable = true })
	w.decides(time.Hour, "ben", "ansible")

	w.plays(3 * day)

	r := w.record()
	for _, m := range r.Remediation {
		if want := map[string]string{"shop-01": "done", "shop-02": "failed"}[m.Host]; m.Status != want {
			t.Errorf("%s ends as %s, want %s: %s", m.Host, m.Status, want, m.Reason)
		}
	}
	if card := w.board.shown("ansible")[0]; len(card.Actions) != 1 || card.Actions[0].Target != "shop-01" {
		t.Errorf("people were asked about %+v", card.Actions)
	}
}

func TestADeniedRolloutTouchesNoHost(t *testing.T) {
	w := attackedShops(t, 2)
	w.decides(time.Hour, "ben", "ansible", denies)

	w.plays(3 * day)

	expectStatuses(t, w.record(), "denied", "denied")
	if runs := w.runs(); len(runs) != 0 {
		t.Errorf("runs %v", runs)
	}
}

// A playbook that ends well and left everything as it was has mended nothing.
func TestWhatTheScanStillFindsIsNotDone(t *testing.T) {
	w := attackedShops(t, 2)
	for i := range 2 {
		w.breaks(shop(i), func(h *ansibletest.Host) { h.Holds = true })
	}
	w.decides(time.Hour, "ben", "ansible")

	w.plays(3 * day)

	r := w.record()
	expectStatuses(t, r, "failed", "stopped")
	w.told(r, "the scan still finds CVE-2011-2523")
}
