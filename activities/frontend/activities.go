// Package frontend carries out the steps that Temporal's own frontend does: delivering news to incidents, wishes to
// devices, and asking which containments have a workflow. Workflow ids make all of it safe to repeat.
package frontend

import (
	"context"
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// help stands beside an incident's card in the UI.
const help = "The timeline shows each step of this incident, the current details how it stands.\n\n" +
	"- decide: `sallyport approve REQUEST` or `sallyport deny REQUEST`, or by the buttons in Slack\n" +
	"- see more: `sallyport incident show INCIDENT`\n" +
	"- end a containment early: `sallyport release ACTION`\n" +
	"- stop all new effects: `sallyport halt`\n\n" +
	"To cancel or terminate this workflow ends no containment: each lives by itself until it is released."

// Activities speak to one namespace.
type Activities struct{ client client.Client }

// New returns activities over an open client.
func New(c client.Client) *Activities { return &Activities{client: c} }

// SignalIncident delivers news by signal-with-start: a running incident of the key hears it, else one starts, and it says so.
// Repeating it is harmless: an incident claims what it is told of, and what is claimed counts once.
func (a *Activities) SignalIncident(ctx context.Context, news activities.News) (activities.Started, error) {
	if news.Entity.Name == "" || len(news.Detections) == 0 || len(news.Detections) > activities.MaxNews {
		return activities.Started{}, activities.Permanent(fmt.Errorf("news for %q with %d detections", news.Entity, len(news.Detections)))
	}
	id := news.Entity.IncidentKey()
	options := client.StartWorkflowOptions{
		ID: id, TaskQueue: activities.Queue, StaticDetails: help,
		StaticSummary:         "incident of one " + news.Entity.Family, // not its name: the UI reads markup here, and the name is an attacker's to choose
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
	started := true
	ctx = context.WithValue(ctx, startedKey{}, &started)
	_, err := a.client.SignalWithStartWorkflow(ctx, id, activities.NewsSignal, news, options, activities.IncidentName, news.Entity.Normalised())
	if err != nil {
		return activities.Started{}, fmt.Errorf("signal incident: %w", err)
	}
	return activities.Started{Started: started}, nil
}

// SignalOpenIncident delivers news to a running incident only, and reports whether there was one.
func (a *Activities) SignalOpenIncident(ctx context.Context, news activities.News) (open bool, err error) {
	err = a.client.SignalWorkflow(ctx, news.Entity.IncidentKey(), "", activities.NewsSignal, news)
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("signal open incident: %w", err)
	}
	return true, nil
}

// RunningIncident reports whether an incident of the entity runs, and which episode; the id is empty where the server
// does not tell it.
func (a *Activities) RunningIncident(ctx context.Context, entity soar.Entity) (incident string, running bool, err error) {
	described, err := a.client.DescribeWorkflowExecution(ctx, entity.IncidentKey(), "")
	if _, gone := errors.AsType[*serviceerror.NotFound](err); gone {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("describe incident: %w", err)
	}
	info := described.GetWorkflowExecutionInfo()
	return info.GetFirstRunId(), info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// SendWish puts an order into its device's workflow, which is the one writer of that appliance. A repeated wish is the
// same wish: the device's driver adopts what is already there.
func (a *Activities) SendWish(ctx context.Context, wish activities.Wish) (activities.None, error) {
	system := wish.Order.Action.System
	if system == "" || wish.Reply == "" {
		return activities.None{}, activities.Permanent(errors.New("wish without system or reply"))
	}
	id := activities.DeviceID(system)
	options := client.StartWorkflowOptions{ID: id, TaskQueue: activities.Queue, StaticSummary: "the one writer of " + system}
	if _, err := a.client.SignalWithStartWorkflow(ctx, id, activities.WishSignal, wish, options, activities.DeviceName, system); err != nil {
		return activities.None{}, fmt.Errorf("send wish: %w", err)
	}
	return activities.None{}, nil
}

// StartLimits starts the workflow of limits and kill switch where none runs. It begins by reading how they stood.
func (a *Activities) StartLimits(ctx context.Context, _ activities.None) (activities.Started, error) {
	described, err := a.client.DescribeWorkflowExecution(ctx, activities.LimitsID, "")
	var gone *serviceerror.NotFound
	switch {
	case err != nil && !errors.As(err, &gone):
		return activities.Started{}, fmt.Errorf("describe limits: %w", err)
	case err == nil && described.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return activities.Started{}, nil
	}
	options := client.StartWorkflowOptions{
		ID: activities.LimitsID, TaskQueue: activities.Queue, StaticSummary: "limits and kill switch",
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
	if _, err := a.client.ExecuteWorkflow(ctx, options, activities.LimitsName, activities.LimitsState{}); err != nil {
		return activities.Started{}, fmt.Errorf("start limits: %w", err)
	}
	return activities.Started{Started: true}, nil
}

// RunningContainments returns those of the given actions whose containment has a running workflow. One that can't be
// looked up is an error: a containment is restarted only when it surely has none.
func (a *Activities) RunningContainments(ctx context.Context, asked activities.ContainmentIDs) (running activities.ContainmentIDs, err error) {
	for _, id := range asked.ActionIDs {
		described, err := a.client.DescribeWorkflowExecution(ctx, activities.ContainID(id), "")
		var gone *serviceerror.NotFound
		switch {
		case errors.As(err, &gone):
		case err != nil:
			return activities.ContainmentIDs{}, fmt.Errorf("describe containment: %w", err)
		case described.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING:
			running.ActionIDs = append(running.ActionIDs, id)
		}
	}
	return running, nil
}

// Release tells a containment that a person ends it now. It is a signal: durable even while no worker runs.
func (a *Activities) Release(ctx context.Context, action soar.Action, by string) error {
	if err := a.client.SignalWorkflow(ctx, activities.ContainID(action.ID), "", activities.ReleaseSignal, by); err != nil {
		return fmt.Errorf("signal release: %w", err)
	}
	return nil
}

// Said is what a workflow said in an error that came through Temporal, which wraps it several times.
func Said(err error) error {
	if said, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return errors.New(said.Message())
	}
	return err
}
