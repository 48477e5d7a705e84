// Package gateway is where people's clicks come in. A click becomes the Update Decide, signed by the gateway's key after
// Slack said who pressed; it decides nothing itself. Slack is told only once the incident has accepted the update, so that a crash
// loses no click unseen: then the person presses again, which state makes harmless.
//
// Reading order: gateway.go listens, decide.go is the way of one click.
package gateway

import (
	"cmp"
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
)

// again is how long the gateway waits after Slack refused it: the app may be mended meanwhile, and whatever else this
// process does goes on.
const again = 30 * time.Second

// maxClicks is how many clicks are worked on at once; further ones wait.
const maxClicks = 64

// maxMessage bounds one message of Socket Mode: a click with its card has a few KiB.
const maxMessage = 4 << 20

// Gateway listens to one Slack app.
type Gateway struct {
	API      *slackapi.Client
	Dialer   *websocket.Dialer // of the socket; nil: the library's own
	Temporal client.Client
	Key      ed25519.PrivateKey // the gateway's: seals buttons, vouches for who pressed them
	People   map[string]string  // Slack user id -> the person's name in config
	Channel  string
	Log      *slog.Logger
	Health   func(error)   // told how the gateway stands, nil when it listens; may be nil
	Again    time.Duration // how long to wait after Slack refused; 0: half a minute

	team string // the workspace: people of another one decide nothing
}

// Run listens until ctx ends. What goes wrong is told and tried again: without Slack the command line decides, and
// containments must be released all the same.
func (g *Gateway) Run(ctx context.Context) {
	for {
		err := g.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		g.stands(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(cmp.Or(g.Again, again)):
		}
	}
}

// listen opens the socket and takes clicks until Slack refuses it. The library reconnects by itself.
func (g *Gateway) listen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	who, err := g.API.AuthTestContext(ctx)
	if err != nil {
		return fmt.Errorf("slack auth.test: %w", err)
	}
	g.team = who.TeamID
	options := []socketmode.Option{socketmode.OptionReadLimit(maxMessage)}
	if g.Dialer != nil {
		options = append(options, socketmode.OptionDialer(g.Dialer))
	}
	socket := socketmode.New(g.API, options...)
	go g.take(ctx, socket)
	return fmt.Errorf("slack socket: %w", socket.RunContext(ctx))
}

// take hands each click to a goroutine of its own: the library's reader blocks while nobody takes.
func (g *Gateway) take(ctx context.Context, socket *socketmode.Client) {
	room := make(chan struct{}, maxClicks)
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-socket.Events:
			g.heed(ctx, event)
			click, ok := event.Data.(slackapi.InteractionCallback)
			if event.Type != socketmode.EventTypeInteractive || !ok || event.Request == nil {
				continue
			}
			room <- struct{}{}
			go func() {
				defer func() { <-room }()
				g.handle(ctx, click, func() error { return socket.Ack(*event.Request) })
			}()
		}
	}
}

// heed tells how the connection stands.
func (g *Gateway) heed(ctx context.Context, event socketmode.Event) {
	switch event.Type {
	case socketmode.EventTypeHello:
		g.stands(ctx, nil)
	case socketmode.EventTypeConnectionError:
		err := errors.New("slack socket: no connection")
		if fault, ok := event.Data.(*slackapi.ConnectionErrorEvent); ok {
			err = fmt.Errorf("slack socket: %w", fault.ErrorObj)
		}
		g.stands(ctx, err)
	default: // nothing that says how it stands
	}
}

func (g *Gateway) stands(ctx context.Context, err error) {
	if err != nil {
		g.Log.WarnContext(ctx, "Slack can't be heard; decide with `sallyport approve`", "error", err)
	}
	if g.Health != nil {
		g.Health(err)
	}
}
