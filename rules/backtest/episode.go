package backtest

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// How an incident ends.
const (
	EndedQuiet = "quiet" // nothing came for long enough
	EndedAge   = "age"   // it was as old as an incident may get; the next detection opens another one
)

// episode is an incident that is open.
type episode struct {
	incident *Incident
	entity   soar.Entity
	brief    *soar.Brief // nil when no plan is asked
	earlier  []soar.Action
	revision int
}

// sums count what became of detections.
type sums struct{ opened, joined, alone, late, unfollowed, unplanned int }

// joinAll joins an event's detections: as the dispatcher tells first what opens, so that the rest of the event joins it.
func (t *Test) joinAll(at time.Time, all []soar.Detection) {
	for _, opening := range []bool{true, false} {
		for _, d := range all {
			if d.OpensIncident() == opening {
				t.join(at, d)
			}
		}
	}
}

// join does with a detection what the dispatcher would have done: it joins the open incident of its entity, or opens one,
// or stays alone.
func (t *Test) join(at time.Time, d soar.Detection) {
	if d.Late {
		t.sums.late++
	}
	key, made := d.Entity.IncidentKey(), t.tally(d.Rule)
	e := t.open[key]
	if e != nil {
		if end, by := t.endOf(e.incident); !at.Before(end) {
			t.end(key, end, by)
			e = nil
		}
	}
	switch {
	case e != nil:
		made.joined++
		t.sums.joined++
	case !d.OpensIncident():
		made.alone++
		t.sums.alone++
		return
	default:
		if e = t.begin(at, key, d); e == nil {
			t.sums.unfollowed++
			return
		}
		made.opened++
		t.sums.opened++
	}
	t.fold(at, e, d)
}

// endOf is when an incident ends unless something comes, and how.
func (t *Test) endOf(i *Incident) (at time.Time, by string) {
	quiet, age := i.Last.Add(t.setup.Quiet), i.Opened.Add(t.setup.Longest)
	if age.Before(quiet) {
		return age, EndedAge
	}
	return quiet, EndedQuiet
}

func (t *Test) end(key string, at time.Time, by string) {
	t.open[key].incident.Ended, t.open[key].incident.EndedBy = &at, by
	delete(t.open, key)
}

// begin opens an incident, unless as many as can be were followed; then nil.
func (t *Test) begin(at time.Time, key string, d soar.Detection) *episode {
	if len(t.followed) >= maxFollowed {
		return nil
	}
	t.episodes[key]++
	entity := d.Entity.Normalised()
	e := &episode{entity: entity, incident: &Incident{
		Key: key, Episode: t.episodes[key], Entity: entity.String(), Opened: at, OpenedBy: d.Rule.ID, Reasons: slices.Clone(d.Reasons), Level: d.Rule.Level,
	}}
	if len(t.followed) < maxPlanned && t.setup.Propose != nil {
		e.brief = &soar.Brief{}
	} else {
		t.sums.unplanned++
	}
	t.followed = append(t.followed, e.incident)
	t.open[key] = e
	return e
}

// fold adds a detection to its incident, which is judged and planned when it opens, and at news that matters.
func (t *Test) fold(at time.Time, e *episode, d soar.Detection) {
	i := e.incident
	i.Detections++
	i.Last = at
	if d.Rule.Level.Rank() > i.Level.Rank() {
		i.Level = d.Rule.Level
	}
	if !slices.Contains(i.Rules, d.Rule.ID) && len(i.Rules) < soar.MaxRules {
		i.Rules = append(i.Rules, d.Rule.ID)
	}
	if e.brief == nil {
		return
	}
	if material := e.brief.Add(soar.DetectionRef{}, d); (material || i.Detections == 1) && t.fault == nil {
		t.propose(at, e)
	}
}

func (t *Test) propose(at time.Time, e *episode) {
	i := e.incident
	answer, err := t.setup.Propose(Question{
		Incident: fmt.Sprintf("backtest-%s-%d", e.entity, i.Episode), Key: i.Key, Entity: e.entity, Brief: *e.brief, Earlier: e.earlier, Revision: e.revision,
	})
	if err != nil {
		t.fault = fmt.Errorf("plans: %w", err)
		return
	}
	e.revision++
	e.earlier = append(e.earlier, answer.Planned...)
	i.Score, i.Severity = answer.Score, answer.Severity
	if answer.Plan != "" {
		i.Plan = answer.Plan
	}
	for _, a := range answer.Actions {
		a.At = at
		a.OverCap = t.overCap(at, a)
		i.Actions = append(i.Actions, a)
	}
}

// overCap counts an action that would be carried out unless people deny it, and says whether the policy's cap refuses it.
func (t *Test) overCap(at time.Time, a Action) bool {
	limit, known := t.setup.Caps[a.Kind]
	if !known || a.Mode == soar.Suggest {
		return false
	}
	recent := slices.DeleteFunc(t.used[a.Kind], func(then time.Time) bool { return at.Sub(then) >= limit.Window })
	over := len(recent) >= limit.Actions
	if !over {
		recent = append(recent, at)
	}
	t.used[a.Kind] = recent
	return over
}
