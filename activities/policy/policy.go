// Package policy says what to do and who may: it judges incidents, makes plans, verifies the people who decide on them
// and signs grants. Policy and plans are read anew for each answer, so that an edit counts at once; what can't be read
// says no.
package policy

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io/fs"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/plan"
)

// Protected says why an action may not touch its target.
type Protected interface {
	Check(action soar.Action) error
}

// Ledger reads detections: all that are asked for, in order, or an error.
type Ledger interface {
	Detections(ctx context.Context, refs []soar.DetectionRef) ([]soar.Detection, error)
}

// Policy answers from content, configured people and keys. Fields that a role does not need may be empty: without a
// grant key nothing is granted, without protected assets nothing is planned.
type Policy struct {
	Sources   []fs.FS  // content; a later one wins
	People    []Person // who may decide
	Gateway   ed25519.PublicKey
	GrantKey  ed25519.PrivateKey
	Systems   []string // names of the configured systems that can act
	Protected Protected
	Ledger    Ledger
	Settings  activities.Settings
	Now       func() time.Time
}

// ReadSettings carries out the step of that name.
func (p *Policy) ReadSettings(context.Context, activities.None) (activities.Settings, error) {
	return p.Settings, nil
}

// Cap returns how many actions of kind may happen in one window.
func (p *Policy) Cap(kind string) (limit activities.Cap, window time.Duration, err error) {
	file, err := loadFile(p.Sources)
	if err != nil {
		return limit, 0, err
	}
	rule, ok := file.Kinds[kind]
	if !ok {
		return limit, 0, fmt.Errorf("the policy has no rule for %s", kind)
	}
	return activities.Cap{Actions: rule.Cap}, rule.Window, nil
}

// read returns policy and plans as they are now.
func (p *Policy) read() (*File, []plan.Plan, error) {
	file, err := loadFile(p.Sources)
	if err != nil {
		return nil, nil, err
	}
	plans, err := plan.Load(p.Sources...)
	if err != nil {
		return nil, nil, fmt.Errorf("plans: %w", err)
	}
	return file, plans, nil
}
