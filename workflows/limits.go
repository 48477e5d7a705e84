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
type LimitsState = activities.LimitsState

// Limits caps how much may happen, and holds the kill switch. It runs for ever. One that was started anew, after its
// workflow or the whole database was lost, first reads how they stood; until then it answers nothing, and no answer
// means no. Each change is kept before it is answered.
func Limits(ctx workflow.Context, state LimitsState) error {
	l := &limits{state: state, turn: workflow.NewMutex(ctx)}
	err := errors.Join(
		workflow.SetUpdateHandler(ctx, activities.ReserveUpdate, l.reserve),
		workflow.SetUpdateHandler(ctx, activities.ReturnUpdate, l.giveBack),
		workflow.SetUpdateHandler(ctx, activities.HaltUpdate, l.halt),
		workflow.SetUpdateHandler(ctx, activities.ResumeUpdate, l.resume),
		workflow.SetQueryHandler(ctx, activities.LimitsQuery, l.show),
	)
	if err != nil {
		return err
	}
	if err := l.recall(ctx); err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool {
		return workflow.GetInfo(ctx).GetContinueAsNewSuggested() && workflow.AllHandlersFinished(ctx)
	}); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, Limits, l.state)
}

type limits struct {
	state LimitsState
	turn  workflow.Mutex // one change at a time is made and kept
}

// recall reads how the limits stood, unless an earlier run handed it over. A halt that came first stays.
func (l *limits) recall(ctx workflow.Context) error {
	if l.state.Revision > 0 {
		return nil
	}
	kept, err := do(workflow.WithActivityOptions(ctx, patient), activities.ReadLimits, activities.None{})
	if err != nil {
		return fmt.Errorf("read limits: %w", err)
	}
	if l.state.Switch.Halted {
		kept.Switch = l.state.Switch
	}
	kept.Revision++
	l.state = kept
	l.forget(workflow.Now(ctx))
	return nil
}

var errNotRecalled = errors.New("how limits and kill switch stood is not read yet")

func (l *limits) show() (activities.SwitchState, error) {
	if l.state.Revision == 0 {
		return activities.SwitchState{}, errNotRecalled
	}
	return l.state.Switch, nil
}

// change makes one change and keeps it before it counts as made.
func (l *limits) change(ctx workflow.Context, change func()) error {
	if err := workflow.Await(ctx, func() bool { return l.state.Revision > 0 }); err != nil {
		return err
	}
	if err := l.turn.Lock(ctx); err != nil {
		return err
	}
	defer l.turn.Unlock()
	change()
	l.forget(workflow.Now(ctx))
	l.state.Revision++
	_, err := do(workflow.WithActivityOptions(ctx, patient), activities.KeepLimits, l.state)
	return err
}

// reserve takes room for one action; asking again for the same action takes no more.
func (l *limits) reserve(ctx workflow.Context, r activities.Reservation) (reserved activities.Reserved, err error) {
	err = l.change(ctx, func() { reserved = l.take(workflow.Now(ctx), r) })
	return reserved, err
}

func (l *limits) take(now time.Time, r activities.Reservation) activities.Reserved {
	l.forget(now)
	if slices.ContainsFunc(l.state.Taken, func(t activities.Taken) bool { return t.ActionID == r.ActionID }) {
		return activities.Reserved{Granted: true}
	}
	used := l.used(r.Kind)
	switch {
	case l.state.Switch.Halted:
		return activities.Reserved{Reason: "halted by " + l.state.Switch.By + ": " + l.state.Switch.Reason}
	case r.ActionID == "" || r.Window <= 0:
		return activities.Reserved{Reason: "a reservation without action or window"}
	case used >= r.Cap.Actions:
		return activities.Reserved{Reason: fmt.Sprintf("%d of %d %s within %s are used", used, r.Cap.Actions, r.Kind, r.Window)}
	}
	l.state.Taken = append(l.state.Taken, activities.Taken{ActionID: r.ActionID, Kind: r.Kind, Cap: r.Cap.Actions, Until: now.Add(r.Window)})
	return activities.Reserved{Granted: true}
}

func (l *limits) giveBack(ctx workflow.Context, r activities.Reservation) (activities.None, error) {
	return activities.None{}, l.change(ctx, func() {
		l.state.Taken = slices.DeleteFunc(l.state.Taken, func(t activities.Taken) bool { return t.ActionID == r.ActionID })
	})
}

// halt counts at once, before anything else: also while the limits are read, or a change is kept.
func (l *limits) halt(ctx workflow.Context, s activities.Switch) (activities.SwitchState, error) {
	if !l.state.Switch.Halted {
		l.throw(ctx, true, s)
	}
	err := l.change(ctx, func() {})
	return l.state.Switch, errors.Join(err, l.audit(ctx, "halted", s))
}

func (l *limits) resume(ctx workflow.Context, s activities.Switch) (activities.SwitchState, error) {
	err := l.change(ctx, func() { l.throw(ctx, false, s) })
	return l.state.Switch, errors.Join(err, l.audit(ctx, "resumed", s))
}

// audit notes who threw the switch.
func (l *limits) audit(ctx workflow.Context, what string, s activities.Switch) error {
	info := workflow.GetInfo(ctx).WorkflowExecution
	_, err := do(workflow.WithActivityOptions(ctx, patient), activities.Audit, activities.AuditEntry{
		Chain: activities.HouseChain, Cause: fmt.Sprint(info.ID, "/", info.RunID, "/", what, "/", l.state.Revision), At: workflow.Now(ctx).UTC(),
		Actor: s.By, What: what, Subject: "kill switch", Detail: map[string]any{"reason": s.Reason},
	})
	return err
}

func (l *limits) throw(ctx workflow.Context, halted bool, s activities.Switch) {
	l.state.Switch.Halted, l.state.Switch.By, l.state.Switch.Reason, l.state.Switch.Since = halted, s.By, s.Reason, workflow.Now(ctx)
}

func (l *limits) forget(now time.Time) {
	l.state.Taken = slices.DeleteFunc(l.state.Taken, func(t activities.Taken) bool { return !now.Before(t.Until) })
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
