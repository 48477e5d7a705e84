package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// maxSummary bounds a line on the analysts' screen; the server takes 400 bytes.
const maxSummary = 200

// do runs one step and waits for it. The step's types let the compiler check what ExecuteActivity leaves to run time.
func do[In, Out any](ctx workflow.Context, step activities.Step[In, Out], in In) (out Out, err error) {
	err = begin(ctx, step, in).Get(ctx, &out)
	return out, err
}

// begin starts one step; several run side by side.
func begin[In, Out any](ctx workflow.Context, step activities.Step[In, Out], in In) workflow.Future {
	options := workflow.GetActivityOptions(ctx)
	options.Summary = summary(in)
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), step.Name, in)
}

// doLocal is do inside the workflow's own process: for short checks only.
func doLocal[In, Out any](ctx workflow.Context, step activities.Step[In, Out], in In) (out Out, err error) {
	ctx = workflow.WithLocalActivityOptions(ctx, local)
	err = workflow.ExecuteLocalActivity(ctx, step.Name, in).Get(ctx, &out)
	return out, err
}

// summary is the step's line on the analysts' screen, which shows the step's name beside it.
func summary(in any) string {
	what, ok := in.(fmt.Stringer)
	if !ok {
		return ""
	}
	return clip(what.String(), maxSummary)
}

// clip bounds text in runes.
func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// said is what a step's error says, without the engine's words around it.
func said(err error) string {
	if failed, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return failed.Message()
	}
	return err.Error()
}
