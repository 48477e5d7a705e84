package hunting_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// ordinary is a day of three Windows hosts: pairs that are started again and again.
func (w *world) ordinary() (events []event) {
	for i := range 540 {
		events = append(events, w.started(time.Duration(i+5)*time.Minute, fmt.Sprintf("pc-%d", i%3), `C:\Windows\explorer.exe`, fmt.Sprintf(`C:\Apps\tool-%d.exe`, i%6)))
	}
	return events
}

// What every host does once a day is not rare, though each does it once; what one host does once is.
func TestRareParentChild(t *testing.T) {
	onBoth(t, func(w *world) {
		w.index("alerts-1")
		w.store("alerts-1", w.ordinary()...)
		for i := range 3 {
			w.store("alerts-1", w.started(time.Hour, fmt.Sprintf("pc-%d", i), `C:\Windows\System32\services.exe`, `C:\Windows\update.exe`))
		}
		w.expect(w.hunt(rareParentChild), activities.Disproved, "nothing among 543 documents")
		if got := w.ledger(rareParentChild); len(got) != 0 {
			w.Errorf("a disproved hunt made detections: %+v", got)
		}
		w.store("alerts-1", w.started(30*time.Minute, "PC-1", `C:\Office\WINWORD.EXE`, `C:\Windows\System32\cmd.exe`))
		first := w.hunt(rareParentChild)
		w.expect(first, activities.Proved, "1 of them among 544 documents")
		if len(first.Proofs) != 1 || first.Proofs[0].Entity != "PC-1" || first.Proofs[0].Count != 1 {
			w.Errorf("proofs %+v", first.Proofs)
		}
		w.expect(w.hunt(rareParentChild), activities.Proved, "1 of them")
		list := w.ledger(rareParentChild)
		if len(list) != 1 {
			w.Fatalf("the same hunt twice: %d detections, want one", len(list))
		}
		d := list[0]
		if d.Entity != (soar.Entity{Family: "host", Name: "pc-1"}) || d.Asset.Name != "pc-1" || d.Opens || d.Rule.Level != soar.Medium || !slices.Contains(d.Techniques, "T1059") {
			w.Errorf("detection %+v", d)
		}
		if !d.EventTime.Equal(w.now.Add(-30*time.Minute)) || d.Event.IndexUUID == "" || d.Stream != "wazuh" {
			w.Errorf("its event is %+v at %s", d.Event, d.EventTime)
		}
		if !slices.Contains(d.Observables, soar.Observable{Type: "file", Value: `C:\Windows\System32\cmd.exe`}) {
			w.Errorf("observables %+v", d.Observables)
		}
	})
}

// Where silence would prove nothing, the outcome says why.
func TestInconclusive(t *testing.T) {
	onBoth(t, func(w *world) {
		w.expect(w.hunt(rareParentChild), activities.Inconclusive, "no index matches "+w.prefix+"alerts-*")
		w.index("alerts-1")
		w.store("alerts-1", w.login(time.Hour, "deploy", "192.0.2.7"))
		w.expect(w.hunt(rareParentChild), activities.Inconclusive, "has data.win.eventdata.parentImage, data.win.eventdata.image, agent.name")
		w.store("alerts-1", w.ordinary()[:100]...)
		w.expect(w.hunt(rareParentChild), activities.Inconclusive, "holds 100 documents, and fewer than 500 prove nothing")
		w.store("alerts-1", w.ordinary()...)
		w.expect(w.hunt(rareParentChild), activities.Disproved, "")

		w.known(w.now.Add(-20 * time.Minute))
		w.expect(w.hunt(rareParentChild), activities.Inconclusive, "the watermark of stream wazuh is 20m0s behind")
		w.marks = nil
		w.expect(w.hunt(rareParentChild), activities.Inconclusive, "stream wazuh has no watermark")
		w.known(w.now)

		if w.server == nil {
			w.unassigned("alerts-2")
		} else {
			w.server.Inject(opensearchtest.Fault{Operation: "search", Path: "alerts-", Partial: true})
			w.server.Inject(opensearchtest.Fault{Operation: "count", Path: "alerts-", Partial: true})
		}
		w.expect(w.hunt(rareParentChild), activities.Inconclusive, "partial data: a shard of "+w.prefix+"alerts-* did not answer")
	})
}

