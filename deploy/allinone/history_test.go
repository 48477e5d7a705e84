package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/workflows"
)

// recordVariable lets TestRecordHistories write what workflows.TestReplay replays.
const recordVariable = "SALLYPORT_RECORD_HISTORIES"

// TestRecordHistories records the histories of the recorded attack, one file per behaviour, into workflows/testdata/replay.
// It is no test: without the variable it is skipped.
func TestRecordHistories(t *testing.T) {
	if os.Getenv(recordVariable) == "" {
		t.Skipf("records histories for replays when %s is set", recordVariable)
	}
	o := newOffice(t)
	o.editPlan("for: 12s", "for: 25s")
	o.up()
	r := newRecorder(o)
	o.play()
	r.recordWhen("incident_waits_for_people", func(i activities.IncidentRecord) string { return waits(i, i.Key) })
	r.recordWhen("remediation_waits_for_people", func(i activities.IncidentRecord) string {
		return waits(i, workflows.RemediateID(byKind(i, soar.Patch).ID))
	})
	r.recordWhen("containment_held", func(i activities.IncidentRecord) string { return contained(i, "pfsense") })
	closed := o.awaitClosed(5 * time.Minute)
	r.record("incident_closed", closed.Key)
	r.record("remediation_proved", workflows.RemediateID(byKind(closed, soar.Patch).ID))
	r.record("containment_released", activities.ContainID(blockOn(closed, "wazuh").ID))
	r.record("containment_released_by_its_device", activities.ContainID(blockOn(closed, "pfsense").ID))
	r.record("device", activities.DeviceID("pfsense"))
	r.record("limits", activities.LimitsID)
	r.record("stream", workflows.StreamID("wazuh"))
	r.record("dispatcher", workflows.DispatcherID)
	r.record("reconcile", r.newest("Reconcile"))
}

func waits(r activities.IncidentRecord, workflow string) string {
	if slices.ContainsFunc(r.Pending, func(p activities.PendingApproval) bool { return p.Workflow == workflow }) {
		return workflow
	}
	return ""
}

func contained(r activities.IncidentRecord, system string) string {
	if a := blockOn(r, system); a.State == string(soar.Contained) {
		return activities.ContainID(a.ID)
	}
	return ""
}

func byKind(r activities.IncidentRecord, kind string) activities.ActionRecord {
	at := slices.IndexFunc(r.Actions, func(a activities.ActionRecord) bool { return a.Kind == kind })
	if at < 0 {
		return activities.ActionRecord{}
	}
	return r.Actions[at]
}

// recorder reads histories and writes them as files.
type recorder struct {
	*office

	temporal client.Client
	never    []string // what may stand in no history: secrets, and what tells of this machine
}

func newRecorder(o *office) *recorder {
	o.t.Helper()
	temporal, err := o.config.Temporal.DialOnce(o.t.Context(), quietLogger())
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(temporal.Close)
	r := &recorder{office: o, temporal: temporal}
	host, _ := os.Hostname()
	home, _ := os.UserHomeDir()
	here, _ := os.Getwd()
	for _, word := range []string{host, home, filepath.Dir(o.file), filepath.Dir(filepath.Dir(here))} {
		if len(word) > 3 && word != "localhost" {
			r.never = append(r.never, word)
		}
	}
	secrets, err := filepath.Glob(filepath.Join(filepath.Dir(o.file), "*.secret"))
	if err != nil || len(secrets) == 0 {
		o.t.Fatalf("no secrets to look for: %v", err)
	}
	for _, file := range secrets {
		text, err := os.ReadFile(file)
		if err != nil {
			o.t.Fatal(err)
		}
		r.never = append(r.never, strings.TrimSpace(string(text)))
	}
	return r
}

// recordWhen records a workflow as soon as which says its id.
func (r *recorder) recordWhen(name string, which func(activities.IncidentRecord) string) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); r.pause(50 * time.Millisecond) {
		for _, i := range r.records() {
			if id := which(i); id != "" {
				r.record(name, id)
				return
			}
		}
	}
	r.t.Fatalf("%s did not come:\n%s", name, told(r.records()))
}

// record writes the history of a workflow's newest run, as far as it has come.
func (r *recorder) record(name, id string) {
	r.t.Helper()
	var history historypb.History
	events := r.temporal.GetWorkflowHistory(r.t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			r.t.Fatal(err)
		}
		history.Events = append(history.Events, event)
	}
	text := r.plain(&history, nil)
	clear := slices.Concat(text, r.plain(&history, map[string]any{commonpb.EnablePayloadShorthandMetadataKey: true})) // payloads, too
	for _, word := range r.never {
		if at := bytes.Index(clear, []byte(word)); at >= 0 {
			r.t.Fatalf("%s holds what must not get out, at byte %d", name, at)
		}
	}
	file := filepath.Join("..", "..", "workflows", "testdata", "replay", name+".json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.t.Logf("%s: %d events, %d bytes", name, len(history.GetEvents()), len(text))
}

// plain is a history as JSON, one event a line, without a word on who worked on it.
func (r *recorder) plain(history *historypb.History, how map[string]any) []byte {
	r.t.Helper()
	text, err := temporalproto.CustomJSONMarshalOptions{Metadata: how}.Marshal(history)
	if err != nil {
		r.t.Fatal(err)
	}
	var plain struct {
		Events []map[string]any `json:"events"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&plain); err != nil {
		r.t.Fatal(err)
	}
	lines := make([][]byte, len(plain.Events))
	for n, event := range plain.Events {
		blank(event)
		spare(event)
		if lines[n], err = json.Marshal(event); err != nil {
			r.t.Fatal(err)
		}
	}
	return slices.Concat([]byte("{\"events\":[\n"), bytes.Join(lines, []byte(",\n")), []byte("\n]}\n"))
}

// spare takes away what a replay does not look at: what was handed to steps, to other workflows, and to the analysts' eyes.
func spare(event map[string]any) {
	delete(event, "userMetadata")
	for _, kind := range []string{"activityTaskScheduled", "signalExternalWorkflowExecutionInitiated", "startChildWorkflowExecutionInitiated"} {
		if attributes, is := event[kind+"EventAttributes"].(map[string]any); is {
			delete(attributes, "input")
		}
	}
}

// blank takes away who worked: identities bear process and machine, the others the program's hash.
func blank(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if text, is := value.(string); is && slices.Contains([]string{"identity", "binaryChecksum", "buildId"}, key) && text != "" {
				v[key] = "recorded"
				continue
			}
			blank(value)
		}
	case []any:
		for _, one := range v {
			blank(one)
		}
	}
}

// newest is the id of the newest workflow of a type that has ended well.
func (r *recorder) newest(kind string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	for ; ctx.Err() == nil; r.pause(200 * time.Millisecond) {
		found, err := r.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: "WorkflowType = '" + kind + "' AND ExecutionStatus = 'Completed'", PageSize: 1,
		})
		if err == nil && len(found.GetExecutions()) > 0 {
			return found.GetExecutions()[0].GetExecution().GetWorkflowId()
		}
	}
	r.t.Fatalf("no %s has ended well", kind)
	return ""
}
