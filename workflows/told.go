package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// tellPeople tells; what can't be told is logged.
func tellPeople(ctx workflow.Context, m activities.Message) {
	if _, err := do(workflow.WithActivityOptions(ctx, toldOnce), activities.TellPeople, m); err != nil {
		workflow.GetLogger(ctx).Warn("people not told", "text", m.Text, "error", err)
	}
}
