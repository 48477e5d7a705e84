package opensearch_test

import (
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// TestTokens: the bucket is one for all that take, outlives them, and fills with time alone.
func TestTokens(t *testing.T) {
	onBoth(t, func(t *testing.T, c *opensearch.Client, _ string) {
		now := time.Now()
		bucket := func() *opensearch.Tokens { return opensearch.NewTokens(c, 3, 60, func() time.Time { return now }) }
		taken := make(chan bool)
		for range 8 {
			go func() {
				ok, err := bucket().Take(t.Context())
				if err != nil {
					t.Error(err)
				}
				taken <- ok
			}()
		}
		sum := 0
		for range 8 {
			if <-taken {
				sum++
			}
		}
		if sum != 3 {
			t.Errorf("8 who ask at once get %d tokens, want 3", sum)
		}
		want := func(after time.Duration, want bool) {
			t.Helper()
			now = now.Add(after)
			if ok, err := bucket().Take(t.Context()); err != nil || ok != want {
				t.Errorf("%s later: %v, %v", after, ok, err)
			}
		}
		want(59*time.Second, false)
		want(2*time.Second, true)
		want(0, false)
		if err := bucket().GiveBack(t.Context()); err != nil {
			t.Error(err)
		}
		want(0, true)
		want(-time.Hour, false) // a clock that was set back
		want(time.Minute+time.Second, true)
		for range 3 {
			want(24*time.Hour/3, true)
		}
	})
}
