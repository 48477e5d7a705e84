package slack_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func office(t *testing.T) (*slack.Activities, *slacktest.Server) {
	t.Helper()
	server, address := slacktest.NewServer(t)
	t.Setenv("SLACK_BOT", "xoxb-test")
	t.Setenv("SLACK_APP", "xapp-test")
	c := slack.Config{BotToken: "env:SLACK_BOT", AppToken: "env:SLACK_APP", Channel: slacktest.Channel, APIURL: address}
	api, err := c.API(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return slack.New(api, c.Channel, key), server
}

func question() activities.Card {
	return activities.Card{
		Request: "i1-0-0", Workflow: "incident/host/web-01", Incident: "i1", Digest: "d1", Revision: 1, Needs: 1,
		Actions:  []soar.Action{{ID: "i1-0-0", Kind: soar.BlockAddress, System: "wazuh", Target: "203.0.113.9", On: "004", OnName: "web-01", For: time.Hour}},
		Evidence: []soar.Evidence{{Rule: "ssh", Summary: "<!channel> <https://evil.example|click me> & more"}},
		Expires:  time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC),
	}
}

func TestCardIsPostedOnceAndThenEdited(t *testing.T) {
	people, server := office(t)
	card := question()
	posted, err := people.AskPeople(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	card.Posted, card.Revision, card.Outcome, card.DecidedBy = posted, 2, soar.Approved, []string{"ana (cli)"}
	if _, err := people.AskPeople(t.Context(), card); err != nil {
		t.Fatal(err)
	}
	messages := server.Messages()
	if len(messages) != 1 || messages[0].Edits != 1 {
		t.Fatalf("%d messages, %+v; want one, edited once", len(messages), messages)
	}
	if blocks := string(messages[0].Blocks); strings.Contains(blocks, slack.ApproveButton) || !strings.Contains(blocks, "approved by ana (cli)") {
		t.Errorf("a decided card shows %s", blocks)
	}
}

func TestCardWhoseAnswerGotLostIsFoundAgain(t *testing.T) {
	people, server := office(t)
	server.CutAfter("chat.postMessage")
	card := question()
	if _, err := people.AskPeople(t.Context(), card); err == nil {
		t.Fatal("a cut connection must be an error")
	}
	card.Revision = 2
	if _, err := people.AskPeople(t.Context(), card); err != nil {
		t.Fatal(err)
	}
	if got := server.Messages(); len(got) != 1 || got[0].Edits != 1 {
		t.Errorf("%+v; want the first card, edited", got)
	}
}

func TestHostileTextStaysText(t *testing.T) {
	people, server := office(t)
	if _, err := people.AskPeople(t.Context(), question()); err != nil {
		t.Fatal(err)
	}
	if _, err := people.TellPeople(t.Context(), activities.Message{Text: "host <!channel> did <@U1>"}); err != nil {
		t.Fatal(err)
	}
	for _, m := range server.Messages() {
		if strings.Contains(m.Text+string(m.Blocks), "<!channel>") || strings.Contains(string(m.Blocks), `\u003c!channel`) || strings.Contains(m.Text, "<@") {
			t.Errorf("hostile text came through: %s %s", m.Text, m.Blocks)
		}
	}
}

func TestWrongAnswersAreErrors(t *testing.T) {
	people, server := office(t)
	server.Fail("chat.postMessage", 1, 200, "not_in_channel")
	_, err := people.AskPeople(t.Context(), question())
	var permanent interface{ Permanent() bool }
	if !errors.As(err, &permanent) || !permanent.Permanent() {
		t.Errorf("got %v, want a permanent error", err)
	}
	server.Fail("chat.postMessage", 1, 429, "ratelimited")
	if _, err := people.AskPeople(t.Context(), question()); err != nil {
		t.Errorf("a 429 is waited out: %v", err)
	}
}

func TestForgedButtonsAreRefused(t *testing.T) {
	_, ours, _ := ed25519.GenerateKey(nil)
	_, theirs, _ := ed25519.GenerateKey(nil)
	value := slack.Button{Workflow: "w", Request: "r", Digest: "d"}.Seal(ours)
	if got, err := slack.OpenButton(ours, value); err != nil || got.Request != "r" {
		t.Errorf("our own: %+v, %v", got, err)
	}
	for _, forged := range []string{slack.Button{Workflow: "w", Request: "r"}.Seal(theirs), value[1:], value + "A", "", "."} {
		if _, err := slack.OpenButton(ours, forged); err == nil {
			t.Errorf("opened %q", forged)
		}
	}
}
