package catalog

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

// Checked is one line of `sallyport check`.
type Checked struct {
	Name  string `json:"name"`
	Found string `json:"found,omitempty"` // what it says it is
	Fault string `json:"fault,omitempty"`
	Mend  string `json:"mend,omitempty"`
}

// checkWithin bounds one system's check.
const checkWithin = 15 * time.Second

// Check asks every configured system, side by side, and answers in the catalog's order.
func (s *Systems) Check(ctx context.Context) []Checked {
	answers := make([]Checked, len(s.checkers))
	var all sync.WaitGroup
	for i, named := range s.checkers {
		all.Go(func() { answers[i] = CheckOne(ctx, named.name, named.checker.Check) })
	}
	all.Wait()
	return answers
}

// CheckOne asks one system within 15 seconds, and says how to mend what TLS refuses.
func CheckOne(ctx context.Context, name string, check func(context.Context) (string, error)) Checked {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	found, err := check(ctx)
	if err != nil {
		return Checked{Name: name, Fault: err.Error(), Mend: rest.Mend(err)}
	}
	return Checked{Name: name, Found: found}
}
