package embedded_test

import (
	"context"
	"testing"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflow/v1"
)

// events is the history of the newest run of id.
func events(t *testing.T, id string) (out []*history.HistoryEvent) {
	t.Helper()
	for it := cl.GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		e, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func describe(t *testing.T, id string) *workflow.WorkflowExecutionInfo {
	t.Helper()
	d, err := cl.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	return d.GetWorkflowExecutionInfo()
}

// is says whether the newest run of id has that status; a workflow that is not there has none.
func is(id string, status enums.WorkflowExecutionStatus) bool { return runIs(id, "", status) }

func runIs(id, run string, status enums.WorkflowExecutionStatus) bool {
	d, err := cl.DescribeWorkflowExecution(context.Background(), id, run)
	return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == status
}
