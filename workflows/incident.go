package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Incident carries one episode of one entity from its detections to its close. State is nil at the start; a run that
// goes on brings it.
func Incident(ctx workflow.Context, entity soar.Entity, state *State) error {
	i := newIncident(ctx, entity, state)
	if err := i.listen(ctx); err != nil {
		return err
	}
	return i.run(workflow.WithActivityOptions(ctx, quick))
}

// incident is a run: the state, and what belongs to this run alone.
type incident struct {
	*State
	asking asking
	key    string // our own workflow id
	busy   int    // coroutines that carry an action
	news   workflow.ReceiveChannel
}

func newIncident(ctx workflow.Context, entity soar.Entity, state *State) *incident {
	i := &incident{State: state, key: workflow.GetInfo(ctx).WorkflowExecution.ID, news: workflow.GetSignalChannel(ctx, activities.NewsSignal)}
	if i.State == nil {
		now := workflow.Now(ctx).UTC()
		i.State = &State{Record: activities.IncidentRecord{
			ID: incidentID(ctx), Key: i.key, Entity: entity, Status: Open, Opened: now, Updated: now, Title: "Incident of " + entity.String(),
		}}
	}
	i.asking = asking{requests: &i.Requests, card: i.card, noted: i.decided}
	return i
}

func (i *incident) listen(ctx workflow.Context) error {
	if err := i.asking.listen(ctx); err != nil {
		return err
	}
	return workflow.SetQueryHandler(ctx, activities.StateQuery, func() (activities.IncidentRecord, error) { return i.now(), nil })
}

// now is the record as it stands, with what waits for people.
func (i *incident) now() activities.IncidentRecord {
	record := i.Record
	record.Pending = i.asking.pending(i.key)
	for _, m := range record.Remediation {
		record.Pending = append(record.Pending, m.Pending...)
	}
	return record
}

// run is the story.
func (i *incident) run(ctx workflow.Context) error {
	i.hearStands(ctx)
	if i.Record.Revision == 0 {
		claimed, err := i.claim(ctx)
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if claimed == 0 {
			return nil // others have them all: no case is opened
		}
		if err := i.open(ctx); err != nil {
			return err
		}
	} else {
		i.resume(ctx)
	}
	if err := i.watch(ctx); err != nil {
		return err
	}
	return i.close(ctx)
}

// open judges, opens the case, acts, and mends.
func (i *incident) open(ctx workflow.Context) (err error) {
	if i.Settings, err = doLocal(ctx, activities.ReadSettings, activities.None{}); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	i.LastNews = workflow.Now(ctx)
	i.titled(ctx)
	if err := i.enrichAndJudge(ctx); err != nil {
		return err
	}
	i.openCase(ctx)
	return i.respond(ctx)
}

// respond plans and begins what the plan says; then it looks for what made the attack possible, and mends that.
func (i *incident) respond(ctx workflow.Context) error {
	if err := i.contain(ctx); err != nil {
		return err
	}
	i.write(ctx)
	if err := i.expose(ctx); err != nil {
		return err
	}
	return i.remediate(ctx)
}

// titled makes the title from what is known.
func (i *incident) titled(ctx workflow.Context) {
	b := i.Record.Brief
	if len(b.Rules) > 0 {
		i.Record.Title = clip(b.Rules[0].Title+" on "+i.Record.Entity.Name, 200)
	}
	i.say(ctx, "%d detections of level %s: %s.", b.Detections, b.Level, strings.Join(titles(b.Rules), "; "))
}

func titles(rules []soar.Rule) (list []string) {
	for _, r := range rules {
		list = append(list, r.Title)
	}
	return list
}

// watch waits for quiet: no news, nothing that waits for people, every containment settled. Material news begins again
// at the judgement; an episode that lasts too long ends, and the next detection opens a linked one.
func (i *incident) watch(ctx workflow.Context) error {
	for {
		i.settleStatus(ctx)
		quiet := i.LastNews.Add(i.Settings.Quiet).Sub(workflow.Now(ctx))
		if quiet <= 0 && i.idle() {
			return nil
		}
		if workflow.Now(ctx).Sub(i.Record.Opened) >= i.Settings.Episode {
			i.say(ctx, "The episode lasted %s: it ends here, and the next detection opens a new one.", i.Settings.Episode)
			return nil
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && i.news.Len() == 0 && i.busy == 0 {
			return workflow.NewContinueAsNewError(ctx, Incident, i.Record.Entity, i.State)
		}
		if err := i.step(ctx, quiet); err != nil {
			return err
		}
	}
}

// step waits for the next thing that happens.
func (i *incident) step(ctx workflow.Context, quiet time.Duration) error {
	wait := quiet
	if wait <= 0 {
		wait = i.Settings.Quiet
	}
	before := len(i.Record.Timeline)
	options := workflow.AwaitOptions{Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: "quiet until the incident closes"}}
	if _, err := workflow.AwaitWithOptions(ctx, options, func() bool { return i.news.Len() > 0 || len(i.Record.Timeline) != before }); err != nil {
		return err
	}
	if i.news.Len() == 0 {
		return nil
	}
	claimed, err := i.claim(ctx)
	if err != nil || claimed == 0 {
		return err
	}
	i.LastNews = workflow.Now(ctx)
	if !i.Material {
		return nil
	}
	i.Material = false
	i.Replans++
	i.say(ctx, "News that matters: judged and planned again.")
	if err := i.enrichAndJudge(ctx); err != nil {
		return err
	}
	return i.respond(ctx)
}

// idle reports whether nothing of this incident is under way.
func (i *incident) idle() bool {
	return i.busy == 0 && len(i.asking.pending(i.key)) == 0 && workflowsSettled(i.Record)
}

// workflowsSettled reports whether every containment and remediation has come to an end that it won't leave by itself.
func workflowsSettled(r activities.IncidentRecord) bool {
	for _, a := range r.Actions {
		if a.State == string(soar.Planned) {
			return false
		}
	}
	for _, m := range r.Remediation {
		if !ended(m.Status) {
			return false
		}
	}
	return true
}

// claim takes what waits and folds what is newly ours. Detections that others have don't count.
func (i *incident) claim(ctx workflow.Context) (claimed int, err error) {
	for {
		var news activities.News
		if i.Record.Revision == 0 && claimed == 0 {
			i.news.Receive(ctx, &news)
		} else if !i.news.ReceiveAsync(&news) {
			return claimed, nil
		}
		known := i.Record.Brief.Detections
		answer, err := do(workflow.WithActivityOptions(ctx, patient), activities.ClaimDetections, activities.ClaimRequest{Incident: i.Record.ID, Detections: news.Detections})
		if err != nil {
			return claimed, err
		}
		if answer.Count == 0 {
			if known == 0 && i.news.Len() == 0 {
				return 0, nil
			}
			continue
		}
		claimed += answer.Count
		i.Material = i.Record.Brief.Merge(answer.News) || i.Material
		if room := maxDetections - len(i.Detections); room > 0 {
			i.Detections = append(i.Detections, news.Detections[:min(room, len(news.Detections))]...)
		}
	}
}
