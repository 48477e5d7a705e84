package rules

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// layouts are those in which events write their time.
var layouts = []string{"2006-01-02T15:04:05.999999999-0700", time.RFC3339Nano, "2006-01-02 15:04:05.999999999"}

// timeOf is the first of a mapping's times that can be read, the zero time if none can.
func timeOf(m *Mapping, s *shape) time.Time {
	for _, name := range m.Time {
		for _, text := range m.values(s, name) {
			if at := readTime(text); !at.IsZero() {
				return at
			}
		}
	}
	return time.Time{}
}

// readTime reads a time as text, or as seconds (Zeek), milliseconds (Windows' shippers) or microseconds (the journal) since
// 1970. auditd writes its seconds as audit(1626611363.720:348501).
func readTime(text string) time.Time {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	if inner, ok := strings.CutPrefix(text, "audit("); ok {
		text, _, _ = strings.Cut(inner, ":")
	}
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(seconds > 1e8 && seconds < 1e17): // 1973; numbers below are no times
		return time.Time{}
	case seconds >= 1e14:
		seconds /= 1e6
	case seconds >= 1e11:
		seconds /= 1e3
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e6)*1e3).UTC() // a float of today's seconds has microseconds
}
