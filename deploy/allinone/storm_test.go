package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

const (
	stormSize   = 100_000
	stormEvents = 4000 // of all runs' histories together
	stormMemory = 600  // megabytes of the whole program, Temporal's server in it
)

// TestStormOfOneEntity: a hundred thousand events that match, on one host, within a minute, in a real OpenSearch: one
// incident, one case, one question, every detection counted once.
func TestStormOfOneEntity(t *testing.T) {
	address, _ := opensearchtest.Real(t)
	o, _ := newSite(t, lab.Options{OpenSearch: address, Events: lab.RecordedAttack(), Pace: lab.Pace{Quiet: 2 * time.Minute}})
	up := o.up()
	began := time.Now()
	o.storm(stormSize)
	t.Logf("%d events written in %s", stormSize, time.Since(began).Round(time.Second))
	record := o.awaitClosed(12 * time.Minute)

	if record.Brief.Detections != stormSize {
		t.Errorf("the incident counts %d detections, want %d", record.Brief.Detections, stormSize)
	}
	if n := o.claimedBy(record.ID); n != stormSize {
		t.Errorf("%d detections of the ledger are the incident's, want %d", n, stormSize)
	}
	if cases := o.look().Cases; len(cases) != 1 {
		t.Errorf("%d cases, want one", len(cases))
	}
	asked := map[string]int{}
	for _, a := range record.Actions {
		if a.Mode == soar.Ask {
			asked[a.Kind]++
		}
	}
	if fmt.Sprint(asked) != "map[block_address:1 patch:1]" {
		t.Errorf("people were asked for %v, want one block and one patch", asked)
	}
	events, runs := o.history(record)
	if events > stormEvents {
		t.Errorf("%d events of history in %d runs, want at most %d", events, runs, stormEvents)
	}
	memory := residentPeak(t, up.command.Process.Pid)
	if memory > stormMemory {
		t.Errorf("%d MB resident at most, want %d", memory, stormMemory)
	}
	t.Logf("closed after %s; %d events of history in %d runs; %d MB resident at most", time.Since(began).Round(time.Second), events, runs, memory)
}

// storm writes so many alerts of one attack.
func (o *office) storm(n int) {
	o.t.Helper()
	index := strings.TrimSuffix(o.config.Detect.Streams[0].Index, "*") + time.Now().UTC().Format("2006.01.02")
	var docs []opensearch.NewDocument
	for i := range n {
		now := time.Now().UTC()
		docs = append(docs, opensearch.NewDocument{Index: index, ID: fmt.Sprint("storm-", i), Doc: map[string]any{
			"timestamp": now.Format("2006-01-02T15:04:05.000-0700"), "@timestamp": now, "id": fmt.Sprintf("%d.%d", now.Unix(), i),
			"rule":  map[string]any{"id": "5763", "level": 10, "description": "sshd: brute force trying to get access to the system."},
			"agent": map[string]any{"id": "004", "name": "shop-01", "ip": "10.20.0.14"},
			"data":  map[string]any{"srcip": "203.0.113.66", "srcport": strconv.Itoa(1024 + i%60000), "dstuser": "deploy"},
		}})
		if len(docs) < 5000 && i < n-1 {
			continue
		}
		created, err := o.state.CreateAll(o.t.Context(), docs)
		if err != nil || len(created) != len(docs) {
			o.t.Fatal(err)
		}
		docs = docs[:0]
	}
}

// claimedBy counts the detections that bear the incident's id.
func (o *office) claimedBy(incident string) int {
	o.t.Helper()
	if err := o.state.Refresh(o.t.Context(), opensearch.LedgerPattern); err != nil {
		o.t.Fatal(err)
	}
	n, err := o.state.Count(o.t.Context(), opensearch.LedgerPattern, map[string]any{"term": map[string]any{"incident_id": incident}})
	if err != nil {
		o.t.Fatal(err)
	}
	return int(n)
}

// history is the number of events of all runs of an incident.
func (o *office) history(record activities.IncidentRecord) (events, runs int) {
	o.t.Helper()
	temporal, err := o.config.Temporal.DialOnce(o.t.Context(), quietLogger())
	if err != nil {
		o.t.Fatal(err)
	}
	defer temporal.Close()
	answer, err := temporal.ListWorkflow(o.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: fmt.Sprintf("WorkflowId = %q", record.Key)})
	if err != nil {
		o.t.Fatal(err)
	}
	for _, run := range answer.GetExecutions() {
		events += int(run.GetHistoryLength())
	}
	return events, len(answer.GetExecutions())
}

// residentPeak is the most memory that a process had, in megabytes; 0 where the system does not tell.
func residentPeak(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	var kilobytes int
	if err := json.Unmarshal(found[1], &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes >> 10
}
