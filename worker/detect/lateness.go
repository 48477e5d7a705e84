package detect

import (
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// lateClasses bound the classes by which lateness is counted; the last class has no bound.
var lateClasses = []time.Duration{
	500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
	5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

func lateSeconds() (bounds []float64) {
	for _, class := range lateClasses {
		bounds = append(bounds, class.Seconds())
	}
	return bounds
}

// observeLateness counts an event of this hour.
func observeLateness(l *opensearch.Lateness, now time.Time, late time.Duration) {
	if hour := now.UTC().Truncate(time.Hour); !hour.Equal(l.Hour) || len(l.Now) != len(lateClasses)+1 {
		if l.Before = nil; hour.Sub(l.Hour) == time.Hour && len(l.Now) == len(lateClasses)+1 {
			l.Before = l.Now
		}
		l.Hour, l.Now = hour, make([]int64, len(lateClasses)+1)
	}
	class, _ := slices.BinarySearch(lateClasses, late)
	l.Now[class]++
}

// LatenessOf says within what time events were read after they had happened: that many of a hundred, over this hour and
// the one before. Beyond the last class it is Never.
type LatenessOf struct {
	Events int64         `json:"events"`
	P50    time.Duration `json:"p50_ns"`
	P99    time.Duration `json:"p99_ns"`
}

// Never stands for more than the last class of lateness: a week.
const Never = time.Duration(1<<63 - 1)

func latenessOf(cursors []opensearch.Held) (of LatenessOf) {
	sums := make([]int64, len(lateClasses)+1)
	for _, cursor := range cursors {
		if cursor.Lateness == nil {
			continue
		}
		for _, counts := range [][]int64{cursor.Lateness.Now, cursor.Lateness.Before} {
			for class := range min(len(counts), len(sums)) {
				sums[class] += counts[class]
				of.Events += counts[class]
			}
		}
	}
	of.P50, of.P99 = quantile(sums, of.Events, 50), quantile(sums, of.Events, 99)
	return of
}

// quantile is the bound of the class in which so many of a hundred have come together.
func quantile(sums []int64, all, percent int64) time.Duration {
	var together int64
	for class, bound := range lateClasses {
		if together += sums[class]; together*100 >= all*percent {
			return bound
		}
	}
	return Never
}
