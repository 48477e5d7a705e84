package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sallyport-soar/sallyport/activities"
)

// LimitsState is what the limits know; it goes from run to run.
type LimitsState struct {
	Switch activities.SwitchState `json:"switch"`
	Taken  []Taken                `json:"taken"`
}

// Taken is room that an action took.
type Taken struct {
	ActionID string    `json:"action_id"`
	Kind     string    `json:"kind"`
	Cap      int       `json:"cap"`
	Until    time.Time `json:"until"`
}

// Limits caps how much may happen, and holds the kill switch. It runs for ever.
func Limits(ctx workflow.Context, state LimitsState) error {
	l := &limits{state}
	err := errors.Join(
		workflow.SetUpdateHandler(ctx, activities.ReserveUpdate, l.reserve),
		workflow.SetUpdateHandler(ctx, activities.ReturnUpdate, l.giveBack),
		workflow.SetUpdateHandler(ctx, activities.HaltUpdate, l.halt),
		workflow.SetUpdateHandler(ctx, activities.ResumeUpdate, l.resume),
		workflow.SetQueryHandler(ctx, activities.LimitsQuery, func() (activities.SwitchState, error) { return l.state.Switch, nil }),
	)
	if err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool {
		return workflow.GetInfo(ctx).GetContinueAsNewSuggested() && workflow.AllHandlersFinished(ctx)
	}); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, Limits, l.state)
}

type limits struct{ state LimitsState }

// reserve takes room for one action; asking again for the same action takes no more.
func (l *limits) reserve(ctx workflow.Context, r activities.Reservation) (activities.Reserved, error) {
	l.forget(workflow.Now(ctx))
	if slices.ContainsFunc(l.state.Taken, func(t Taken) bool { return t.ActionID == r.ActionID }) {
		return activities.Reserved{Granted: true}, nil
	}
	used := l.used(r.Kind)
	switch {
	case l.state.Switch.Halted:
		return activities.Reserved{Reason: "halted by " + l.state.Switch.By + ": " + l.state.Switch.Reason}, nil
	case r.ActionID == "" || r.Window <= 0:
		return activities.Reserved{Reason: "a reservation without action or window"}, nil
	case used >= r.Cap.Actions:
		return activities.Reserved{Reason: fmt.Sprintf("%d of %d %s within %s are used", used, r.Cap.Actions, r.Kind, r.Window)}, nil
	}
	l.state.Taken = append(l.state.Taken, Taken{ActionID: r.ActionID, Kind: r.Kind, Cap: r.Cap.Actions, Until: workflow.Now(ctx).Add(r.Window)})
	l.count()
	return activities.Reserved{Granted: true}, nil
}

func (l *limits) giveBack(ctx workflow.Context, r activities.Reservation) (activities.None, error) {
	l.state.Taken = slices.DeleteFunc(l.state.Taken, func(t Taken) bool { return t.ActionID == r.ActionID })
	l.forget(workflow.Now(ctx))
	return activities.None{}, nil
}

func (l *limits) halt(ctx workflow.Context, s activities.Switch) (activities.SwitchState, error) {
	if !l.state.Switch.Halted {
		l.state.Switch.Halted, l.state.Switch.By, l.state.Switch.Reason, l.state.Switch.Since = true, s.By, s.Reason, workflow.Now(ctx)
	}
	return l.state.Switch, nil
}

func (l *limits) resume(ctx workflow.Context, s activities.Switch) (activities.SwitchState, error) {
	l.state.Switch.Halted, l.state.Switch.By, l.state.Switch.Reason, l.state.Switch.Since = false, s.By, s.Reason, workflow.Now(ctx)
	return l.state.Switch, nil
}

func (l *limits) forget(now time.Time) {
	l.state.Taken = slices.DeleteFunc(l.state.Taken, func(t Taken) bool { return !now.Before(t.Until) })
	l.count()
}

func (l *limits) used(kind string) (n int) {
	for _, t := range l.state.Taken {
		if t.Kind == kind {
			n++
		}
	}
	return n
}

// count brings what is shown to people up to date.
func (l *limits) count() {
	l.state.Switch.Used = nil
	for _, t := range l.state.Taken {
		if !slices.ContainsFunc(l.state.Switch.Used, func(u activities.LimitState) bool { return u.Kind == t.Kind }) {
			l.state.Switch.Used = append(l.state.Switch.Used, activities.LimitState{Kind: t.Kind, Used: l.used(t.Kind), Cap: t.Cap})
		}
	}
}
