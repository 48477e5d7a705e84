package backtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// How a rule differs from the rules in use.
const (
	StatusNew     = "new"
	StatusChanged = "changed" // its file differs
	StatusSame    = "same"
	StatusGone    = "gone"
)

// tally is what is counted of one rule.
type tally struct {
	rule        soar.Rule
	status      string
	detections  int
	matches     int            // that only feed correlations
	suppressed  map[string]int // by the suppression
	correlated  correlate.Counts
	late        int
	faults      int
	inUse       int // detections of the rules in use
	added, gone int // events that only the one or the other detects
	opened      int // incidents
	joined      int
	alone       int // detections that only join, and found nothing open
	days        map[string]int
	entities    map[string]int
	beyond      int // detections of entities that are not kept
	first, last time.Time
	samples     []Sample
}

func (t *Test) tally(rule soar.Rule) *tally {
	made := t.tallies[rule.ID]
	if made == nil {
		made = &tally{rule: rule, suppressed: map[string]int{}, days: map[string]int{}, entities: map[string]int{}}
		t.tallies[rule.ID] = made
	}
	return made
}

func (y *tally) add(t *Test, at time.Time, d soar.Detection) {
	y.detections++
	if d.Late {
		y.late++
	}
	if y.detections == 1 {
		y.first = at.UTC()
	}
	y.last = at.UTC()
	y.days[at.UTC().Format(time.DateOnly)]++
	if len(y.samples) < maxSamples {
		y.samples = append(y.samples, Sample{At: at.UTC(), Index: d.Event.Index, ID: d.Event.ID, Entity: d.Entity.String(), Summary: d.Summary})
	}
	name := d.Entity.Normalised().String()
	switch _, kept := y.entities[name]; {
	case kept:
		y.entities[name]++
	case len(y.entities) < maxEntities && t.entities < maxAllEntries:
		y.entities[name] = 1
		t.entities++
	default:
		y.beyond++
	}
}

// shows reports whether the rule is worth a line of its own.
func (y *tally) shows() bool {
	return y.detections > 0 || y.matches > 0 || len(y.suppressed) > 0 || y.inUse > 0 || y.faults > 0 || y.status != "" && y.status != StatusSame
}

func (y *tally) result() Rule {
	r := Rule{
		ID: y.rule.ID, Title: y.rule.Title, Level: y.rule.Level, Status: y.status, Detections: y.detections, Late: y.late, Faults: y.faults,
		InUse: y.inUse, Added: y.added, Gone: y.gone, Opened: y.opened, Joined: y.joined, Alone: y.alone,
		Entities: len(y.entities), MoreEntities: y.beyond > 0, Samples: append([]Sample{}, y.samples...), Days: []Count{}, Most: []Count{},
		Matches: y.matches, Silent: y.correlated.Silent, Evicted: y.correlated.Evicted, SuppressedBy: []Count{},
	}
	for suppression, count := range y.suppressed {
		r.Suppressed += count
		r.SuppressedBy = append(r.SuppressedBy, Count{suppression, count})
	}
	slices.SortFunc(r.SuppressedBy, byCount)
	if y.detections > 0 {
		r.First, r.Last = &y.first, &y.last
	}
	for day, count := range y.days {
		r.Days = append(r.Days, Count{day, count})
	}
	slices.SortFunc(r.Days, func(a, b Count) int { return strings.Compare(a.Name, b.Name) })
	for entity, count := range y.entities {
		r.Most = append(r.Most, Count{entity, count})
	}
	slices.SortFunc(r.Most, byCount)
	r.Most = r.Most[:min(len(r.Most), maxNamed)]
	return r
}

// byCount orders the greatest first, those of one count by name.
func byCount(a, b Count) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Name, b.Name)) }
