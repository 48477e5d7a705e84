package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// firstSeen is the shipped hunt for logins from new addresses.
const firstSeen = "H-0002"

// TestHunt follows a hunt from its schedule to a closed incident, and the operator's commands around it.
func TestHunt(t *testing.T) {
	o, _ := newSite(t, lab.Options{Events: lab.RecordedAttack(), Pace: lab.Pace{Quiet: 3 * time.Second}})
	shipped, err := os.ReadFile(filepath.Join(shared.Root(t), "rules", "content", "hunts", "first-seen-login-address.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	own := o.content("hunts/first-seen-login-address.yaml", strings.Replace(string(shipped), "opens: false", "opens: true", 1))
	o.up()
	temporal, err := o.config.Temporal.DialOnce(t.Context(), quietLogger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(temporal.Close)
	o.logins()

	o.trigger(temporal, firstSeen)
	o.await(time.Minute, "the schedule's outcome", func() bool { return len(o.outcomes(firstSeen)) == 1 })
	outcome := o.outcomes(firstSeen)[0]
	if outcome.Outcome != activities.Proved || len(outcome.Proofs) != 1 || outcome.Proofs[0].Values["data.srcip"] != "198.51.100.99" || outcome.Watermarks["wazuh"].IsZero() {
		t.Errorf("outcome %+v", outcome)
	}
	r := o.awaitIncidents(1, 5*time.Minute)["incident/account/deploy"]
	if r.Status != "closed" || len(r.Brief.Rules) != 1 || r.Brief.Rules[0].ID != "hunt/"+firstSeen || r.Brief.Detections != 1 {
		t.Errorf("incident %+v", r)
	}

	var again activities.HuntOutcome
	if err := json.Unmarshal([]byte(o.operator(0, "hunt", "run", firstSeen, "-o", "json")), &again); err != nil || again.Outcome != activities.Disproved {
		t.Errorf("by hand: %+v, %v; want it disproved: the address is known now", again, err)
	}
	if said := o.operator(0, "hunt", "run", "H-0001"); !strings.Contains(said, "H-0001 inconclusive: ") || !strings.Contains(said, "as known at ") {
		t.Errorf("hunt run says %s", said)
	}
	if said := o.operator(1, "hunt", "run", "H-9999"); !strings.Contains(said, "sallyport hunt list") {
		t.Errorf("an unknown hunt: %s", said)
	}
	if got := len(o.ledger()); got != 1 || len(o.records()) != 1 {
		t.Errorf("%d detections and %d incidents after two runs, want one of each", got, len(o.records()))
	}
	o.expectSchedules(temporal, string(shipped), own)
}

// expectSchedules adds a hunt, spoils it, and takes it away: the schedules follow, and a spoiled file changes nothing.
func (o *office) expectSchedules(temporal client.Client, shipped, own string) {
	o.t.Helper()
	added := o.content("hunts/another.yaml", strings.Replace(shipped, firstSeen, "H-0100", 1))
	if said := o.operator(0, "hunt", "apply"); said != "scheduled H-0001\nscheduled H-0002\nscheduled H-0100\n" {
		o.t.Errorf("apply says %q", said)
	}
	o.expectScheduled(temporal, "H-0100", true)
	o.content("hunts/another.yaml", strings.NewReplacer(firstSeen, "H-0100", "lookback: 2h", "lookback: soon").Replace(shipped))
	if said := o.operator(2, "hunt", "apply"); !strings.Contains(said, "hunts/another.yaml:10:11: lookback is a text, not a duration; write it as lookback: 24h") {
		o.t.Errorf("apply of a spoiled hunt says %q", said)
	}
	o.expectScheduled(temporal, "H-0100", true)
	for _, file := range []string{added, own} {
		if err := os.Remove(file); err != nil {
			o.t.Fatal(err)
		}
	}
	if said := o.operator(0, "hunt", "apply"); said != "scheduled H-0001\nscheduled H-0002\nremoved H-0100\n" {
		o.t.Errorf("apply without it says %q", said)
	}
	o.expectScheduled(temporal, "H-0100", false)
	o.expectScheduled(temporal, firstSeen, true)
}

func (o *office) expectScheduled(temporal client.Client, id string, want bool) {
	o.t.Helper()
	_, err := temporal.ScheduleClient().GetHandle(o.t.Context(), "hunt/"+id).Describe(o.t.Context())
	_, gone := errors.AsType[*serviceerror.NotFound](err)
	if err != nil && !gone || gone == want {
		o.t.Errorf("schedule of %s: %v, want it there: %v", id, err, want)
	}
}

// content writes a file of the office's own content.
func (o *office) content(name, text string) (path string) {
	o.t.Helper()
	path = filepath.Join(filepath.Dir(o.file), "content", filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return path
}

// operator calls a command as an operator does, wants its exit code, and returns what it says.
func (o *office) operator(code int, args ...string) string {
	o.t.Helper()
	output, got := run(o.t, time.Minute, append(args, "--config", o.file)...)
	if got != code {
		o.t.Errorf("%v: exit %d, want %d: %s", args, got, code, output)
	}
	return output
}

func (o *office) trigger(temporal client.Client, id string) {
	o.t.Helper()
	if err := temporal.ScheduleClient().GetHandle(o.t.Context(), "hunt/"+id).Trigger(o.t.Context(), client.ScheduleTriggerOptions{}); err != nil {
		o.t.Fatal(err)
	}
}

// logins stores a month of logins from known addresses and one from elsewhere, and waits until all have been read.
func (o *office) logins() {
	o.t.Helper()
	var docs []opensearch.NewDocument
	add := func(ago time.Duration, account, address string) {
		docs = append(docs, opensearch.NewDocument{
			Index: strings.Replace(o.config.Detect.Streams[0].Index, "*", "logins", 1), ID: fmt.Sprint("login-", len(docs)),
			Doc: map[string]any{
				"@timestamp": time.Now().Add(-ago).UTC().Format(time.RFC3339Nano), "agent": map[string]any{"id": "004", "name": "shop-01"},
				"rule": map[string]any{"id": "5715", "level": 3, "groups": []string{"sshd", "authentication_success"}},
				"data": map[string]any{"srcip": address, "dstuser": account},
			},
		})
	}
	for i := range 50 {
		add(3*time.Hour+time.Duration(i)*13*time.Hour, "deploy", "192.0.2.7")
		add(time.Duration(i+1)*time.Minute, "deploy", "192.0.2.7")
	}
	add(time.Minute, "deploy", "198.51.100.99")
	if _, err := o.state.CreateAll(o.t.Context(), docs); err != nil {
		o.t.Fatal(err)
	}
	stored := time.Now()
	o.await(time.Minute, "the watermark passes the logins", func() bool {
		held, err := opensearch.NewCursors(o.state).Load(o.t.Context(), "stream/wazuh/0-of-1")
		if err != nil && !making(err) {
			o.t.Fatal(err)
		}
		return held.Watermark.After(stored)
	})
}

// outcomes are those that are recorded of a hunt.
func (o *office) outcomes(id string) (list []activities.HuntOutcome) {
	o.t.Helper()
	if err := o.state.Refresh(o.t.Context(), "sallyport-hunts"); err != nil && !opensearch.Gone(err) {
		o.t.Fatal(err)
	}
	var found opensearch.Result
	body := map[string]any{"size": 100, "query": map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"term": map[string]any{"hunt": id}}, map[string]any{"exists": map[string]any{"field": "outcome"}},
	}}}}
	if err := o.state.Search(o.t.Context(), "sallyport-hunts", body, &found); err != nil {
		o.t.Fatal(err)
	}
	for _, d := range found.Documents() {
		var outcome activities.HuntOutcome
		if err := json.Unmarshal(d.Source, &outcome); err != nil {
			o.t.Fatal(err)
		}
		list = append(list, outcome)
	}
	return list
}