// What was found is a proof, however far the watermark is behind: it stands for itself.
func TestProvedThoughTheWatermarkIsBehind(t *testing.T) {
	onBoth(t, func(w *world) {
		w.index("alerts-1")
		w.store("alerts-1", w.ordinary()...)
		w.store("alerts-1", w.started(5*time.Hour, "pc-1", `C:\Office\WINWORD.EXE`, `C:\Windows\System32\cmd.exe`))
		w.known(w.now.Add(-20 * time.Minute))
		outcome := w.hunt(rareParentChild)
		w.expect(outcome, activities.Proved, "1 of them")
		if !outcome.To.Equal(w.marks["wazuh"]) {
			w.Errorf("the window ends at %s, want the watermark %s", outcome.To, w.marks["wazuh"])
		}
	})
}

// What goes wrong at the wire is an error when asking again may help, else an outcome that says so.
func TestFaults(t *testing.T) {
	server := opensearchtest.NewServer(t)
	w := newWorld(t, server, server.URL, "it-")
	w.index("alerts-1")
	w.store("alerts-1", w.ordinary()...)
	snapshot, err := w.hunting.ReadHunt(t.Context(), activities.HuntRequest{ID: rareParentChild, Run: "r"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		fault  opensearchtest.Fault
		reason string // empty: an error, to be tried again
	}{
		"unreachable":       {opensearchtest.Fault{Operation: "search", CutBefore: true}, ""},
		"overloaded":        {opensearchtest.Fault{Operation: "search", Status: http.StatusTooManyRequests}, ""},
		"down":              {opensearchtest.Fault{Operation: "search", Status: http.StatusServiceUnavailable}, ""},
		"a red shard":       {opensearchtest.Fault{Operation: "search", Status: http.StatusServiceUnavailable, Type: "search_phase_execution_exception"}, "partial data"},
		"time ran out":      {opensearchtest.Fault{Operation: "search", TimedOut: true}, "partial data"},
		"not allowed":       {opensearchtest.Fault{Operation: "search", Status: http.StatusForbidden}, "refuses to answer"},
		"an unknown clause": {opensearchtest.Fault{Operation: "search", Status: http.StatusBadRequest, Type: "parsing_exception"}, "parsing_exception"},
	} {
		t.Run(name, func(t *testing.T) {
			defer server.Inject(tt.fault)()
			outcome, err := w.hunting.RunHunt(t.Context(), snapshot)
			if (err != nil) != (tt.reason == "") {
				t.Fatalf("outcome %+v, error %v", outcome, err)
			}
			if tt.reason != "" {
				w.expect(outcome, activities.Inconclusive, tt.reason)
			}
		})
	}
}

func TestWrongRequests(t *testing.T) {
	server := opensearchtest.NewServer(t)
	w := newWorld(t, server, server.URL, "it-")
	if _, err := w.hunting.ReadHunt(t.Context(), activities.HuntRequest{ID: "H-9999"}); err == nil || !permanent(err) {
		t.Errorf("an unknown hunt: %v", err)
	}
	for name, r := range map[string]activities.HuntRecord{
		"no run":       {Hunt: activities.Hunt{ID: "H-0001"}, Outcome: activities.HuntOutcome{Hunt: "H-0001"}},
		"another hunt": {Hunt: activities.Hunt{ID: "H-0001"}, Outcome: activities.HuntOutcome{Hunt: "H-0002", Run: "r"}},
		"no body":      {Hunt: activities.Hunt{ID: "H-0001"}, Outcome: activities.HuntOutcome{Hunt: "H-0001", Run: "r"}},
	} {
		if _, err := w.hunting.RecordHunt(t.Context(), r); err == nil || !permanent(err) {
			t.Errorf("%s: %v, want a permanent error", name, err)
		}
	}
}

func permanent(err error) bool {
	lasting, ok := errors.AsType[interface {
		error
		Permanent() bool
	}](err)
	return ok && lasting.Permanent()
}
