package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// enrichAndJudge asks every source side by side, and lets the policy weigh what they say.
func (i *incident) enrichAndJudge(ctx workflow.Context) (err error) {
	if i.Record.Answers, err = i.enrich(ctx); err != nil {
		return fmt.Errorf("enrich: %w", err)
	}
	i.Record.Verdict, err = do(workflow.WithActivityOptions(ctx, patient), activities.Judge, activities.JudgeRequest{Incident: i.Record.ID, Key: i.key, Brief: i.Record.Brief, Answers: i.Record.Answers})
	if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	v := i.Record.Verdict
	i.say(ctx, "Judged: score %d of 100, severity %s, confidence %.0f %%. %s", v.Score, v.Severity, 100*v.Confidence, strings.Join(v.Reasons, "; "))
	i.audit(ctx, "judged", "", map[string]any{
		"score": v.Score, "severity": v.Severity, "confidence": v.Confidence, "reasons": v.Reasons, "policy": v.PolicyVersion,
		"rules": ruleVersions(i.Record.Brief.Rules), "evidence": eventsOf(i.Record.Brief.Evidence), "unanswered": silent(i.Record.Answers),
	})
	return i.index(ctx)
}

// ruleVersions are the rules that fired, each with the version that did.
func ruleVersions(rules []soar.Rule) (list []string) {
	for _, r := range rules {
		list = append(list, strings.TrimSuffix(r.ID+"@"+r.Version, "@"))
	}
	return list
}

// eventsOf are where the events lie that show it.
func eventsOf(evidence []soar.Evidence) (list []string) {
	for _, e := range evidence {
		list = append(list, e.Event.Index+"/"+e.Event.ID)
	}
	return list
}

// silent are the sources that did not answer.
func silent(answers []soar.Answer) (list []string) {
	for _, a := range answers {
		if !a.Answered {
			list = append(list, a.Source)
		}
	}
	return list
}

// enrich asks the sources. One that is down is named and lowers the confidence; it never stops the chain.
func (i *incident) enrich(ctx workflow.Context) ([]soar.Answer, error) {
	sources, err := doLocal(ctx, activities.ListSources, activities.None{})
	if err != nil {
		return nil, err
	}
	asked := workflow.WithActivityOptions(ctx, source(i.Settings.SourceTimeout))
	futures := make([]workflow.Future, len(sources.Names))
	for n, name := range sources.Names {
		futures[n] = begin(asked, activities.AskSource, activities.Inquiry{
			Incident: i.Record.ID, Source: name, Observables: i.Record.Brief.Observables, Assets: i.Record.Brief.Assets,
		})
	}
	answers := make([]soar.Answer, len(futures))
	for n, future := range futures {
		answers[n] = soar.Answer{Source: sources.Names[n]}
		if err := future.Get(ctx, &answers[n]); err != nil {
			answers[n] = soar.Answer{Source: sources.Names[n], Detail: clip(said(err), 200)}
			i.say(ctx, "%s does not answer: the judgement rests on the others.", sources.Names[n])
			continue
		}
		i.say(ctx, "%s answered: %s.", sources.Names[n], worst(answers[n]))
	}
	return answers, nil
}

// worst is the strongest word of an answer.
func worst(a soar.Answer) string {
	for _, opinion := range []soar.Opinion{soar.Malicious, soar.Suspicious, soar.Harmless} {
		for _, r := range a.Readings {
			if r.Opinion == opinion {
				return clip(fmt.Sprintf("%s is %s (%s)", r.About.Value, r.Opinion, r.Detail), 200)
			}
		}
	}
	return count(len(a.Readings), "reading") + ", nothing against anybody"
}
