package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// timeOf reads a time as people give it: RFC 3339, a date (its beginning, UTC), now, or how long ago (-7d, -12h, -30m).
func timeOf(text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return now.UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	if ago, found := strings.CutPrefix(text, "-"); found {
		if days, inDays := strings.CutSuffix(ago, "d"); inDays {
			if n, err := strconv.ParseUint(days, 10, 16); err == nil {
				return now.Add(-time.Duration(n) * 24 * time.Hour).UTC(), nil
			}
		} else if d, err := time.ParseDuration(ago); err == nil && d >= 0 {
			return now.Add(-d).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-11-01T00:00:00Z, 2026-11-01, now, -7d, -12h or -30m", text)
}
