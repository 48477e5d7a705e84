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

// Check asks every configured system whose name is asked for, side by side, and answers in the catalog's order.
func (s *Systems) Check(ctx context.Context, asked func(name string) bool) []Checked {
	var wanted []namedChecker
	for _, named := range s.checkers {
		if asked(named.name) {
			wanted = append(wanted, named)
		}
	}
	answers := make([]Checked, len(wanted))
	var all sync.WaitGroup
	for i, named := range wanted {
		all.Go(func() { answers[i] = CheckOne(ctx, named.name, "systems."+named.name, named.check) })
	}
	all.Wait()
	return answers
}

// CheckOne asks one system within 15 seconds, and says how to mend what TLS refuses. at is where its settings stand in
// the config.
func CheckOne(ctx context.Context, name, at string, check func(context.Context) (string, error)) Checked {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	found, err := check(ctx)
	if err != nil {
		return Checked{Name: name, Fault: err.Error(), Mend: rest.Mend(err, at)}
	}
	return Checked{Name: name, Found: found}
}
