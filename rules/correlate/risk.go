package correlate

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// RiskRule is the rule of a detection that says: the risk of an entity passed its threshold.
const RiskRule = "sallyport-risk"

// horizon is for how many half-lives a detection counts: after that it is worth less than a hundredth.
const horizon = 7

// Risk says what an entity's detections are worth together: the sum of their levels' weights, each halved every
// half-life. What one rule adds is bounded, so that no rule alone opens an incident by being noisy.
type Risk struct {
	Weights   map[soar.Level]float64
	HalfLife  time.Duration
	Threshold float64       // at which an incident opens; 0: never
	PerRule   float64       // the most that one rule adds; 0: no bound
	Quiet     time.Duration // for so long nothing more is said of the entity
}

// Part is what one rule adds to a risk.
type Part struct {
	Rule  string
	Count int     // detections
	Sum   float64 // decayed, and bounded
	Whole float64 // decayed, not bounded
}

func (r *Risk) rule() *Rule {
	text, _ := json.Marshal(r) // plain values cannot fail
	c := sigma.Correlation{
		ID: RiskRule, Title: "Many weak signs together", Level: string(soar.High), Opens: true, GroupBy: []string{EntityField}, Version: fmt.Sprintf("%x", sha256.Sum256(text)),
		Timespan: horizon * r.HalfLife, Suppress: r.Quiet, Type: "risk",
	}
	return &Rule{
		Correlation: c, risk: r, keep: c.Timespan + Lateness + Ahead, members: []member{{group: c.GroupBy}},
		bounds: []bound{{"gte", r.Threshold}}, window: func() window { return &decay{risk: r, rules: map[string]*share{}} },
	}
}

// decay is the window of a risk. Each rule's sum stands at the time of the group's first event; the risk of a later time
// is that, halved.
type decay struct {
	risk  *Risk
	begun bool
	begin int64
	rules map[string]*share
}

type share struct {
	sum   float64
	count int
}

func (d *decay) add(e *entry) {
	switch far := e.time-d.begin > farApart*int64(d.risk.HalfLife); {
	case !d.begun:
		d.begun, d.begin = true, e.time
	case far:
		shrink := d.grown(e.time)
		for _, of := range d.rules {
			of.sum /= shrink
		}
		d.begin = e.time
	}
	of := d.rules[e.text]
	if of == nil {
		of = &share{}
		d.rules[e.text] = of
	}
	of.sum += e.number * d.grown(e.time)
	of.count++
}

func (d *decay) remove(e *entry) {
	of := d.rules[e.text]
	of.sum -= e.number * d.grown(e.time)
	if of.count--; of.count == 0 {
		delete(d.rules, e.text)
	}
	if len(d.rules) == 0 {
		d.begun = false // nothing is carried over, no rounding either
	}
}

// farApart is how many half-lives may lie between the begin and an event before the begin moves on: numbers end somewhere.
const farApart = 500

// grown is how much more than at the begin a detection of that time will count.
func (d *decay) grown(time int64) float64 {
	return math.Exp2(float64(time-d.begin) / float64(d.risk.HalfLife))
}

func (d *decay) value(last *entry) (risk float64) {
	for _, part := range d.parts(last.time) {
		risk += part.Sum
	}
	return math.Round(risk*1e6) / 1e6 // what rounding left must not decide
}

// parts are what the rules add at a time, the most first.
func (d *decay) parts(time int64) (parts []Part) {
	now := d.grown(time)
	for rule, of := range d.rules {
		part := Part{Rule: rule, Count: of.count, Whole: of.sum / now}
		if part.Sum = part.Whole; d.risk.PerRule > 0 {
			part.Sum = min(part.Sum, d.risk.PerRule)
		}
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Or(cmp.Compare(b.Sum, a.Sum), cmp.Compare(a.Rule, b.Rule)) })
	return parts
}
