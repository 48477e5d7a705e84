package effect

import (
	"context"
	"fmt"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Forget ends a containment whose release nobody can read back: its agent is gone, or its program was never there. The
// caller has verified the people who say so. Its mark is remembered at the target: should it be there after all, it goes
// with the target's next holder.
func (e *Envelope) Forget(ctx context.Context, action soar.Action, people []string) (soar.Containment, error) {
	mine, ok, err := e.holder(ctx, action)
	if err != nil || !ok || !mine.Live() {
		return mine, err
	}
	now := e.Now()
	mine.State, mine.ReleasedAt, mine.ReleasedBy = soar.Released, &now, strings.Join(people, " and ")
	mine.Reason = "given up by " + mine.ReleasedBy + ": nobody has read back that it is gone"
	if err := e.audit(ctx, mine, "forgotten"); err != nil {
		return mine, err
	}
	err = e.Register.Change(ctx, action.Key(), func(entry *soar.RegisterEntry) error {
		entry.Put(mine)
		entry.Leave(mine.Action)
		if entry.Releasing == action.ID {
			entry.Releasing = ""
		}
		return nil
	})
	if err != nil {
		return mine, fmt.Errorf("register: %w", err)
	}
	return mine, nil
}
