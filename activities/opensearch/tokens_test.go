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
		taken := make(chan int)
		for range 8 {
			go func() {
				n, err := bucket().Take(t.Context(), 2)
				if err != nil {
					t.Error(err)
				}
				taken <- n
			}()
		}
		sum := 0
		for range 8 {
			sum += <-taken
		}
		if sum != 3 {
			t.Errorf("8 who ask for two at once get %d tokens, want 3", sum)
		}
		want := func(after time.Duration, most, want int) {
			t.Helper()
			now = now.Add(after)
			if n, err := bucket().Take(t.Context(), most); err != nil || n != want {
				t.Errorf("%s later: %d of %d, want %d; %v", after, n, most, want, err)
			}
		}
		want(59*time.Second, 1, 0)
		want(2*time.Second, 5, 1)
		want(0, 1, 0)
		if err := bucket().GiveBack(t.Context(), 2); err != nil {
			t.Error(err)
		}
		want(0, 1, 1)
		want(0, 2, 1)
		for range 5 { // two machines whose clocks are an hour apart
			want(-time.Hour, 1, 0)
			want(time.Hour, 1, 0)
		}
		want(-2*time.Hour, 1, 0) // a clock that was set back
		want(time.Minute+time.Second, 3, 1)
		want(24*time.Hour, 2, 2)
		want(0, 2, 1)
		if err := bucket().GiveBack(t.Context(), 100); err != nil {
			t.Error(err)
		}
		want(0, 100, 3)
	})
}
