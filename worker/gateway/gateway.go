// Package gateway is where people's clicks come in. A click becomes the Update Decide, signed by the gateway's key after
// Slack said who pressed; it decides nothing itself. Slack is told only once the incident has accepted the update, so that a crash
// loses no click unseen: then the person presses again, which state makes harmless.
package gateway

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gorilla/websocket"
	slackapi "github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How long a click may take: to be accepted (Slack wants its answer in 3 s), and to be worked on.
const (
	acceptWithin   = 2 * time.Second
	completeWithin = 30 * time.Second
)

// maxMessage bounds one message of Socket Mode: a click with its card has a few KiB.
const maxMessage = 4 << 20

// Gateway listens to one Slack app.
type Gateway struct {
	API      *slackapi.Client
	Dialer   *websocket.Dialer // for Socket Mode
	Temporal client.Client
	Key      ed25519.PrivateKey // the gateway's: seals buttons, vouches for who pressed them
	People   map[string]string  // Slack user id -> the person's name in config
	Channel  string
	Log      *slog.Logger
}

// Run listens until ctx ends. It reconnects by itself; an error means that it can't go on: a wrong token, say.
func (g *Gateway) Run(ctx context.Context) error {
	socket := socketmode.New(g.API, socketmode.OptionDialer(g.Dialer), socketmode.OptionReadLimit(maxMessage))
	clicks := make(chan socketmode.Event, 64)
	for range 4 {
		go func() {
			for event := range clicks {
				g.handle(ctx, socket, event)
			}
		}()
	}
	go func() {
		defer close(clicks)
		for event := range socket.Events { // the library's reader blocks when this is slow: only enqueue here
			if event.Type == socketmode.EventTypeInteractive {
				clicks <- event
			}
		}
	}()
	err := socket.RunContext(ctx) // returns only with an error
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("slack socket: %w", err)
}

func (g *Gateway) handle(ctx context.Context, socket *socketmode.Client, event socketmode.Event) {
	click, ok := event.Data.(slackapi.InteractionCallback)
	if !ok || event.Request == nil {
		return
	}
	answer, acknowledge := g.decide(ctx, click)
	if acknowledge {
		if err := socket.Ack(*event.Request); err != nil {
			g.Log.WarnContext(ctx, "click not acknowledged", "error", err)
		}
	}
	if answer == nil {
		return
	}
	if text := answer(); text != "" {
		g.tell(ctx, click, text)
	}
}

// decide sends the decision. What it returns says what became of it, once that is known; acknowledge is false while
// nobody has accepted the click: Slack then shows the person that it did not work.
func (g *Gateway) decide(ctx context.Context, click slackapi.InteractionCallback) (answer func() string, acknowledge bool) {
	decision, workflow, err := g.read(click)
	if err != nil {
		return func() string { return err.Error() }, true
	}
	wait, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	handle, err := g.Temporal.UpdateWorkflow(wait, client.UpdateWorkflowOptions{
		WorkflowID: workflow, UpdateName: activities.DecideUpdate, Args: []any{decision},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		g.Log.WarnContext(ctx, "click not confirmed", "request", decision.Request, "by", decision.By, "error", err)
		return func() string { return "Not confirmed: press again, or use `sallyport approve`." }, true
	}
	return func() string { return g.outcome(ctx, handle, decision) }, true
}

func (g *Gateway) outcome(ctx context.Context, handle client.WorkflowUpdateHandle, d soar.Decision) string {
	wait, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	var outcome soar.Outcome
	err := handle.Get(wait, &outcome)
	switch {
	case err != nil:
		g.Log.InfoContext(ctx, "click refused", "request", d.Request, "by", d.By, "error", err)
		return "Refused: " + reason(err)
	case outcome == "":
		return "Recorded. It needs more approvals."
	}
	return "Recorded: " + string(outcome) + "."
}

// read turns a click into a signed decision. Its error is for the person who pressed.
func (g *Gateway) read(click slackapi.InteractionCallback) (d soar.Decision, workflow string, err error) {
	actions := click.ActionCallback.BlockActions
	if click.Type != slackapi.InteractionTypeBlockActions || len(actions) != 1 {
		return d, "", errors.New("that is no button of ours")
	}
	if click.Container.ChannelID != g.Channel {
		return d, "", errors.New("decisions are taken in the configured channel only")
	}
	approve := actions[0].ActionID == slack.ApproveButton
	if !approve && actions[0].ActionID != slack.DenyButton {
		return d, "", errors.New("that is no button of ours")
	}
	button, err := slack.OpenButton(g.Key, actions[0].Value)
	if err != nil {
		return d, "", err
	}
	person, known := g.People[click.User.ID]
	if !known {
		return d, "", errors.New("you are not among the people of this Sallyport: ask its operator to add your Slack id")
	}
	d = soar.Decision{
		Request: button.Request, Digest: button.Digest, By: person, Approve: approve, Method: "slack", SignedAt: time.Now().UTC(),
	}
	d.Signature = ed25519.Sign(g.Key, d.Signed())
	return d, button.Workflow, nil
}

func (g *Gateway) tell(ctx context.Context, click slackapi.InteractionCallback, text string) {
	if _, err := g.API.PostEphemeralContext(ctx, click.Container.ChannelID, click.User.ID, slackapi.MsgOptionText(text, false)); err != nil {
		g.Log.WarnContext(ctx, "person not told", "error", err)
	}
}

// reason is the innermost text of an error that came through Temporal.
func reason(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}
