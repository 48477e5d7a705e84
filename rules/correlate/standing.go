package correlate

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Standing is an entity's risk at a time, and what it is made of.
type Standing struct {
	Sum    float64
	Parts  []Part  // by rule, the most first
	Shares []Share // of the detections that count, the newest first
}

// Share is what one detection adds before its rule's sum is bounded.
type Share struct {
	Event  *Event
	Age    time.Duration
	Weight float64 // of its level
	Value  float64 // what age left of that
}

// Reach is between which read times the detections lie that may count at a time.
func (r *Risk) Reach(at time.Time) (from, to time.Time) {
	return at.Add(-horizon*r.HalfLife - Ahead), at.Add(Behind)
}

// Standing is the risk at a time that one entity's detections make, each named once, by the window that a State counts with.
func (r *Risk) Standing(detections []*Event, at time.Time) (made Standing) {
	rule, sum, now := r.rule(), &decay{risk: r, rules: map[string]*share{}}, at.UnixNano()
	for _, e := range detections {
		text, weight, counts := rule.measure(e, &rule.members[0])
		time := e.at()
		if !counts || e.Rule == RiskRule || time > now || time < now-int64(rule.Timespan) {
			continue
		}
		sum.add(&entry{time: time, text: text, number: weight})
		made.Shares = append(made.Shares, Share{Event: e, Age: at.Sub(utc(time)), Weight: weight})
	}
	for i := range made.Shares {
		of := &made.Shares[i]
		of.Value = of.Weight * math.Exp2(-float64(of.Age)/float64(r.HalfLife))
	}
	slices.SortStableFunc(made.Shares, func(a, b Share) int { return cmp.Compare(a.Age, b.Age) })
	made.Sum, made.Parts = sum.value(&entry{time: now}), sum.parts(now)
	return made
}

// Holds reports whether a sum opens an incident.
func (r *Risk) Holds(sum float64) bool { return r.Threshold > 0 && sum >= r.Threshold }
