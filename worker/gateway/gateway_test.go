package gateway_test

import (
	"crypto/ed25519"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/frontend/frontendtest"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/worker/gateway"
)

// office is a Slack with one card in it, a gateway that listens, and what a Temporal heard of it.
type office struct {
	*slacktest.Server
	frontend *frontendtest.Server
	key      ed25519.PrivateKey
	card     string // ts
	health   chan error

	mu    sync.Mutex
	heard []soar.Decision
}

func newOffice(t *testing.T) *office {
	t.Helper()
	server, address := slacktest.NewServer(t)
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{Server: server, frontend: frontendtest.Start(t), key: key, health: make(chan error, 1000)}
	o.frontend.Decide = o.decide
	temporal, err := client.Dial(client.Options{HostPort: o.frontend.Address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(temporal.Close)
	t.Setenv("SLACK_BOT", slacktest.BotToken)
	t.Setenv("SLACK_APP", slacktest.AppToken)
	c := slack.Config{BotToken: "env:SLACK_BOT", AppToken: "env:SLACK_APP", Channel: slacktest.Channel, APIURL: address}
	api, err := c.API(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	posted, err := slack.New(api, c.Channel, key).AskPeople(t.Context(), activities.Card{
		Request: "i1-0-0", Workflow: "incident/host/web-01", Incident: "i1", Digest: "d1", Revision: 1, Needs: 1,
		Actions: []soar.Action{{ID: "i1-0-0", Kind: soar.BlockAddress, System: "wazuh", Target: "203.0.113.9", On: "004", For: time.Hour}},
	})
	if err != nil {
		t.Fatal(err)
	}
	o.card = posted.TS
	g := &gateway.Gateway{
		API: api, Temporal: temporal, Key: key, People: map[string]string{"U1": "ana", "U2": "ben", "U3": "cem", "U4": "dee", "U5": "eve"}, Channel: c.Channel, Log: slog.New(slog.DiscardHandler),
		Health: func(err error) { o.health <- err }, Again: 50 * time.Millisecond,
	}
	go g.Run(t.Context())
	o.await(t, func(err error) bool { return err == nil })
	return o
}

// decide is what an incident that asks one person makes of a decision.
func (o *office) decide(_ string, read func(any) error) (any, error) {
	var d soar.Decision
	if err := read(&d); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, earlier := range o.heard {
		if earlier.By == d.By {
			return nil, errors.New("decided already")
		}
	}
	o.heard = append(o.heard, d)
	return map[bool]soar.Outcome{true: soar.Approved, false: soar.Denied}[d.Approve], nil
}

// await waits until the gateway stands as wanted.
func (o *office) await(t *testing.T, stands func(error) bool) {
	t.Helper()
	var last error
	for deadline := time.After(time.Minute); ; {
		select {
		case err := <-o.health:
			if last = err; stands(err) {
				return
			}
		case <-deadline:
			t.Fatalf("the gateway never stood as it should; at last: %v", last)
		}
	}
}

// told waits for the newest word that a user alone was told.
func (o *office) told(t *testing.T, user, want string) {
	t.Helper()
	var last string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		for _, m := range o.Messages() {
			if m.Only == user {
				last = m.Text
			}
		}
		if strings.Contains(last, want) {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("%s was told %q, want %q", user, last, want)
}

func (o *office) press(t *testing.T, user, button string, want bool) {
	t.Helper()
	if got, err := o.Press(user, o.card, button); err != nil || got != want {
		t.Errorf("acknowledged %v, %v; want %v", got, err, want)
	}
}

func TestNoAckBeforeAccepted(t *testing.T) {
	o := newOffice(t)
	accept := o.frontend.Hold()
	o.press(t, "U1", slack.ApproveButton, false)
	o.told(t, "U1", "press again")
	accept()
	o.press(t, "U1", slack.ApproveButton, true)
	o.told(t, "U1", "Recorded: approved")
}

func TestGatewayVouchesForWhoPressed(t *testing.T) {
	o := newOffice(t)
	o.press(t, "U2", slack.DenyButton, true)
	o.told(t, "U2", "Recorded: denied")
	d := o.heard[0]
	if d.By != "ben" || d.Approve || d.Method != "slack" || d.Request != "i1-0-0" || d.Digest != "d1" {
		t.Errorf("decision %+v", d)
	}
	if !ed25519.Verify(o.key.Public().(ed25519.PublicKey), d.Signed(), d.Signature) {
		t.Error("the gateway's key does not verify it")
	}
}

// A click whose acknowledgement got lost comes again. It is the same update, so it counts once and gets the same answer.
func TestClickThatComesAgainCountsOnce(t *testing.T) {
	o := newOffice(t)
	o.LoseAcks(true)
	o.press(t, "U1", slack.ApproveButton, false)
	o.LoseAcks(false)
	if got, err := o.Redeliver(); err != nil || !got {
		t.Errorf("acknowledged %v, %v", got, err)
	}
	if ids := o.frontend.Updates(); len(ids) != 2 || ids[0] != ids[1] || len(o.heard) != 1 {
		t.Errorf("updates %v, %d decisions; want one update, sent twice", ids, len(o.heard))
	}
	o.told(t, "U1", "Recorded: approved")
	o.press(t, "U1", slack.ApproveButton, true) // another press is another update: the state says what it is
	o.told(t, "U1", "decided already")
}

func TestClicksThatDecideNothing(t *testing.T) {
	o := newOffice(t)
	ours, err := o.Value(o.card, slack.ApproveButton)
	if err != nil {
		t.Fatal(err)
	}
	_, theirs, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	forged := slack.Button{Workflow: "incident/host/web-01", Request: "i1-0-0", Digest: "d1"}.Seal(theirs)
	tests := map[string]struct{ team, user, button, value, told string }{
		"by somebody who is not among the people": {slacktest.Team, "U9", slack.ApproveButton, ours, "not among the people"},
		"by a guest of another workspace":         {"T0ELSE", "U1", slack.ApproveButton, ours, "our own workspace"},
		"sealed by another key":                   {slacktest.Team, "U2", slack.ApproveButton, forged, "not made by this gateway"},
		"altered":                                 {slacktest.Team, "U3", slack.ApproveButton, "x" + ours, "not made by this gateway"},
		"a request's id alone":                    {slacktest.Team, "U4", slack.ApproveButton, "i1-0-0", "not made by this gateway"},
		"another app's button":                    {slacktest.Team, "U5", "launch", ours, "no button of ours"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if acked, err := o.PressAs(tt.team, tt.user, o.card, tt.button, tt.value); err != nil || !acked {
				t.Errorf("acknowledged %v, %v", acked, err)
			}
			o.told(t, tt.user, tt.told)
		})
	}
	if len(o.heard) != 0 {
		t.Errorf("decided: %+v", o.heard)
	}
}

func TestClickThatWasHeldUpIsNotCarriedOut(t *testing.T) {
	o := newOffice(t)
	o.SetClock(func() time.Time { return time.Now().Add(-2 * time.Minute) })
	o.press(t, "U1", slack.ApproveButton, true)
	o.told(t, "U1", "press again")
	o.press(t, "U1", slack.DenyButton, true) // a no never ages
	o.told(t, "U1", "Recorded: denied")
}

func TestClickOnAnIncidentThatIsOver(t *testing.T) {
	o := newOffice(t)
	o.frontend.Decide = func(string, func(any) error) (any, error) {
		return nil, serviceerror.NewNotFound("workflow execution already completed")
	}
	o.press(t, "U1", slack.ApproveButton, true)
	o.told(t, "U1", "the incident is over")
}

// A Slack that refuses us is told of and tried again; it ends nothing.
func TestRevokedTokenIsTriedAgain(t *testing.T) {
	o := newOffice(t)
	o.SetScopes(slacktest.AppToken, "")
	o.CutSockets()
	o.await(t, func(err error) bool { return err != nil && strings.Contains(err.Error(), "invalid_auth") })
	o.SetScopes(slacktest.AppToken, slacktest.AppScopes)
	o.await(t, func(err error) bool { return err == nil })
	o.press(t, "U1", slack.ApproveButton, true)
}
