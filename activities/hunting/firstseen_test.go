package hunting_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// habits are the logins of a month: three accounts, each from its own address, up to two hours ago.
func (w *world) habits() (events []event) {
	for i := range 60 {
		events = append(events, w.login(3*time.Hour+time.Duration(i)*11*time.Hour, fmt.Sprintf("user-%d", i%3), fmt.Sprintf("192.0.2.%d", 10+i%3)))
	}
	return events
}

// today are the same accounts within the hunt's window.
func (w *world) today() (events []event) {
	for i := range 24 {
		events = append(events, w.login(time.Duration(i+3)*time.Minute, fmt.Sprintf("user-%d", i%3), fmt.Sprintf("192.0.2.%d", 10+i%3)))
	}
	return events
}

func TestFirstSeenAddress(t *testing.T) {
	onBoth(t, func(w *world) {
		w.index("alerts-new")
		w.index("alerts-old")
		w.store("alerts-new", w.today()...)
		w.expect(w.hunt(firstSeenLogin), activities.Inconclusive, "the baseline holds 0 documents, and fewer than 20 prove nothing")
		w.store("alerts-old", w.habits()...)
		w.expect(w.hunt(firstSeenLogin), activities.Disproved, "nothing among 24 documents")

		// an address that another account uses is new for this one
		w.store("alerts-new", w.login(10*time.Minute, "user-0", "192.0.2.11"), w.login(20*time.Minute, "user-0", "192.0.2.11"))
		outcome := w.hunt(firstSeenLogin)
		w.expect(outcome, activities.Proved, "1 of them among 26 documents")
		if len(outcome.Proofs) != 1 || outcome.Proofs[0].Entity != "user-0" || outcome.Proofs[0].Values["data.srcip"] != "192.0.2.11" || outcome.Proofs[0].Count != 2 {
			w.Errorf("proofs %+v", outcome.Proofs)
		}
		w.expect(w.hunt(firstSeenLogin), activities.Disproved, "nothing among 26 documents")
		list := w.ledger(firstSeenLogin)
		if len(list) != 1 || !list[0].EventTime.Equal(w.now.Add(-20*time.Minute)) {
			w.Fatalf("detections %+v, want one, of the first login", list)
		}
		if list[0].Entity != (soar.Entity{Family: "account", Name: "user-0"}) || !slices.Contains(list[0].Observables, soar.Observable{Type: "ip", Value: "192.0.2.11"}) {
			w.Errorf("detection %+v", list[0])
		}
	})
}

// The baseline outlives the indices that it was made from, and what was seen again in time is not forgotten.
func TestBaselinePersists(t *testing.T) {
	onBoth(t, func(w *world) {
		w.index("alerts-old")
		w.store("alerts-old", w.habits()...)
		w.index("alerts-new")
		w.store("alerts-new", w.today()...)
		w.expect(w.hunt(firstSeenLogin), activities.Disproved, "")
		w.delete("alerts-old")
		w.expect(w.hunt(firstSeenLogin), activities.Disproved, "nothing among 24 documents")
		if known := w.baseline(); strings.Contains(known, "user-0") || strings.Contains(known, "192.0.2.10") {
			w.Errorf("the baseline is a list of accounts and addresses: %s", known)
		}

		w.now = w.now.Add(20 * 24 * time.Hour)
		w.known(w.now)
		w.store("alerts-new", w.today()...)
		w.expect(w.hunt(firstSeenLogin), activities.Disproved, "")
		w.now = w.now.Add(20 * 24 * time.Hour) // 40 days after the first, 20 after they were seen again
		w.known(w.now)
		w.store("alerts-new", w.today()...)
		w.store("alerts-new", w.login(5*time.Minute, "user-2", "203.0.113.5"))
		w.expect(w.hunt(firstSeenLogin), activities.Proved, "1 of them")
		w.now = w.now.Add(24 * time.Hour)
		w.known(w.now)
		w.store("alerts-new", w.today()...)
		w.expect(w.hunt(firstSeenLogin), activities.Disproved, "")
	})
}

// What happened while nobody hunted is looked at by the next run, though it is older than the hunt looks back.
func TestNobodyHuntedForAWhile(t *testing.T) {
	onBoth(t, func(w *world) {
		w.index("alerts-1")
		w.store("alerts-1", slices.Concat(w.habits(), w.today())...)
		w.expect(w.hunt(firstSeenLogin), activities.Disproved, "")
		w.now = w.now.Add(30 * time.Hour)
		w.known(w.now)
		w.store("alerts-1", w.today()...)
		w.store("alerts-1", w.login(9*time.Hour, "user-1", "203.0.113.77"))
		outcome := w.hunt(firstSeenLogin)
		w.expect(outcome, activities.Proved, "1 of them")
		if len(outcome.Proofs) != 1 || outcome.Proofs[0].Values["data.srcip"] != "203.0.113.77" {
			w.Errorf("proofs %+v", outcome.Proofs)
		}
	})
}

// More than one outcome can keep: each is proved in the end, and once.
func TestMoreProofsThanOneOutcomeKeeps(t *testing.T) {
	onBoth(t, func(w *world) {
		w.index("alerts-1")
		w.store("alerts-1", slices.Concat(w.habits(), w.today())...)
		var strangers []event
		for i := range 150 {
			strangers = append(strangers, w.login(time.Minute, "user-0", fmt.Sprintf("198.51.100.%d", i)))
		}
		w.store("alerts-1", strangers...)
		w.expect(w.hunt(firstSeenLogin), activities.Proved, "150 of them among 174 documents; the first 100 are kept")
		w.expect(w.hunt(firstSeenLogin), activities.Proved, "50 of them")
		w.expect(w.hunt(firstSeenLogin), activities.Disproved, "")
		if got := len(w.ledger(firstSeenLogin)); got != 150 {
			w.Errorf("%d detections, want 150", got)
		}
	})
}

func (w *world) delete(name string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodDelete, w.address+"/"+w.prefix+name, nil)
	if err != nil {
		w.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		w.Fatalf("delete %s: %s", name, resp.Status)
	}
}

// baseline is the stored one, as it lies there.
func (w *world) baseline() string {
	w.Helper()
	d, found, err := w.client.Get(w.Context(), "sallyport-hunts", "baseline-"+firstSeenLogin)
	if err != nil || !found || !json.Valid(d.Source) {
		w.Fatalf("baseline: found %v, %v", found, err)
	}
	return string(d.Source)
}
