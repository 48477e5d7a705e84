package catalog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/catalog"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// running is Temporal's frontend as far as it knows which workflows run: their first run ids by workflow id.
type running struct {
	client.Client
	runs map[string]string
}

func (r running) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	run, there := r.runs[id]
	if !there {
		return nil, serviceerror.NewNotFound("no workflow " + id)
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Status: enums.WORKFLOW_EXECUTION_STATUS_RUNNING, FirstRunId: run,
	}}, nil
}

// desk is role respond over a state cluster.
type desk struct {
	*testing.T
	env    *testsuite.TestActivityEnvironment
	ledger *opensearch.Ledger
	state  *opensearch.Client
	runs   map[string]string
}

func newDesk(t *testing.T, burst int) *desk {
	t.Helper()
	state, err := opensearch.Open(t.Context(), opensearch.Config{URL: opensearchtest.NewServer(t).URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	systems, err := catalog.Open(t.Context(), catalog.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var suite testsuite.WorkflowTestSuite
	d := &desk{T: t, env: suite.NewTestActivityEnvironment(), ledger: opensearch.NewLedger(state), state: state, runs: map[string]string{}}
	systems.BindRespond(d.env, catalog.House{
		Ledger: d.ledger, Records: opensearch.NewRecords(state), Frontend: frontend.New(running{runs: d.runs}),
		Tokens: opensearch.NewTokens(state, burst, 1, time.Now),
	})
	return d
}

// waits writes a detection that nobody has claimed for an hour.
func (d *desk) waits(entity soar.Entity) soar.DetectionRef {
	d.Helper()
	hour := time.Now().Add(-time.Hour).UTC()
	one := soar.Detection{
		Rule: soar.Rule{ID: "r", Title: "rule", Level: soar.High}, Opens: true, Stream: "wazuh", Entity: entity,
		Event: soar.EventRef{IndexUUID: "u", Index: "wazuh-1", ID: entity.String()}, EventTime: hour, ReadAt: hour,
	}
	if _, err := d.ledger.Write(d.Context(), []opensearch.Entry{{Detection: one, IndexCreated: hour}}); err != nil {
		d.Fatal(err)
	}
	return opensearch.DetectionRefFor(one, hour)
}

func (d *desk) sweeps() (entities map[string]bool) {
	d.Helper()
	value, err := d.env.ExecuteActivity(activities.ListUnclaimed.Name, activities.SweepRequest{Older: time.Minute})
	if err != nil {
		d.Fatal(err)
	}
	var sweep activities.Sweep
	if err := value.Get(&sweep); err != nil {
		d.Fatal(err)
	}
	entities = map[string]bool{}
	for _, news := range sweep.Unclaimed {
		entities[news.Entity.String()] = true
	}
	return entities
}

// TestSweepTakesTokens: an incident that runs is told, Sallyport's own as well, and of new ones no more than tokens.
func TestSweepTakesTokens(t *testing.T) {
	d := newDesk(t, 2)
	for i := range 6 {
		d.waits(soar.Entity{Family: "host", Name: fmt.Sprintf("h-%d", i)})
	}
	d.waits(soar.Entity{Family: soar.OwnFamily, Name: "dispatcher"})
	d.runs["incident/host/h-5"] = "run-5"
	found := d.sweeps()
	if len(found) != 4 || !found["host/h-0"] || !found["host/h-1"] || !found["host/h-5"] || !found["sallyport/dispatcher"] {
		t.Errorf("with two tokens the sweep lists %v", found)
	}
	if again := d.sweeps(); len(again) != 2 || !again["host/h-5"] || !again["sallyport/dispatcher"] {
		t.Errorf("without a token the sweep lists %v", again)
	}
}

// TestFreeClaims: what an incident has claimed that neither runs nor has a record is unclaimed again; what any other has
// claimed stays its own.
func TestFreeClaims(t *testing.T) {
	d := newDesk(t, 10)
	refs := map[string]soar.DetectionRef{}
	for _, name := range []string{"dead", "replaced", "running", "recorded"} {
		refs[name] = d.waits(soar.Entity{Family: "host", Name: name})
		claim := activities.ClaimRequest{Incident: "run-of-" + name, Detections: []soar.DetectionRef{refs[name]}}
		if _, err := d.ledger.Claim(t.Context(), claim); err != nil {
			t.Fatal(err)
		}
	}
	d.runs["incident/host/running"] = "run-of-running"
	d.runs["incident/host/replaced"] = "a later run"
	if _, err := opensearch.NewRecords(d.state).WriteRecord(t.Context(), activities.IncidentRecord{ID: "run-of-recorded", Key: "incident/host/recorded"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[run-of-dead run-of-replaced] 2", "[] 0"} {
		value, err := d.env.ExecuteActivity(activities.FreeClaims.Name, activities.SweepRequest{Older: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		var freed activities.Freed
		if err := value.Get(&freed); err != nil || fmt.Sprint(freed.Incidents, " ", freed.Detections) != want {
			t.Errorf("freed: %v %v, %v; want %s", freed.Incidents, freed.Detections, err, want)
		}
	}
	for name, ref := range refs {
		detections, err := d.ledger.Detections(t.Context(), []soar.DetectionRef{ref})
		if err != nil {
			t.Fatal(err)
		}
		free := name == "dead" || name == "replaced"
		if got := detections[0]; (got.IncidentID == "") != free || got.Rule.Title != "rule" || got.Entity.Name != name {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if found := d.sweeps(); len(found) != 2 || !found["host/dead"] || !found["host/replaced"] {
		t.Errorf("the sweep lists %v", found)
	}
}
