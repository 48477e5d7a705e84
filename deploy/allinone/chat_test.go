package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/internal/lab"
)

// chatOffice is an office whose people are asked in Slack: the lab runs in this process, so that a test can press its
// buttons, and Sallyport in another, so that it can be killed.
type chatOffice struct {
	*office
	lab     *lab.Lab
	running *started
}

func newChatOffice(t *testing.T, pace lab.Pace) *chatOffice {
	t.Helper()
	site, systems := newSite(t, lab.Options{Events: lab.RecordedAttack(), Slack: true, Pace: pace})
	return &chatOffice{office: site, lab: systems}
}

func (o *office) personKey(name string) string {
	return filepath.Join(filepath.Dir(o.file), name+".key")
}

// open starts Sallyport and waits until it hears Slack.
func (o *chatOffice) open() {
	o.t.Helper()
	o.running = o.up()
	o.await("the gateway's connection", o.lab.Slack.Connected)
}

func (o *chatOffice) await(what string, seen func() bool) {
	o.t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if seen() {
			return
		}
		o.pause(50 * time.Millisecond)
	}
	o.t.Fatalf("never came: %s; Slack shows %s, blocked %v", what, o.shown(), o.lab.Blocked(o.t.Context()))
}

func (o *chatOffice) shown() string {
	var text strings.Builder
	for _, m := range o.lab.Slack.Messages() {
		fmt.Fprintf(&text, "\n%s only=%q %s %s", m.TS, m.Only, m.Text, m.Blocks)
	}
	return text.String()
}

// card waits for the card whose first line has all of the words.
func (o *chatOffice) card(words ...string) (card slacktest.Message) {
	o.t.Helper()
	o.await("a card of "+strings.Join(words, " "), func() bool {
		at := slices.IndexFunc(o.lab.Slack.Messages(), func(m slacktest.Message) bool {
			return len(m.Blocks) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(m.Text, w) })
		})
		if at >= 0 {
			card = o.lab.Slack.Messages()[at]
		}
		return at >= 0
	})
	return card
}

// becomes waits until a card shows a text, and has no button any more.
func (o *chatOffice) becomes(ts, want string) {
	o.t.Helper()
	o.await("card "+ts+" with "+want, func() bool {
		at := slices.IndexFunc(o.lab.Slack.Messages(), func(m slacktest.Message) bool { return m.TS == ts })
		look := string(o.lab.Slack.Messages()[at].Blocks)
		return strings.Contains(look, want) && !strings.Contains(look, slack.ApproveButton) && !strings.Contains(look, slack.DenyButton)
	})
}

func (o *chatOffice) told(user, want string) {
	o.t.Helper()
	o.await(user+" told "+want, func() bool {
		return slices.ContainsFunc(o.lab.Slack.Messages(), func(m slacktest.Message) bool { return m.Only == user && strings.Contains(m.Text, want) })
	})
}

func (o *chatOffice) press(user string, card slacktest.Message, button string) {
	o.t.Helper()
	if acked, err := o.lab.Slack.PressValue(user, card.TS, button, o.value(card)); err != nil || !acked {
		o.t.Errorf("press of %s by %s: acknowledged %v, %v", button, user, acked, err)
	}
}

// value is what the buttons of a card carried when it was asked.
func (o *chatOffice) value(card slacktest.Message) string {
	o.t.Helper()
	at := bytes.Index(card.Blocks, []byte(`"value":"`))
	if at < 0 {
		o.t.Fatalf("the card has no button: %s", card.Blocks)
	}
	value, _, _ := strings.Cut(string(card.Blocks[at+len(`"value":"`):]), `"`)
	return value
}

// decisions are the details of the audit log's entries of what people decided.
func (o *chatOffice) decisions() (list []string) {
	o.t.Helper()
	var found opensearch.Result
	err := o.state.Refresh(o.t.Context(), "sallyport-audit-*")
	if err == nil {
		err = o.state.Search(o.t.Context(), "sallyport-audit-*", map[string]any{"size": 100, "query": map[string]any{"term": map[string]any{"what": "decided"}}}, &found)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	for _, entry := range found.Documents() {
		list = append(list, string(entry.Source))
	}
	return list
}

func (o *chatOffice) pending() (list []activities.PendingApproval) {
	for _, r := range o.records() {
		list = append(list, r.Pending...)
	}
	return list
}

func (o *chatOffice) blockedOnAgent() bool {
	return slices.Contains(o.lab.Blocked(o.t.Context()), "agent shop-01 203.0.113.66")
}

// expectNoToken looks for Slack's tokens where none may be: in what was logged, and in every history.
func (o *chatOffice) expectNoToken() {
	o.t.Helper()
	logged, err := os.ReadFile(o.running.logs)
	if err != nil {
		o.t.Fatal(err)
	}
	places := map[string]string{"the log": string(logged)}
	temporal, err := o.config.Temporal.DialOnce(o.t.Context(), quietLogger())
	if err != nil {
		o.t.Fatal(err)
	}
	defer temporal.Close()
	listed, err := temporal.ListWorkflow(o.t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: o.config.Temporal.Namespace})
	if err != nil || len(listed.Executions) < 4 {
		o.t.Fatalf("list: %v, %d workflows", err, len(listed.GetExecutions()))
	}
	for _, w := range listed.Executions {
		var text strings.Builder
		history := temporal.GetWorkflowHistory(o.t.Context(), w.Execution.WorkflowId, w.Execution.RunId, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			event, err := history.Next()
			if err != nil {
				o.t.Fatal(err)
			}
			line, err := json.Marshal(event)
			if err != nil {
				o.t.Fatal(err)
			}
			text.Write(line)
			text.WriteString(event.String())
		}
		places["the history of "+w.Execution.WorkflowId] = text.String()
	}
	for place, text := range places {
		for _, token := range []string{slacktest.BotToken, slacktest.AppToken} {
			if strings.Contains(text, token) {
				o.t.Errorf("%s shows a token", place)
			}
		}
	}
}
