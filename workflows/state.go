package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Statuses of an incident.
const (
	Open      = "open"
	InControl = "contained"
	Watching  = "watching"
	Closed    = "closed"
)

// maxTimeline and maxDetections bound what the state keeps.
const (
	maxTimeline   = 200
	maxDetections = 200
)

// State is all that an incident knows; it goes from run to run. Slices, no maps, so that a replay sees one order.
type State struct {
	Record     activities.IncidentRecord `json:"record"`
	Settings   activities.Settings       `json:"settings"`
	Detections []soar.DetectionRef       `json:"detections"` // the first ones: the evidence for grants
	Planned    []soar.Action             `json:"planned"`    // of every revision: none is planned twice
	Plans      []soar.Plan               `json:"plans"`
	Requests   []Request                 `json:"requests"`
	LastNews   time.Time                 `json:"last_news"`
	Audits     int                       `json:"audits"` // entries so far: part of their cause
	Claims     int                       `json:"claims"` // so far: what an earlier one brought is not counted again
	Material   bool                      `json:"material"`
	Replans    int                       `json:"replans"`
	Said       int                       `json:"said"`               // lines of the timeline so far, with those that gave way
	Caseless   bool                      `json:"caseless,omitempty"` // the case system refuses to open a case
	Ending     string                    `json:"ending,omitempty"`   // why the episode ended
}

// say adds a line to the timeline. A full one keeps how it began and what came last.
func (s *State) say(ctx workflow.Context, format string, args ...any) {
	if lines := s.Record.Timeline; len(lines) >= maxTimeline {
		s.Record.Timeline = slices.Delete(lines, maxTimeline/2, maxTimeline/2+1)
	}
	s.Said++
	s.Record.Timeline = append(s.Record.Timeline, activities.TimelineEntry{At: workflow.Now(ctx).UTC(), Text: clip(fmt.Sprintf(format, args...), 400)})
}

// count is a number with its noun: "1 detection", "2 vulnerabilities".
func count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// action is the record of an action; it is added when it is not there.
func (s *State) action(a soar.Action) *activities.ActionRecord {
	for i := range s.Record.Actions {
		if s.Record.Actions[i].ID == a.ID {
			return &s.Record.Actions[i]
		}
	}
	s.Record.Actions = append(s.Record.Actions, activities.ActionRecord{
		ID: a.ID, Kind: a.Kind, Target: a.Target, System: a.System, On: a.On, Mode: a.Mode, Reason: a.Reason, State: string(soar.Planned),
	})
	return &s.Record.Actions[len(s.Record.Actions)-1]
}

// solo is the plan that holds this one action: what people sign, and what is granted.
func (s *State) solo(a soar.Action) soar.Plan {
	for _, p := range s.Plans {
		if _, ok := p.Find(a.ID); ok {
			p.Actions = []soar.Action{a}
			return p
		}
	}
	return soar.Plan{Incident: s.Record.ID, Key: s.Record.Key, Actions: []soar.Action{a}}
}
