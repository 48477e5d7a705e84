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
	t.Setenv("SLACK_BOT", slacktest.BotToken)
	t.Setenv("SLACK_APP", slacktest.AppToken)
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
		Evidence: []soar.Evidence{{Rule: "ssh", Credit: "by Jo Writer, DRL-1.1", Summary: "<!channel> <https://evil.example|click me> & more"}},
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
	if blocks := string(server.Messages()[0].Blocks); !strings.Contains(blocks, "ssh (by Jo Writer, DRL-1.1): ") {
		t.Errorf("the rule's author and licence are not shown: %s", blocks)
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

func TestReminderIsSaidInTheThread(t *testing.T) {
	people, server := office(t)
	card := question()
	var err error
	if card.Posted, err = people.AskPeople(t.Context(), card); err != nil {
		t.Fatal(err)
	}
	card.Revision, card.Reminder, card.DecidedBy = 2, true, []string{"ana (cli)"}
	if _, err := people.AskPeople(t.Context(), card); err != nil {
		t.Fatal(err)
	}
	messages := server.Messages()
	if len(messages) != 2 || messages[0].Edits != 1 || messages[1].Thread != card.Posted.TS {
		t.Fatalf("%+v; want the card, edited, and a word in its thread", messages)
	}
	if !strings.Contains(string(messages[0].Blocks), "Approved so far: ana (cli)") || !strings.HasPrefix(messages[1].Text, "Still waiting") {
		t.Errorf("card %s, reminder %q", messages[0].Blocks, messages[1].Text)
	}
}

func TestDeletedCardIsPostedAnew(t *testing.T) {
	people, server := office(t)
	card := question()
	var err error
	if card.Posted, err = people.AskPeople(t.Context(), card); err != nil {
		t.Fatal(err)
	}
	server.Delete(card.Posted.TS)
	card.Revision = 2
	again, err := people.AskPeople(t.Context(), card)
	if err != nil || again.TS == card.Posted.TS || len(server.Messages()) != 1 {
		t.Errorf("%+v, %v; %d messages", again, err, len(server.Messages()))
	}
}

func TestLongTextFitsSlack(t *testing.T) {
	people, _ := office(t)
	card := question()
	card.Actions[0].Reason = strings.Repeat("a long reason with <tags> & more ", 400)
	card.Evidence[0].Summary = strings.Repeat("<&>", 2000)
	if _, err := people.AskPeople(t.Context(), card); err != nil {
		t.Error(err)
	}
}

func TestCheckNamesTheMend(t *testing.T) {
	tests := map[string]struct {
		harm func(*slacktest.Server)
		want string // "" for a check that is good
	}{
		"all is well":             {func(*slacktest.Server) {}, ""},
		"a wrong bot token":       {func(s *slacktest.Server) { s.SetScopes(slacktest.BotToken, "") }, "copy the one that begins with xoxb-"},
		"it may not post":         {func(s *slacktest.Server) { s.SetScopes(slacktest.BotToken, "channels:history") }, "lacks the scope chat:write"},
		"it may not look":         {func(s *slacktest.Server) { s.SetScopes(slacktest.BotToken, "chat:write") }, "lacks the scope channels:history"},
		"a wrong app token":       {func(s *slacktest.Server) { s.SetScopes(slacktest.AppToken, "") }, "copy the one that begins with xapp-"},
		"no Socket Mode":          {func(s *slacktest.Server) { s.SetScopes(slacktest.AppToken, "none") }, "app_token lacks the scope connections:write"},
		"not in the channel":      {func(s *slacktest.Server) { s.Fail("conversations.history", 1, 200, "not_in_channel") }, "invite the app into the channel"},
		"a word that nobody knew": {func(s *slacktest.Server) { s.Fail("auth.test", 1, 200, "org_login_required") }, "auth.test: org_login_required"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			people, server := office(t)
			tt.harm(server)
			found, err := people.Check(t.Context())
			if tt.want == "" {
				if err != nil || !strings.Contains(found, "sallyport in office") {
					t.Errorf("%q, %v", found, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), slacktest.BotToken) || strings.Contains(err.Error(), slacktest.AppToken) {
				t.Errorf("got %v; want %q, and no token", err, tt.want)
			}
		})
	}
}
