// Package activities is the contract: what can be done, not who does it. A workflow names a step, the catalog binds it
// to a system, and the compiler checks both ends. No client lives here.
//
// Reading order: step.go (how a step is named and bound), then one file per part of the chain in its order: detect,
// incident, enrich, casework, respond, expose, record, hunt; driver.go is the contract of a system that changes something.
package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"
)

// Step names one activity and the types that go in and come out.
type Step[In, Out any] struct{ Name string }

// Binder takes activities under a name: a worker, or a test's environment.
type Binder interface {
	RegisterActivityWithOptions(activity any, options activity.RegisterOptions)
}

// Bind lets do carry out step. A wrong input or output doesn't compile.
func Bind[In, Out any](b Binder, step Step[In, Out], do func(context.Context, In) (Out, error)) {
	b.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: step.Name})
}

// None is the input or answer of a step that has nothing to say.
type None struct{}

// NotAsked marks err, of a driver's Apply, as one that came before anything of the batch was asked of the system: nothing
// that this attempt did can be in force. nil stays nil.
func NotAsked(err error) error {
	if err == nil {
		return nil
	}
	return notAsked{err}
}

// NotAskedType is what the mark is called in an error's chain once it has crossed the wire: its Go type.
const NotAskedType = "notAsked"

type notAsked struct{ error }

// Unwrap implements errors.Unwrap.
func (n notAsked) Unwrap() error { return n.error }

// IsNotAsked reports whether err bears the mark.
func IsNotAsked(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if _, ok := err.(notAsked); ok { //nolint:errorlint // along the chain that crosses the wire, which a joined error ends
			return true
		}
	}
	return false
}

// Asked takes the mark from err: something may have been asked for, by another part of the batch or an earlier attempt.
func Asked(err error) error { return errors.Join(err) }

// Permanent marks err as one that no retry can mend; worker/daemon turns the mark into Temporal's. nil stays nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

type permanent struct{ error }

// Permanent is the mark.
func (permanent) Permanent() bool { return true }

// Unwrap implements errors.Unwrap.
func (p permanent) Unwrap() error { return p.error }
