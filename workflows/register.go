// Package workflows is the chain as durable code: detections become an incident, which is enriched, judged, gets its
// case, contains with approval, looks for what made it possible, mends that, and closes with a report.
//
// It knows the contract in package activities, and no system. Reading order: incident.go is the story; judge, casework, respond,
// approve, contain, device, expose, remediate, closing are its chapters; stream, limits, hunt and reconcile run beside it.
package workflows

import "go.temporal.io/sdk/worker"

// Register lists every workflow.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflow(Incident)
	w.RegisterWorkflow(Contain)
	w.RegisterWorkflow(Device)
	w.RegisterWorkflow(Remediate)
	w.RegisterWorkflow(Limits)
	w.RegisterWorkflow(Stream)
	w.RegisterWorkflow(Dispatcher)
	w.RegisterWorkflow(Reconcile)
	w.RegisterWorkflow(Hunt)
}
