package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// hearForget takes the decisions of people who give a release up: where the system is gone for good, nobody can read
// back that the containment is over, and it would be tried for ever.
func (c *containment) hearForget(ctx workflow.Context) error {
	return workflow.SetUpdateHandlerWithOptions(ctx, activities.DecideUpdate, c.forget, workflow.UpdateHandlerOptions{Validator: c.mayForget})
}

func (c *containment) mayForget(d soar.Decision) error {
	action := c.in.Order.Action
	switch {
	case c.in.End == nil:
		return errors.New("it is held, and its release has not begun: `sallyport release` begins it")
	case d.Request != activities.ForgetID(action.ID) || d.Digest != action.Digest() || !d.Approve:
		return errors.New("the decision is about something else")
	case d.Method != "cli":
		return errors.New("a release is given up by command line only")
	}
	for _, given := range c.in.End.Given {
		if given.By == d.By {
			return fmt.Errorf("%s gave it up already: somebody else must, too", d.By)
		}
	}
	return nil
}

func (c *containment) forget(ctx workflow.Context, d soar.Decision) (soar.Outcome, error) {
	ctx = workflow.WithActivityOptions(ctx, quick)
	var approved []string
	for _, given := range c.in.End.Given {
		approved = append(approved, given.By)
	}
	claim := activities.Claim{Decision: d, Actions: []soar.Action{c.in.Order.Action}, Approved: approved, At: workflow.Now(ctx).UTC()}
	if _, err := do(ctx, activities.VerifyDecision, claim); err != nil {
		return "", err
	}
	if err := c.mayForget(d); err != nil { // while it was verified
		return "", err
	}
	c.in.End.Given = append(c.in.End.Given, d)
	if !c.givenUp() {
		return "", nil
	}
	return soar.Approved, nil
}

// givenUp reports whether enough people gave the release up.
func (c *containment) givenUp() bool {
	return c.in.End != nil && len(c.in.End.Given) >= activities.ForgetPeople
}
