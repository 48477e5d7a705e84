package backtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Result is what a backtest found, as -o json prints it. Times are UTC.
type Result struct {
	Stream      string    `json:"stream"`
	Index       string    `json:"index"`
	TimeField   string    `json:"time_field"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Complete    bool      `json:"complete"`
	Partial     []string  `json:"partial,omitempty"`     // why it is not complete
	Documents   int64     `json:"documents"`             // of the window
	Evaluated   int64     `json:"evaluated"`             // of these
	Unreadable  int64     `json:"unreadable"`            // of these: no rule could be tried on them
	Broken      []string  `json:"broken,omitempty"`      // the first ones of them
	WithoutTime int64     `json:"without_time"`          // documents of the indices that belong to no window
	Tried       int       `json:"rules_tried"`           // rules
	Refused     []string  `json:"refused,omitempty"`     // files that are no rules
	Compared    bool      `json:"compared"`              // with the rules in use now
	Rules       []Rule    `json:"rules"`                 // those that have anything to say
	Incidents   Incidents `json:"incidents"`             // that would have opened
	Actions     []Sum     `json:"actions"`               // that would have been proposed
	Days        []Day     `json:"days"`                  // detections by day and level
	Timeline    []Slot    `json:"timeline"`              // the same by slots of equal length
	SlotSeconds int       `json:"timeline_slot_seconds"` // which is this
	Assumptions []string  `json:"assumptions"`           // what is not as it would have been
}

// Rule is what one rule would have done.
type Rule struct {
	ID           string     `json:"id"`
	Title        string     `json:"title"`
	Level        soar.Level `json:"level"`
	Status       string     `json:"status,omitempty"` // against the rules in use: new, changed, same, gone
	Detections   int        `json:"detections"`
	Matches      int        `json:"matches"`           // that only feed correlations
	Silent       uint64     `json:"silent"`            // times that a correlation held within its silence
	Evicted      uint64     `json:"evicted"`           // events that a correlation forgot before their time, for its bounds
	Suppressed   int        `json:"suppressed"`        // kept quiet, and counted nowhere else
	SuppressedBy []Count    `json:"suppressed_by"`     // by which suppression
	InUse        int        `json:"detections_in_use"` // of the rules in use now
	Added        int        `json:"events_added"`      // that the rules in use do not detect
	Gone         int        `json:"events_gone"`       // that only the rules in use detect
	Late         int        `json:"late"`              // of the detections: they open nothing
	Faults       int        `json:"faults"`            // events on which the condition fails
	Opened       int        `json:"incidents_opened"`
	Joined       int        `json:"detections_joined"`
	Alone        int        `json:"detections_alone"` // only join, and found nothing open
	Entities     int        `json:"entities"`
	MoreEntities bool       `json:"more_entities,omitempty"` // than were counted
	First        *time.Time `json:"first,omitempty"`
	Last         *time.Time `json:"last,omitempty"`
	Days         []Count    `json:"days"`
	Most         []Count    `json:"most"` // the entities with most detections
	Samples      []Sample   `json:"samples"`
}

// Count is how often something was.
type Count struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Sample is an event that a rule detects.
type Sample struct {
	At      time.Time `json:"at"`
	Index   string    `json:"index"`
	ID      string    `json:"id"`
	Entity  string    `json:"entity"`
	Summary string    `json:"summary"`
}

// Incidents are what would have opened.
type Incidents struct {
	Opened     int        `json:"opened"`
	Joined     int        `json:"detections_joined"`
	Alone      int        `json:"detections_alone"`
	Late       int        `json:"detections_late"`
	Unfollowed int        `json:"detections_unfollowed"` // would have opened more incidents than are followed
	Unplanned  int        `json:"unplanned"`             // incidents for which no plan was asked
	List       []Incident `json:"list"`
}

// Incident is one episode of one entity.
type Incident struct {
	Key        string     `json:"key"`
	Episode    int        `json:"episode"` // of this key, from 1
	Entity     string     `json:"entity"`
	Opened     time.Time  `json:"opened"`
	Last       time.Time  `json:"last"`
	Ended      *time.Time `json:"ended,omitempty"`    // absent: open at the window's end
	EndedBy    string     `json:"ended_by,omitempty"` // quiet, age
	OpenedBy   string     `json:"opened_by"`          // rule
	Reasons    []string   `json:"reasons,omitempty"`  // of a correlation, or the parts of a risk
	Rules      []string   `json:"rules"`
	Level      soar.Level `json:"level"`
	Detections int        `json:"detections"`
	Score      int        `json:"score"`
	Severity   string     `json:"severity,omitempty"`
	Plan       string     `json:"plan,omitempty"`
	Actions    []Action   `json:"actions"`
}

// Action is what a plan would have proposed.
type Action struct {
	At        time.Time     `json:"at"`
	Kind      string        `json:"kind"`
	System    string        `json:"system"`
	Target    string        `json:"target"`
	On        string        `json:"on,omitempty"` // agent
	For       time.Duration `json:"for_nanoseconds"`
	Mode      soar.Mode     `json:"mode"`                // without enrichment
	UpTo      soar.Mode     `json:"up_to"`               // at the worst verdict that enrichment could bring
	Protected string        `json:"protected,omitempty"` // why it may not be touched
	OverCap   bool          `json:"over_cap,omitempty"`  // the policy's cap would refuse it
	Reason    string        `json:"reason"`
}

// Whom is the target, and the agent on which it would be done.
func (a Action) Whom() string {
	if a.On == "" {
		return a.Target
	}
	return a.Target + " on agent " + a.On
}

// Sum is how often the same was proposed.
type Sum struct {
	Kind      string    `json:"kind"`
	System    string    `json:"system"`
	Mode      soar.Mode `json:"mode"`
	UpTo      soar.Mode `json:"up_to"`
	Actions   int       `json:"actions"`
	Protected int       `json:"protected"`
	OverCap   int       `json:"over_cap"`
	Targets   int       `json:"targets"` // distinct ones
	Most      []Count   `json:"most"`    // of these, the most frequent
}

// Day is how many detections a day had, by level.
type Day struct {
	Day    string             `json:"day"`
	Levels map[soar.Level]int `json:"levels"`
}

// Slot is a part of the timeline.
type Slot struct {
	From   time.Time          `json:"from"`
	Levels map[soar.Level]int `json:"levels"`
}

// Result is what was found so far. Who asks adds what it knows of the documents, and why it is partial.
func (t *Test) Result() Result {
	s := t.setup
	r := Result{
		Stream: s.Stream, Index: s.Index, TimeField: s.TimeField, From: s.From.UTC(), To: s.To.UTC(), Evaluated: t.evaluated, Unreadable: t.broken,
		Broken: t.named, Tried: len(s.Rules), Compared: s.Compared, Rules: []Rule{}, Actions: []Sum{}, Days: []Day{}, Timeline: t.slots,
		SlotSeconds: int(t.width.Seconds()), Assumptions: assumptions(t.setup.Before),
	}
	for _, made := range t.tallies {
		if made.shows() {
			r.Rules = append(r.Rules, made.result())
		}
	}
	slices.SortFunc(r.Rules, func(a, b Rule) int {
		return cmp.Or(b.Detections-a.Detections, b.InUse-a.InUse, strings.Compare(a.ID, b.ID))
	})
	for _, day := range t.days {
		r.Days = append(r.Days, *day)
	}
	slices.SortFunc(r.Days, func(a, b Day) int { return strings.Compare(a.Day, b.Day) })
	r.Incidents = t.incidents()
	r.Actions = sumsOf(r.Incidents.List)
	if t.fault != nil {
		r.Partial = append(r.Partial, t.fault.Error())
	}
	return r
}

// incidents ends what would have ended within the window, and lists all.
func (t *Test) incidents() Incidents {
	for key, e := range t.open {
		if end, by := t.endOf(e.incident); !end.After(t.setup.To) {
			t.end(key, end, by)
		}
	}
	all := Incidents{
		Opened: t.sums.opened, Joined: t.sums.joined, Alone: t.sums.alone, Late: t.sums.late, Unfollowed: t.sums.unfollowed, Unplanned: t.sums.unplanned,
		List: []Incident{},
	}
	for _, i := range t.followed {
		all.List = append(all.List, *i)
	}
	return all
}

// sumsOf joins the same proposals of all incidents.
func sumsOf(incidents []Incident) []Sum {
	type same struct {
		kind, system string
		mode, upTo   soar.Mode
	}
	made, targets := map[same]*Sum{}, map[same]map[string]int{}
	for _, i := range incidents {
		for _, a := range i.Actions {
			key := same{a.Kind, a.System, a.Mode, a.UpTo}
			if made[key] == nil {
				made[key], targets[key] = &Sum{Kind: a.Kind, System: a.System, Mode: a.Mode, UpTo: a.UpTo}, map[string]int{}
			}
			made[key].Actions++
			made[key].OverCap += one(a.OverCap)
			made[key].Protected += one(a.Protected != "")
			targets[key][a.Whom()]++
		}
	}
	all := []Sum{}
	for key, sum := range made {
		for target, count := range targets[key] {
			sum.Most = append(sum.Most, Count{target, count})
		}
		slices.SortFunc(sum.Most, byCount)
		sum.Targets, sum.Most = len(sum.Most), sum.Most[:min(len(sum.Most), maxNamed)]
		all = append(all, *sum)
	}
	slices.SortFunc(all, func(a, b Sum) int {
		return cmp.Or(b.Actions-a.Actions, strings.Compare(a.Kind+a.System, b.Kind+b.System), strings.Compare(string(a.Mode+a.UpTo), string(b.Mode+b.UpTo)))
	})
	return all
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// assumptions are what a backtest can't know.
func assumptions(before time.Duration) []string {
	known := "What happened before the window is not known: correlations, silences and risk begin with nothing, and no incident is open."
	if before > 0 {
		known = fmt.Sprintf("Correlations, silences and risk know the %s before the window, from which nothing is told; no incident is open when it begins.", before)
	}
	return []string{
		"Nothing is enriched: scores come from levels alone, with confidence 0. mode is what the policy allows then, up_to what it would allow at the worst verdict.",
		"Remediation is not proposed: it rests on scans and inventories.",
		known + " No new incident is held back by new_incidents.",
		"Protected is what the config names; what a worker discovers comes to it.",
		fmt.Sprintf("An event counts as read when it happened; it is late if its index was made much later. At most %d incidents are followed, and plans asked for the first %d.", maxFollowed, maxPlanned),
	}
}
