package rules

import (
	"io/fs"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// riskFile says what an entity's detections are worth together; policyFile, who may do how much, is read where plans are made.
const (
	riskFile   = "policies/risk.yaml"
	policyFile = "policies/policy.yaml"
)

// riskPolicy is the file's form.
type riskPolicy struct {
	Weights   map[soar.Level]float64 `yaml:"weights"`
	HalfLife  string                 `yaml:"half_life"`
	Threshold float64                `yaml:"threshold"`
	PerRule   float64                `yaml:"per_rule"`
	Quiet     string                 `yaml:"quiet"`
}

// refuseStrays names the files among a source's policies that nobody reads: who wrote one believes that it holds.
func (l *loader) refuseStrays(source fs.FS) {
	for _, name := range filesIn(source, "policies") {
		if name != riskFile && name != policyFile {
			l.refuse(NameIn(source, name), 1, "no policy is read from a file of this name", "call it "+policyFile+" or "+riskFile)
		}
	}
}

// readRisk reads a source's policy of risk, which replaces the one before.
func (l *loader) readRisk(source fs.FS) {
	var read riskPolicy
	if _, err := fs.Stat(source, riskFile); err != nil || !l.readStrict(source, riskFile, maxRule, &read) {
		return
	}
	if made, wrong := read.risk(); wrong != "" {
		l.refuse(NameIn(source, riskFile), 1, wrong, "correct the value")
	} else {
		l.risk = made
	}
}

// Bounds of a risk's times: shorter says nothing, longer can't be remembered.
const (
	leastHalfLife = time.Minute
	mostHalfLife  = 7 * 24 * time.Hour
	mostQuiet     = 30 * 24 * time.Hour
)

func (p riskPolicy) risk() (made *correlate.Risk, wrong string) {
	half, err := time.ParseDuration(p.HalfLife)
	quiet, err2 := time.ParseDuration(p.Quiet)
	switch {
	case err != nil || half < leastHalfLife || half > mostHalfLife:
		return nil, "half_life is no time between " + leastHalfLife.String() + " and " + mostHalfLife.String()
	case err2 != nil || quiet < 0 || quiet > mostQuiet:
		return nil, "quiet is no time up to " + mostQuiet.String()
	case p.Threshold < 0 || p.PerRule < 0:
		return nil, "threshold or per_rule is below 0"
	}
	for level, weight := range p.Weights {
		if level.Rank() < 0 || weight < 0 {
			return nil, "weights names " + string(level) + ", which is no level, or weighs below 0"
		}
	}
	return &correlate.Risk{Weights: p.Weights, HalfLife: half, Threshold: p.Threshold, PerRule: p.PerRule, Quiet: quiet}, ""
}
