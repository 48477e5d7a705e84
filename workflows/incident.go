package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
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
	asking  asking
	key     string // our own workflow id
	busy    int    // coroutines that carry an action, open the case, or take in what a containment says
	opening bool   // one of them waits for the case system, and for nothing else
	looking bool   // one of them looks for what made the attack possible, and mends it
	changed bool   // and must look again
	fault   error  // why it could not
	news    workflow.ReceiveChannel
	stood   workflow.ReceiveChannel // containments say how they stand
	mended  workflow.ReceiveChannel // and remediations
}

func newIncident(ctx workflow.Context, entity soar.Entity, state *State) *incident {
	i := &incident{
		State: state, key: workflow.GetInfo(ctx).WorkflowExecution.ID, news: workflow.GetSignalChannel(ctx, activities.NewsSignal),
		stood: workflow.GetSignalChannel(ctx, activities.StandsSignal), mended: workflow.GetSignalChannel(ctx, remediationSignal),
	}
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
	i.hear(ctx)
	if i.Record.Revision == 0 {
		claimed, err := i.claim(ctx)
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if claimed == 0 {
			return nil // others have them all: no case is opened
		}
		if err := i.open(ctx); err != nil {
			return i.broken(ctx, err)
		}
	} else {
		i.resume(ctx)
	}
	again, err := i.watch(ctx)
	switch {
	case err != nil:
		return i.broken(ctx, err)
	case again:
		return workflow.NewContinueAsNewError(ctx, Incident, i.Record.Entity, i.State)
	}
	return i.close(ctx)
}

// broken ends an incident that can't go on: its record says so, and people are told. Its containments live on.
func (i *incident) broken(ctx workflow.Context, cause error) error {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	if temporal.IsCanceledError(cause) {
		i.Ending = "since somebody cancelled it"
		i.endRequests()
		return errors.Join(cause, i.close(ctx))
	}
	i.say(ctx, "This incident can't go on by itself: %s.", cause)
	i.write(ctx)
	tellPeople(ctx, activities.Message{
		Incident: i.Record.ID, Workflow: i.key, Level: "ERROR", Key: i.Record.ID + "/broken",
		Text: i.Record.Title + " can't go on by itself, look at it: " + clip(cause.Error(), 300),
	})
	return cause
}

// open judges, opens the case, acts, and mends.
func (i *incident) open(ctx workflow.Context) (err error) {
	if i.Settings, err = doLocal(ctx, activities.ReadSettings, activities.None{}); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	i.LastNews, i.Material = workflow.Now(ctx), false // what opens it is judged now
	i.titled(ctx)
	i.link(ctx)
	if err := i.enrichAndJudge(ctx); err != nil {
		return err
	}
	i.openCase(ctx)
	return i.respond(ctx)
}

// respond plans and begins what the plan says; beside that it looks for what made the attack possible, and mends it.
func (i *incident) respond(ctx workflow.Context) error {
	if err := i.contain(ctx); err != nil {
		return err
	}
	i.write(ctx)
	i.mend(ctx)
	return nil
}

// mend looks and mends in a coroutine of its own: a scan takes hours, and news must not wait for it. Who is called for
// meanwhile is looked at afterwards: there is one such coroutine.
func (i *incident) mend(ctx workflow.Context) {
	i.changed = true
	if i.looking {
		return
	}
	i.looking = true
	i.busy++
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { i.busy--; i.looking = false }()
		for i.changed && i.fault == nil {
			i.changed = false
			if i.fault = i.expose(ctx); i.fault == nil {
				i.fault = i.remediate(ctx)
			}
		}
	})
}

// titled makes the title from what is known.
func (i *incident) titled(ctx workflow.Context) {
	b := i.Record.Brief
	if len(b.Rules) > 0 {
		i.Record.Title = clip(b.Rules[0].Title+" on "+i.Record.Entity.Name, 200)
	}
	i.say(ctx, "%s of level %s: %s.", count(b.Detections, "detection"), b.Level, strings.Join(titles(b.Rules), "; "))
}

// link names the episode before this one, if its records are kept still.
func (i *incident) link(ctx workflow.Context) {
	last, err := do(ctx, activities.LastEpisode, activities.EpisodeRequest{Key: i.key, Incident: i.Record.ID})
	if err != nil || last.ID == "" {
		return
	}
	i.Record.Previous = last.ID
	i.say(ctx, "An earlier episode ended at %s: %s.", last.Closed.UTC().Format("2006-01-02 15:04Z"), last.ID)
}

func titles(rules []soar.Rule) (list []string) {
	for _, r := range rules {
		list = append(list, r.Title)
	}
	return list
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
		i.Claims++
		answer, err := do(workflow.WithActivityOptions(ctx, patient), activities.ClaimDetections, activities.ClaimRequest{Incident: i.Record.ID, Claim: i.Claims, Detections: news.Detections})
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
		i.Material = i.again(answer.News) || i.Material
		i.Material = i.Record.Brief.Merge(answer.News) || i.Material
		if room := maxDetections - len(i.Detections); room > 0 {
			i.Detections = append(i.Detections, news.Detections[:min(room, len(news.Detections))]...)
		}
	}
}
