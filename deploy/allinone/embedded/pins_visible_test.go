package embedded_test

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// shown does what an analyst sees: an attribute that changes, a detail card, an activity and a timer with summaries.
func shown(ctx workflow.Context) error {
	if err := workflow.UpsertTypedSearchAttributes(ctx, severity.ValueSet(4)); err != nil {
		return err
	}
	workflow.SetCurrentDetails(ctx, "waiting for **approval**")
	look := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, Summary: "block 203.0.113.7"})
	if err := workflow.ExecuteActivity(look, "Look").Get(ctx, nil); err != nil {
		return err
	}
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{Timeout: time.Hour, TimerOptions: workflow.TimerOptions{Summary: "remind"}},
		func() bool { return workflow.GetSignalChannel(ctx, "close").ReceiveAsync(nil) })
	return err
}

func TestPinWhatAnalystsSee(t *testing.T) {
	t.Parallel()
	const id = "incident/host/seen"
	ctx := t.Context()
	queue := work(t, func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(shown, named("Shown"))
		w.RegisterActivityWithOptions(nothing, activityNamed("Look"))
	})
	run, err := cl.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: queue, StaticSummary: "ssh brute force on web-1", StaticDetails: "[case](https://thehive.example/1)",
		TypedSearchAttributes: temporal.NewSearchAttributes(entity.ValueSet("web-1"), assets.ValueSet([]string{"web-1", "db-1"}), severity.ValueSet(2)),
	}, "Shown")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the timer runs", func() bool { return summaries(t, id)["remind"] })
	if !summaries(t, id)["block 203.0.113.7"] {
		t.Error("the activity's summary is not in the history")
	}
	d, err := cl.DescribeWorkflow(ctx, id, "")
	if err != nil {
		t.Fatal(err)
	}
	if summary, err := d.GetStaticSummary(); err != nil || summary != "ssh brute force on web-1" {
		t.Errorf("the static summary is %q, %v", summary, err)
	}
	if details, err := d.GetStaticDetails(); err != nil || !strings.Contains(details, "thehive") {
		t.Errorf("the static details are %q, %v", details, err)
	}
	answer, err := cl.QueryWorkflow(ctx, id, "", "__temporal_workflow_metadata")
	if err != nil {
		t.Fatal(err)
	}
	var metadata sdk.WorkflowMetadata
	if err := answer.Get(&metadata); err != nil || metadata.GetCurrentDetails() != "waiting for **approval**" {
		t.Errorf("the current details are %q, %v", metadata.GetCurrentDetails(), err)
	}
	for _, query := range []string{"SallyportEntity = 'web-1'", "SallyportAssets = 'db-1'", "SallyportSeverity > 3"} {
		eventually(t, "found by "+query, func() bool { return found(t, query, id) })
	}
	signal(t, id, "close")
	if err := run.Get(ctx, nil); err != nil {
		t.Error(err)
	}
}

// summaries are what the UI shows beside activities and timers.
func summaries(t *testing.T, id string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, e := range events(t, id) {
		var text string
		if p := e.GetUserMetadata().GetSummary(); p != nil && converter.GetDefaultDataConverter().FromPayload(p, &text) == nil {
			out[text] = true
		}
	}
	return out
}

func found(t *testing.T, query, id string) bool {
	t.Helper()
	list, err := cl.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for _, e := range list.GetExecutions() {
		if e.GetExecution().GetWorkflowId() == id && e.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
			return true
		}
	}
	return false
}

func TestPinLimitsAreErrorsAtTheStart(t *testing.T) {
	t.Parallel()
	unknown := temporal.NewSearchAttributeKeyKeyword("SallyportUnknown")
	for name, c := range map[string]struct {
		options client.StartWorkflowOptions
		input   string
		says    string
	}{
		"an attribute that is not registered": {
			client.StartWorkflowOptions{TypedSearchAttributes: temporal.NewSearchAttributes(unknown.ValueSet("x"))}, "", "SallyportUnknown",
		},
		"an attribute's value of over 2 KiB": {
			client.StartWorkflowOptions{TypedSearchAttributes: temporal.NewSearchAttributes(entity.ValueSet(strings.Repeat("x", 2049)))}, "", "exceeds size limit",
		},
		"a workflow's id of over 1,000 bytes": {client.StartWorkflowOptions{ID: strings.Repeat("x", 1001)}, "", "maximum allowed length"},
		"an input of over 2 MiB":              {client.StartWorkflowOptions{}, strings.Repeat("x", 2<<20), "exceeds limit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.options.TaskQueue = "nobody"
			if _, err := cl.ExecuteWorkflow(t.Context(), c.options, "Nothing", c.input); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the start says %.200v, want %q", err, c.says)
			}
		})
	}
}
