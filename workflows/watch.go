package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// watch waits for quiet: no news, nothing that waits for people, every containment settled. Material news begins again
// at the judgement; an episode that lasts too long ends, and the next detection opens a linked one. again asks for a
// new run: the history has grown long, and nothing is under way that the state does not hold.
func (i *incident) watch(ctx workflow.Context) (again bool, err error) {
	for {
		i.settleStatus(ctx)
		if i.fault != nil {
			return false, i.fault
		}
		if i.over(ctx) {
			i.Ending = "after " + i.Settings.Quiet.String() + " of quiet"
			return false, nil
		}
		left := i.Record.Opened.Add(i.Settings.Episode).Sub(workflow.Now(ctx))
		if left <= 0 {
			return false, i.endEpisode(ctx)
		}
		if i.mayRenew(ctx) {
			return true, nil
		}
		quiet := i.LastNews.Add(i.Settings.Quiet).Sub(workflow.Now(ctx))
		if quiet <= 0 {
			quiet = i.Settings.Quiet // what is under way is waited for
		}
		if err := i.step(ctx, min(quiet, left)); err != nil {
			return false, err
		}
	}
}

// mayRenew reports whether another run should and can go on from the state: every signal is taken in, and whoever is
// busy waits for people, or for the case system, as the next run will.
func (i *incident) mayRenew(ctx workflow.Context) bool {
	waiting := i.asking.parked()
	if i.opening {
		waiting++
	}
	drained := i.news.Len() == 0 && i.stood.Len() == 0 && i.mended.Len() == 0
	return workflow.GetInfo(ctx).GetContinueAsNewSuggested() && drained && i.busy == waiting && i.asking.posting == 0 && workflow.AllHandlersFinished(ctx)
}

// endEpisode ends an episode that lasted too long: whom nobody has answered is answered no.
func (i *incident) endEpisode(ctx workflow.Context) error {
	i.Ending = "after " + i.Settings.Episode.String() + ", as long as an episode may last; the next detection opens a new one"
	i.endRequests()
	return workflow.Await(ctx, func() bool { return i.busy == 0 || i.busy == 1 && i.opening })
}

func (i *incident) endRequests() {
	for n := range i.Requests {
		if i.Requests[n].Outcome == "" {
			i.Requests[n].Outcome = soar.Expired
		}
	}
}

// step waits for the next thing that happens, and takes news in.
func (i *incident) step(ctx workflow.Context, wait time.Duration) error {
	before := i.Said
	options := workflow.AwaitOptions{Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: "quiet until the incident closes"}}
	_, err := workflow.AwaitWithOptions(ctx, options, func() bool {
		return i.news.Len() > 0 || i.Said != before || i.fault != nil || i.over(ctx) || i.mayRenew(ctx)
	})
	if err != nil || i.news.Len() == 0 {
		return err
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

// over reports whether it has been quiet for long enough, and nothing is under way any more.
func (i *incident) over(ctx workflow.Context) bool {
	return !workflow.Now(ctx).Before(i.LastNews.Add(i.Settings.Quiet)) && i.idle()
}

// idle reports whether nothing of this incident is under way.
func (i *incident) idle() bool {
	return i.busy == 0 && i.news.Len() == 0 && len(i.asking.pending(i.key)) == 0 && workflowsSettled(i.Record)
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
