package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"go.temporal.io/sdk/worker"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/worker/gateway"
)

// startGateway speaks to people: cards and messages go out, clicks come in. Without Slack it says in the log what it
// would have asked, and the command line decides.
func (d *daemon) startGateway(ctx context.Context) error {
	if err := d.openInbox(ctx); err != nil {
		return err
	}
	if !d.config.asksInSlack() {
		quiet := unasked{d.log}
		return d.worker(activities.GatewayQueue, worker.Options{DisableWorkflowWorker: true}, func(w worker.Worker) {
			activities.Bind(w, activities.AskPeople, quiet.askPeople)
			activities.Bind(w, activities.TellPeople, quiet.tellPeople)
		})
	}
	key, err := policy.LoadPrivateKey(d.config.Keys.Gateway)
	if err != nil {
		return fmt.Errorf("keys.gateway: %w (make it with `sallyport key new`)", err)
	}
	api, err := d.config.Systems.Slack.API(ctx)
	if err != nil {
		return err
	}
	dialer, err := d.config.Systems.Slack.Dialer()
	if err != nil {
		return err
	}
	people := slack.New(api, d.config.Systems.Slack.Channel, key)
	err = d.worker(activities.GatewayQueue, worker.Options{DisableWorkflowWorker: true}, func(w worker.Worker) {
		activities.Bind(w, activities.AskPeople, people.AskPeople)
		activities.Bind(w, activities.TellPeople, people.TellPeople)
	})
	if err != nil {
		return err
	}
	clicks := &gateway.Gateway{
		API: api, Dialer: dialer, Temporal: d.temporal, Key: key, People: map[string]string{}, Channel: d.config.Systems.Slack.Channel, Log: d.log,
		Health: func(err error) { d.health.set(partSlack, err) },
	}
	for _, person := range d.config.People {
		if person.Slack != "" {
			clicks.People[person.Slack] = person.Name
		}
	}
	d.health.set(partSlack, errors.New("not connected yet"))
	go clicks.Run(ctx)
	return nil
}

// partSlack is the chat's name in /readyz. A Slack that refuses us ends nothing: the command line decides, and what is
// contained must be released all the same.
const partSlack = "slack"

// unasked is a house without a chat.
type unasked struct{ log *slog.Logger }

func (u unasked) askPeople(ctx context.Context, c activities.Card) (activities.CardRef, error) {
	if c.Outcome == "" {
		u.log.InfoContext(ctx, "approval needed", "request", c.Request, "action", c.String(), "expires", c.Expires)
	}
	return activities.CardRef{}, nil
}

func (u unasked) tellPeople(ctx context.Context, m activities.Message) (activities.None, error) {
	var level slog.Level
	if level.UnmarshalText([]byte(m.Level)) != nil {
		level = slog.LevelInfo
	}
	u.log.Log(ctx, level, m.Text, "incident", m.Incident)
	return activities.None{}, nil
}
