package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How long a click may take: to be accepted (Slack wants its answer in 3 s), and to be worked on.
const (
	acceptWithin   = 2 * time.Second
	completeWithin = 30 * time.Second
)

// fresh is how old a click may be: one that was held up on its way must not surface later.
const fresh = time.Minute

// verdict is what the gateway makes of a click. settled is false while nobody has accepted it: then Slack gets no
// acknowledgement, and shows the person that it did not work.
type verdict struct {
	settled bool
	tell    func() string // for the person who pressed; it may wait until the outcome is known
}

func (g *Gateway) handle(ctx context.Context, click slackapi.InteractionCallback, ack func() error) {
	v := g.decide(ctx, click)
	if v.settled {
		if err := ack(); err != nil {
			g.Log.WarnContext(ctx, "click not acknowledged", "error", err)
		}
	}
	if text := v.tell(); text != "" {
		g.tell(ctx, click, text)
	}
}

// decide delivers the decision. A click that is no decision is settled at once: nothing is lost.
func (g *Gateway) decide(ctx context.Context, click slackapi.InteractionCallback) verdict {
	decision, workflow, err := g.read(click, time.Now())
	if err != nil {
		g.Log.InfoContext(ctx, "click refused", "user", click.User.ID, "error", err)
		return verdict{true, func() string { return "Refused: " + err.Error() + "." }}
	}
	wait, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	handle, err := g.Temporal.UpdateWorkflow(wait, client.UpdateWorkflowOptions{
		WorkflowID: workflow, UpdateName: activities.DecideUpdate, Args: []any{decision}, UpdateID: updateID(decision, click),
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if _, over := errors.AsType[*serviceerror.NotFound](err); over {
		return verdict{true, func() string { return "Nothing to decide: the incident is over." }}
	}
	if err != nil {
		g.Log.WarnContext(ctx, "click not confirmed", "request", decision.Request, "by", decision.By, "error", err)
		return verdict{false, func() string {
			return "Not confirmed: press again, or use `sallyport approve " + decision.Request + "`."
		}}
	}
	return verdict{true, func() string { return g.outcome(ctx, handle, decision) }}
}

// updateID names this click: the same one, delivered twice, is one update; another press is another, and the state says
// what becomes of it.
func updateID(d soar.Decision, click slackapi.InteractionCallback) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%t\n%s", d.Request, d.By, d.Approve, clickedAt(click)))
	return "slack-" + hex.EncodeToString(sum[:16])
}

func (g *Gateway) outcome(ctx context.Context, handle client.WorkflowUpdateHandle, d soar.Decision) string {
	wait, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	var outcome soar.Outcome
	err := handle.Get(wait, &outcome)
	switch {
	case err != nil && wait.Err() != nil:
		return "Taken, but not worked on yet: the card will show what becomes of it."
	case err != nil:
		g.Log.InfoContext(ctx, "click refused", "request", d.Request, "by", d.By, "error", err)
		return "Refused: " + strings.TrimPrefix(frontend.Said(err).Error(), "decision refused: ") + "."
	case outcome == "":
		return "Recorded. It needs more approvals."
	}
	return "Recorded: " + string(outcome) + "."
}

// read turns a click into a signed decision. Its error is for the person who pressed.
func (g *Gateway) read(click slackapi.InteractionCallback, now time.Time) (d soar.Decision, workflow string, err error) {
	approve, value, err := g.pressed(click)
	if err != nil {
		return d, "", err
	}
	button, err := slack.OpenButton(g.Key, value)
	if err != nil {
		return d, "", err
	}
	person, known := g.People[click.User.ID]
	if !known {
		return d, "", errors.New("you are not among the people of this Sallyport: ask its operator to add your Slack id")
	}
	if age := now.Sub(secondsOf(clickedAt(click))); approve && age > fresh {
		return d, "", fmt.Errorf("this click is %s old by our clock: press again", age.Round(time.Second))
	}
	d = soar.Decision{
		Request: button.Request, Digest: button.Digest, By: person, Approve: approve, Method: "slack", SignedAt: now.UTC(),
	}
	d.Signature = ed25519.Sign(g.Key, d.Signed())
	return d, button.Workflow, nil
}

// pressed says which of our buttons it was, and refuses what does not come from our channel and workspace.
func (g *Gateway) pressed(click slackapi.InteractionCallback) (approve bool, value string, err error) {
	pressed := click.ActionCallback.BlockActions
	switch {
	case click.Type != slackapi.InteractionTypeBlockActions || len(pressed) != 1:
		return false, "", errors.New("that is no button of ours")
	case click.Container.ChannelID != g.Channel:
		return false, "", errors.New("decisions are taken in the configured channel only")
	case click.Team.ID != g.team || (click.User.TeamID != "" && click.User.TeamID != g.team):
		return false, "", errors.New("decisions are taken by people of our own workspace only")
	case pressed[0].ActionID == slack.ApproveButton:
		return true, pressed[0].Value, nil
	case pressed[0].ActionID == slack.DenyButton:
		return false, pressed[0].Value, nil
	}
	return false, "", errors.New("that is no button of ours")
}

// clickedAt is when Slack saw the click, in seconds; one delivered twice bears the same.
func clickedAt(click slackapi.InteractionCallback) string {
	if len(click.ActionCallback.BlockActions) != 1 {
		return ""
	}
	return click.ActionCallback.BlockActions[0].ActionTs
}

// secondsOf reads Slack's "1700000000.000100"; what can't be read is the beginning of time, so that it is too old.
func secondsOf(text string) time.Time {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds * 1e6))
}

func (g *Gateway) tell(ctx context.Context, click slackapi.InteractionCallback, text string) {
	if _, err := g.API.PostEphemeralContext(ctx, click.Container.ChannelID, click.User.ID, slackapi.MsgOptionText(text, false)); err != nil {
		g.Log.WarnContext(ctx, "person not told", "error", err)
	}
}
