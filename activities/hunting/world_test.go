package hunting_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/hunting"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/content"
)

// The shipped hunts.
const (
	rareParentChild = "H-0001"
	firstSeenLogin  = "H-0002"
)

// world is an office whose alerts are hunted in: a cluster, the shipped hunts, and a clock.
type world struct {
	*testing.T
	address, prefix string
	client          *opensearch.Client
	hunting         *hunting.Hunting
	server          *opensearchtest.Server // nil on a real one
	now             time.Time
	marks           map[string]time.Time
	runs, docs      int
}

// onBoth runs a test against the stand-in and against a real server.
func onBoth(t *testing.T, test func(w *world)) {
	t.Run("stand-in", func(t *testing.T) {
		server := opensearchtest.NewServer(t)
		test(newWorld(t, server, server.URL, "it-"))
	})
	t.Run("real", func(t *testing.T) {
		address, prefix := opensearchtest.Real(t)
		test(newWorld(t, nil, address, prefix))
	})
}

func newWorld(t *testing.T, server *opensearchtest.Server, address, prefix string) *world {
	t.Helper()
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, address: address, prefix: prefix, client: client, server: server, now: time.Now().UTC().Truncate(time.Millisecond)}
	w.known(w.now)
	w.hunting = &hunting.Hunting{
		Sources: []fs.FS{content.Files}, Streams: map[string]hunting.Stream{"wazuh": {Cluster: client, Index: prefix + "alerts-*"}},
		State: client, Ledger: opensearch.NewLedger(client), Now: func() time.Time { return w.now },
		Watermarks: func(context.Context) (map[string]time.Time, error) { return w.marks, nil },
	}
	return w
}

// known sets the watermark.
func (w *world) known(at time.Time) { w.marks = map[string]time.Time{"wazuh": at} }

// index creates an index of alerts with the types that Wazuh gives them.
func (w *world) index(name string) {
	w.Helper()
	var template struct {
		Template map[string]any `json:"template"`
	}
	if err := json.Unmarshal(wazuhtest.Templates()["wazuh-alerts"], &template); err != nil {
		w.Fatal(err)
	}
	body := map[string]any{"settings": map[string]any{"number_of_replicas": 0}}
	maps.Copy(body, template.Template)
	if err := w.client.CreateIndex(w.Context(), w.prefix+name, body); err != nil {
		w.Fatal(err)
	}
}

// unassigned creates an index whose shard no node may have: a red one.
func (w *world) unassigned(name string) {
	w.Helper()
	text := `{"settings":{"number_of_replicas":0,"index.routing.allocation.require._name":"nowhere"}}`
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPut, w.address+"/"+w.prefix+name+"?wait_for_active_shards=0", strings.NewReader(text))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		w.Fatalf("create a red index: %s", resp.Status)
	}
}

// event is an alert that is not stored yet.
type event map[string]any

// started is a process that another one started on a host, as Sysmon tells Wazuh.
func (w *world) started(ago time.Duration, host, parent, child string) event {
	return event{
		"@timestamp": w.now.Add(-ago).Format(time.RFC3339Nano), "agent": map[string]any{"id": "007", "name": host},
		"data": map[string]any{"win": map[string]any{
			"system":    map[string]any{"eventID": "1", "channel": "Microsoft-Windows-Sysmon/Operational"},
			"eventdata": map[string]any{"parentImage": parent, "image": child},
		}},
	}
}

// login is a successful login of an account from an address.
func (w *world) login(ago time.Duration, account, address string) event {
	return event{
		"@timestamp": w.now.Add(-ago).Format(time.RFC3339Nano), "agent": map[string]any{"id": "004", "name": "shop-01"},
		"rule": map[string]any{"id": "5715", "level": 3, "groups": []string{"syslog", "sshd", "authentication_success"}},
		"data": map[string]any{"srcip": address, "dstuser": account},
	}
}

// store writes events into an index and makes them visible.
func (w *world) store(name string, events ...event) {
	w.Helper()
	var docs []opensearch.NewDocument
	for _, e := range events {
		docs = append(docs, opensearch.NewDocument{Index: w.prefix + name, ID: fmt.Sprintf("e-%d", w.docs), Doc: e})
		w.docs++
	}
	for len(docs) > 0 {
		part := docs[:min(500, len(docs))]
		if _, err := w.client.CreateAll(w.Context(), part); err != nil {
			w.Fatal(err)
		}
		docs = docs[len(part):]
	}
	if err := w.client.Refresh(w.Context(), w.prefix+name); err != nil {
		w.Fatal(err)
	}
}

// hunt runs a hunt as its workflow does, and records its outcome; the record is written twice, as a retry would.
func (w *world) hunt(id string) activities.HuntOutcome {
	w.Helper()
	w.runs++
	snapshot, err := w.hunting.ReadHunt(w.Context(), activities.HuntRequest{ID: id, Run: fmt.Sprintf("run-%d", w.runs)})
	if err != nil {
		w.Fatal(err)
	}
	outcome, err := w.hunting.RunHunt(w.Context(), snapshot)
	if err != nil {
		w.Fatal(err)
	}
	for range 2 {
		if _, err := w.hunting.RecordHunt(w.Context(), activities.HuntRecord{Hunt: snapshot, Outcome: outcome}); err != nil {
			w.Fatal(err)
		}
	}
	w.expectRecorded(outcome)
	return outcome
}

// expectRecorded wants the outcome to be found again, as known at its watermark.
func (w *world) expectRecorded(want activities.HuntOutcome) {
	w.Helper()
	d, found, err := w.client.Get(w.Context(), "sallyport-hunts", want.Hunt+"-"+want.Run)
	var got activities.HuntOutcome
	if err != nil || !found || json.Unmarshal(d.Source, &got) != nil {
		w.Fatalf("outcome of %s: found %v, %v", want.Run, found, err)
	}
	if got.Outcome != want.Outcome || got.Reason != want.Reason || len(got.Proofs) != len(want.Proofs) || !got.Watermarks["wazuh"].Equal(w.marks["wazuh"]) {
		w.Errorf("recorded %+v, want %+v as known at %v", got, want, w.marks)
	}
}

// expect wants an outcome, and its reason to say why.
func (w *world) expect(o activities.HuntOutcome, outcome, reason string) {
	w.Helper()
	if o.Outcome != outcome || !strings.Contains(o.Reason, reason) {
		w.Errorf("%s is %s (%s), want %s (%s)", o.Hunt, o.Outcome, o.Reason, outcome, reason)
	}
	if outcome == activities.Inconclusive && len(o.Proofs) > 0 {
		w.Errorf("inconclusive with proofs: %+v", o.Proofs)
	}
}

// ledger is every detection of a hunt.
func (w *world) ledger(id string) (list []soar.Detection) {
	w.Helper()
	if err := w.client.Refresh(w.Context(), opensearch.LedgerPattern); err != nil {
		w.Fatal(err)
	}
	var found opensearch.Result
	body := map[string]any{"size": 200, "query": map[string]any{"term": map[string]any{"rule.id": "hunt/" + id}}}
	if err := w.client.Search(w.Context(), opensearch.LedgerPattern, body, &found); err != nil {
		w.Fatal(err)
	}
	for _, d := range found.Documents() {
		var detection soar.Detection
		if err := json.Unmarshal(d.Source, &detection); err != nil {
			w.Fatal(err)
		}
		list = append(list, detection)
	}
	return list
}
