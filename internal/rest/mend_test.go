package rest

import (
	"errors"
	"fmt"
	"testing"
)

// knowing is an error that says how it is mended.
type knowing struct{}

func (knowing) Error() string { return "the pattern matches nothing" }

func (knowing) Mend() string { return "correct the pattern" }

// TestMendIsTheErrorsOwn: what an error says of its mend is told, however often it was wrapped; nothing is nothing.
func TestMendIsTheErrorsOwn(t *testing.T) {
	for _, c := range []struct {
		err  error
		mend string
	}{
		{fmt.Errorf("stream web: %w", errors.Join(errors.New("another"), knowing{})), "correct the pattern"},
		{nil, ""},
	} {
		if got := Mend(c.err, "opensearch"); got != c.mend {
			t.Errorf("%v: %q, want %q", c.err, got, c.mend)
		}
	}
}
