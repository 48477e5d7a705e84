package workflows

import (
	"cmp"
	"slices"

	"go.temporal.io/sdk/workflow"
)

// DispatcherID is the workflow that keeps the dispatcher running.
const DispatcherID = "dispatcher"

// StreamID is the workflow that keeps a stream's readers running.
func StreamID(name string) string { return "stream/" + name }

// RemediateID is the workflow of an action's remediation.
func RemediateID(actionID string) string { return "remediate/" + actionID }

// Signals between our own workflows; changing a name breaks running ones.
const remediationSignal = "remediation" // activities.RemediationState, from a remediation to its incident

// oneWriter are the systems whose API reads, modifies and writes back: two writers would lose one another's entries.
var oneWriter = []string{"pfsense", "opnsense"}

func hasOneWriter(system string) bool { return slices.Contains(oneWriter, system) }

// incidentID names this episode: it outlives continue-as-new and retry, and the next episode of the same key gets
// another. Tests have no FirstRunID.
func incidentID(ctx workflow.Context) string {
	info := workflow.GetInfo(ctx)
	return cmp.Or(info.FirstRunID, info.WorkflowExecution.RunID)
}
