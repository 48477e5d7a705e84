package workflows_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// huntFor is a hunt for agents that are rare among that many documents.
func huntFor(rare, documents string) fstest.MapFS {
	return fstest.MapFS{"hunts/H-0100.yaml": {Data: []byte(strings.NewReplacer("RARE", rare, "DOCUMENTS", documents).Replace(`
id: H-0100
title: Addresses that attack
hypothesis: Somebody attacks a host, which shows as an address that others do not have.
technique: T1110
tactic: credential-access
level: high
opens: true
stream: wazuh
schedule: "10 5 * * *"
lookback: 24h
query: {exists: {field: data.srcip}}
analysis: {method: rare, by: [agent.name], entity: {family: host, field: agent.name}, max_count: RARE}
min_documents: DOCUMENTS
timeout: 60s
expected_false_positives: none
`))}}
}

func TestHuntTellsWhatItFound(t *testing.T) {
	tests := map[string]struct {
		hunt    fstest.MapFS
		outcome string
	}{
		"proved":       {huntFor("1000", "1"), activities.Proved},
		"disproved":    {huntFor("1", "1"), activities.Disproved},
		"inconclusive": {huntFor("1", "100000"), activities.Inconclusive},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.hunt)
			w.attackRecorded()
			w.start("hunt/H-0100", "Hunt", activities.HuntRequest{ID: "H-0100"})
			w.startAt(time.Minute, "hunt/H-0100", "Hunt", activities.HuntRequest{ID: "H-0100"}) // as its schedule does

			w.plays(time.Hour)

			var o activities.HuntOutcome
			if err := w.front.result("hunt/H-0100", &o); err != nil {
				t.Fatal(err)
			}
			if o.Outcome != tt.outcome || o.Reason == "" || o.Watermarks["wazuh"].IsZero() {
				t.Errorf("it ends as %s (%s), as known at %v", o.Outcome, o.Reason, o.Watermarks)
			}
			kept := w.office.Search.Documents("sallyport-hunts")
			if len(kept) != 2 {
				t.Errorf("of two runs %d outcomes are kept", len(kept))
			}
			ledger := w.office.Search.Documents("sallyport-detections-*")
			if proved := tt.outcome == activities.Proved; (len(ledger) == 1) != proved || len(ledger) > 1 {
				t.Errorf("the ledger has %d detections", len(ledger))
			}
		})
	}
}

// attackRecorded puts the recorded attack's events into the streams, and waits until searches see them.
func (w *world) attackRecorded() {
	w.t.Helper()
	if _, err := w.office.Play(context.Background(), lab.RecordedAttack()); err != nil {
		w.t.Fatal(err)
	}
	if err := w.state.Refresh(context.Background(), "wazuh-alerts-*"); err != nil {
		w.t.Fatal(err)
	}
}

// What a hunt proves takes the way of every detection.
func TestWhatAHuntProvesBecomesAnIncident(t *testing.T) {
	w := newWorld(t, huntFor("1000", "1"), planOf(only(block("wazuh", soar.Ask, time.Hour))))
	w.attackRecorded()
	w.start("hunt/H-0100", "Hunt", activities.HuntRequest{ID: "H-0100"})
	w.startAt(time.Minute, "reconcile", "Reconcile", time.Millisecond)

	w.plays(2 * day)

	r := w.record()
	if r.Key != host || len(r.Brief.Rules) != 1 || r.Brief.Rules[0].ID != "hunt/H-0100" || r.Closed == nil {
		t.Errorf("the record: %s, rules %+v, %s", r.Key, r.Brief.Rules, r.Status)
	}
	for _, text := range w.office.Search.Documents("sallyport-detections-*") {
		var d soar.Detection
		if err := json.Unmarshal(text, &d); err != nil || d.IncidentID != r.ID {
			t.Errorf("detection %+v, %v", d, err)
		}
	}
}

func TestAHuntThatIsNotThereFails(t *testing.T) {
	w := newWorld(t)
	w.mayFail = true
	w.start("hunt/H-9999", "Hunt", activities.HuntRequest{ID: "H-9999"})

	w.plays(time.Hour)

	if len(w.front.failed) == 0 || !strings.Contains(w.front.failed[0].Error(), `no hunt "H-9999"`) {
		t.Errorf("it failed with %v", w.front.failed)
	}
}
