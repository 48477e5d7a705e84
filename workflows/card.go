package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How much the card shows of each list; the record has all.
const (
	cardReasons  = 8
	cardWeak     = 6
	cardTimeline = 25
)

// details is the analysts' card in the Temporal UI: how it stands, what waits for them, what was done, why, and what
// happened. Hostile text stays text: nothing in it becomes a link or markup.
func (i *incident) details(ctx workflow.Context) {
	r := i.now()
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n", escape(r.Title))
	fmt.Fprintf(&text, "**%s** · severity **%s** · score %d of 100 · confidence %.0f %% · %s since %s\n\n",
		escape(r.Status), r.Verdict.Severity, r.Verdict.Score, 100*r.Verdict.Confidence, count(r.Brief.Detections, "detection"), clock(r.Brief.First))
	if r.Case.ID != "" {
		fmt.Fprintf(&text, "Case %s in %s · incident %s\n\n", escape(r.Case.ID), escape(r.Case.System), r.ID)
	}
	section(&text, "Waits for people", i.cardPending(r))
	section(&text, "Actions", i.cardActions(r))
	section(&text, "Who and what", cardSeen(r.Brief))
	section(&text, "Why this score", cardList(r.Verdict.Reasons, cardReasons))
	section(&text, "What made it possible", cardWeaknesses(r.Exposure))
	var lines []string
	for _, entry := range r.Timeline[max(0, len(r.Timeline)-cardTimeline):] {
		lines = append(lines, entry.At.UTC().Format(time.TimeOnly)+" "+escape(entry.Text))
	}
	section(&text, "What happened", lines)
	workflow.SetCurrentDetails(ctx, text.String())
}

// section writes a heading and a list; a list of nothing has none.
func section(text *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(text, "**%s**\n\n", title)
	for _, line := range lines {
		fmt.Fprintf(text, "- %s\n", line)
	}
	text.WriteString("\n")
}

// clock is a time of day for people.
func clock(at time.Time) string { return at.UTC().Format("15:04:05Z") }

// plainly is an action in plain words.
func plainly(a soar.Action) string {
	text := strings.ReplaceAll(a.Kind, "_", " ") + " " + a.Target + " on " + a.Place()
	if a.For > 0 {
		text += " for " + lasting(a.For)
	}
	return escape(text)
}

// lasting is a duration without its zeroes: 1h, 90s as 1m30s.
func lasting(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// cardPending says what people must decide, until when, and how.
func (i *incident) cardPending(r activities.IncidentRecord) (lines []string) {
	for _, p := range r.Pending {
		for _, a := range p.Actions {
			line := fmt.Sprintf("**%s?** no answer by %s means no", plainly(a), clock(p.Expires))
			if p.Needs > 1 {
				line += fmt.Sprintf("; %d of %d people approved", len(p.Approved), p.Needs)
			}
			lines = append(lines, line+": `sallyport approve "+p.Request+"`, or deny")
		}
	}
	return lines
}

// cardActions says how each action stands.
func (i *incident) cardActions(r activities.IncidentRecord) (lines []string) {
	for _, a := range r.Actions {
		what := soar.Action{Kind: a.Kind, Target: a.Target, System: a.System, On: a.On}
		if at := slices.IndexFunc(i.Planned, func(p soar.Action) bool { return p.ID == a.ID }); at >= 0 {
			what = i.Planned[at]
		}
		state := a.State
		if slices.ContainsFunc(r.Pending, func(p activities.PendingApproval) bool { return p.Request == a.ID }) {
			state = "waits for people"
		}
		line := fmt.Sprintf("%s: **%s**", plainly(what), escape(state))
		if a.State == string(soar.Contained) && a.Expires != nil {
			line += " until " + clock(*a.Expires)
		}
		switch {
		case len(a.DecidedBy) > 0:
			line += fmt.Sprintf(", %s by %s", a.Outcome, escape(strings.Join(a.DecidedBy, ", ")))
		case a.Mode == soar.Auto:
			line += ", by the policy"
		}
		lines = append(lines, line)
	}
	return lines
}

// cardSeen are the incident's assets and observables.
func cardSeen(b soar.Brief) (lines []string) {
	for _, a := range b.Assets {
		line := "asset **" + escape(a.Name) + "**"
		if a.Address != "" {
			line += " " + escape(a.Address)
		}
		if a.AgentID != "" {
			line += ", agent " + escape(a.AgentID)
		}
		lines = append(lines, line)
	}
	for _, o := range b.Observables {
		lines = append(lines, escape(o.Type)+" "+escape(o.Value))
	}
	return shortened(lines, cardReasons)
}

func cardList(list []string, most int) (lines []string) {
	for _, text := range list {
		lines = append(lines, escape(text))
	}
	return shortened(lines, most)
}

// cardWeaknesses are the vulnerabilities, the worst first.
func cardWeaknesses(e activities.Exposure) (lines []string) {
	found := slices.Clone(e.Vulnerabilities)
	slices.SortStableFunc(found, func(a, b activities.Vulnerability) int { return cmp.Compare(b.Score, a.Score) })
	for _, v := range found {
		line := fmt.Sprintf("%s on %s, score %.1f", escape(v.CVE), escape(v.Asset.Name), v.Score)
		if v.Package != "" {
			line += ", in " + escape(v.Package) + " " + escape(v.Version)
		}
		lines = append(lines, line)
	}
	return shortened(lines, cardWeak)
}

// shortened keeps the first lines, and says how many more there are.
func shortened(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	return append(lines[:most:most], fmt.Sprintf("and %d more", len(lines)-most))
}

// escape keeps text from being read as markup: characters that mean something, what a list item or heading begins with,
// and what a reader of web pages would make a link of.
func escape(text string) string {
	text = marks.Replace(text)
	if strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		text = "\\" + text
	}
	return text
}

var marks = strings.NewReplacer("\\", "\\\\", "`", "'", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "#", "\\#", "|", "\\|", "~", "\\~",
	"://", ":&#47;&#47;", "www.", "www&#46;", "@", "&#64;", "\r", " ", "\n", " ")
