package workflows_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// busyUntil keeps the firewall busy with the first change until so many wishes were sent.
func (w *world) busyUntil(wishes int) {
	release := w.office.Firewall.Faults.Hold(1, http.MethodPatch)
	w.front.wished = func(n int) {
		if n >= wishes {
			release()
		}
	}
}

// The first wish keeps the firewall busy; what comes meanwhile goes out together, in one change.
func TestDeviceTakesWishesTogetherAndAnswersEach(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, time.Hour))))
	w.known()
	w.busyUntil(6)
	before := w.office.Firewall.Applies()
	w.attacked(time.Second, bare, many)
	w.at(30*time.Minute, func() {
		if got := states(w.record()); got["contained"] != 6 {
			t.Errorf("the six stand as %v", got)
		}
		if n := w.office.Firewall.Applies() - before; n < 1 || n > 3 {
			t.Errorf("six wishes took %d changes", n)
		}
	})

	w.plays(2 * day)

	w.held()
	if got := states(w.record()); got["released"] != 6 {
		t.Errorf("in the end the six stand as %v", got)
	}
}

// A wish that is sent again, because its answer is late, is the same wish.
func TestAWishThatIsRepeatedIsTheSame(t *testing.T) {
	w := newWorld(t, planOf(only(block("pfsense", soar.Auto, 4*time.Hour))))
	w.office.Firewall.Faults.CutAfter(1, http.MethodPatch) // done, and nobody says so
	w.office.Firewall.Faults.FailFor(http.StatusServiceUnavailable, 100*time.Second, http.MethodPost)
	w.attacked(time.Second, bare)
	w.at(time.Hour, func() {
		var ours []string
		for _, line := range w.office.Firewall.Details() {
			if strings.HasPrefix(line, attacker) {
				ours = append(ours, line)
			}
		}
		if len(ours) != 1 || strings.Count(ours[0], w.record().ID) != 1 {
			t.Errorf("the alias says %v", ours)
		}
		w.held("pfsense " + attacker)
	})

	w.plays(2 * day)

	w.held()
}
