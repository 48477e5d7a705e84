package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/internal/lab"
)

func TestSlackButtonsDecide(t *testing.T) {
	o := newChatOffice(t, lab.Pace{})
	o.open()
	o.play()
	card := o.card("block 203.0.113.66", "agent shop-01")

	o.press("U0STRANGER", card, slack.ApproveButton)
	o.told("U0STRANGER", "not among the people")
	if acked, err := o.lab.Slack.PressValue(lab.SlackSecond, card.TS, slack.ApproveButton, "A"+o.value(card)); err != nil || !acked {
		t.Errorf("an altered value: acknowledged %v, %v", acked, err)
	}
	o.told(lab.SlackSecond, "not made by this gateway")
	if o.blockedOnAgent() || len(o.pending()) == 0 {
		t.Fatalf("a click that was refused decided: pending %+v", o.pending())
	}

	o.press(lab.SlackFirst, card, slack.ApproveButton)
	o.told(lab.SlackFirst, "Recorded: approved")
	o.becomes(card.TS, "approved by ana (slack)")
	o.await("the block on the agent", o.blockedOnAgent)
	o.press(lab.SlackSecond, card, slack.DenyButton)
	o.told(lab.SlackSecond, "nothing to decide")
	if got := o.decisions(); len(got) != 1 || !strings.Contains(got[0], `"by":"ana"`) || !strings.Contains(got[0], `"method":"slack"`) {
		t.Errorf("the audit log says: %v", got)
	}

	patch := o.card("run playbook patch on shop-01")
	o.press(lab.SlackSecond, patch, slack.DenyButton)
	o.told(lab.SlackSecond, "Recorded: denied")
	o.becomes(patch.TS, "denied by ben (slack)")
	o.expectNoToken()
}

// A click of which Slack never heard comes again, to a Sallyport that was killed meanwhile: it counts once.
func TestKilledBetweenClickAndAck(t *testing.T) {
	o := newChatOffice(t, lab.Pace{})
	o.editPlan("for: 10s", "for: 5m") // longer than what a kill may cost
	o.open()
	o.play()
	card := o.card("block 203.0.113.66", "agent shop-01")
	o.lab.Slack.LoseAcks(true)
	pressed := make(chan bool, 1)
	go func() {
		acked, _ := o.lab.Slack.PressValue(lab.SlackFirst, card.TS, slack.ApproveButton, o.value(card))
		pressed <- acked
	}()
	o.await("the decision", func() bool { return len(o.decisions()) > 0 })
	o.running.kill()
	if <-pressed {
		t.Fatal("Slack heard of a click whose acknowledgement was lost")
	}
	o.lab.Slack.LoseAcks(false)
	o.open()
	if acked, err := o.lab.Slack.Redeliver(); err != nil || !acked {
		t.Errorf("acknowledged %v, %v", acked, err)
	}
	o.told(lab.SlackFirst, "") // that it is recorded, or, while the kill's last step is waited for, that it is taken
	o.becomes(card.TS, "approved by ana (slack)")
	o.await("the block on the agent", o.blockedOnAgent)
	if got := o.decisions(); len(got) != 1 {
		t.Errorf("decided %d times: %v", len(got), got)
	}
}

func TestSlackSilenceMeansNo(t *testing.T) {
	o := newChatOffice(t, lab.Pace{ApprovalWindow: 6 * time.Second})
	o.open()
	o.play()
	card := o.card("block 203.0.113.66", "agent shop-01")
	o.await("a reminder in the thread", func() bool {
		return slices.ContainsFunc(o.lab.Slack.Messages(), func(m slacktest.Message) bool {
			return m.Thread == card.TS && strings.HasPrefix(m.Text, "Still waiting")
		})
	})
	o.becomes(card.TS, "expired")
	o.press(lab.SlackFirst, card, slack.ApproveButton)
	o.told(lab.SlackFirst, "nothing to decide")
	if o.blockedOnAgent() {
		t.Error("silence, and a click that came too late, blocked")
	}
}

// What is protected is never opened by a button: two people with their own keys do, and one of them is not enough.
func TestProtectedIsNotForSlack(t *testing.T) {
	o := newChatOffice(t, lab.Pace{})
	o.edit(o.file, "networks: [198.51.100.250]", "networks: [203.0.113.66]")
	o.open()
	o.play()
	card := o.card("block 203.0.113.66", "agent shop-01")
	o.press(lab.SlackFirst, card, slack.ApproveButton)
	o.told(lab.SlackFirst, "--override-protected")
	pending := o.pending()
	at := slices.IndexFunc(pending, func(p activities.PendingApproval) bool { return p.Actions[0].System == "wazuh" })
	if at < 0 || o.blockedOnAgent() {
		t.Fatalf("the click opened a protected asset: %+v", pending)
	}
	request := pending[at].Request
	for _, step := range []struct {
		who  string
		flag []string
		code int
		want string
	}{
		{"ana", nil, 1, "--override-protected"},
		{"ana", []string{"--override-protected"}, 0, "needs more approvals"},
		{"ana", []string{"--override-protected"}, 1, "decided already"},
		{"ben", nil, 1, "--override-protected"},
		{"ben", []string{"--override-protected"}, 0, "recorded: approved"},
	} {
		if step.want == "decided already" && o.blockedOnAgent() {
			t.Fatal("one person overrode a protected asset")
		}
		args := append([]string{"approve", request, "--config", o.file, "--as", step.who, "--key", o.personKey(step.who)}, step.flag...)
		if out, code := run(t, time.Minute, args...); code != step.code || !strings.Contains(out, step.want) {
			t.Fatalf("%s %v: exit %d, want %d and %q:\n%s", step.who, step.flag, code, step.code, step.want, out)
		}
	}
	o.becomes(card.TS, "approved by ana (cli), ben (cli)")
	o.await("the block on the agent", o.blockedOnAgent)
}
