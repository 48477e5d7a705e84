package slack

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Names that Slack keeps for us and gives back.
const (
	eventType     = "sallyport_approval"
	ApproveButton = "sallyport_approve"
	DenyButton    = "sallyport_deny"
)

// maxSection is how much text Slack takes in one section, in characters; maxCredit is how much of it names a rule's
// author and licence.
const (
	maxSection = 3000
	maxCredit  = 300
)

// card draws an approval: what, where, why, until when; buttons while it is pending, a stamp after.
func card(c activities.Card, key ed25519.PrivateKey) (fallback string, blocks []slack.Block) {
	fallback = headline(c)
	blocks = append(blocks, section("*"+escape(fallback)+"*"), section(escape(body(c))))
	if len(c.Evidence) > 0 {
		blocks = append(blocks, section(escape(evidence(c.Evidence))))
	}
	if c.Outcome != "" {
		return fallback, append(blocks, section("*"+escape(stamp(c))+"*"))
	}
	value := Button{Workflow: c.Workflow, Request: c.Request, Digest: c.Digest}.Seal(key)
	approve := slack.NewButtonBlockElement(ApproveButton, value, plain("Approve")).WithStyle(slack.StyleDanger).WithConfirm(confirm(c))
	deny := slack.NewButtonBlockElement(DenyButton, value, plain("Deny"))
	return fallback, append(blocks, slack.NewActionBlock("sallyport_decide", approve, deny))
}

func headline(c activities.Card) string {
	text := "Approve?"
	if c.Reminder {
		text = "Still waiting for approval:"
	}
	for _, a := range c.Actions {
		text += " " + describe(a)
	}
	return text
}

// describe is an action in plain words.
func describe(a soar.Action) string {
	switch a.Kind {
	case soar.BlockAddress:
		return fmt.Sprintf("block %s on %s for %s", a.Target, a.Place(), a.For)
	case soar.Patch:
		return fmt.Sprintf("run playbook %s on %s", a.Playbook, a.Target)
	}
	return a.String()
}

func body(c activities.Card) string {
	lines := []string{
		fmt.Sprintf("Incident %s, severity %s, score %d, confidence %.0f %%.", c.Incident, c.Verdict.Severity, c.Verdict.Score, 100*c.Verdict.Confidence),
		fmt.Sprintf("Needs %d, expires %s; silence means no.", max(1, c.Needs), c.Expires.UTC().Format(time.RFC3339)),
		fmt.Sprintf("On the command line: sallyport approve %s", c.Request),
	}
	if len(c.DecidedBy) > 0 && c.Outcome == "" {
		lines = append(lines, "Approved so far: "+strings.Join(c.DecidedBy, ", "))
	}
	for _, a := range c.Actions {
		if a.Reason != "" {
			lines = append(lines, "Why: "+a.Reason)
		}
	}
	if c.Case.URL != "" {
		lines = append(lines, "Case: "+c.Case.URL)
	}
	return strings.Join(lines, "\n")
}

func evidence(list []soar.Evidence) string {
	var lines []string
	for _, e := range list[:min(3, len(list))] {
		rule := e.Rule
		if e.Credit != "" {
			rule += " (" + clip(e.Credit, maxCredit) + ")"
		}
		lines = append(lines, fmt.Sprintf("%s  %s: %s", e.At.UTC().Format(time.TimeOnly), rule, e.Summary))
	}
	return strings.Join(lines, "\n")
}

func stamp(c activities.Card) string {
	text := string(c.Outcome)
	if len(c.DecidedBy) > 0 {
		text += " by " + strings.Join(c.DecidedBy, ", ")
	}
	return text
}

func confirm(c activities.Card) *slack.ConfirmationBlockObject {
	return slack.NewConfirmationBlockObject(plain("Carry this out?"), plain(clip(headline(c), 300)), plain("Approve"), plain("Back")).WithStyle(slack.StyleDanger)
}

func section(text string) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, clip(text, maxSection), false, true), nil, nil)
}

func plain(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
}

// escape keeps hostile text text: no mention, no link, no channel ping can be made of it.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
