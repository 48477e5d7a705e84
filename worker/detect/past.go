package detect

import (
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// How fine the past of a watermark is kept: two marks are never closer than finest, nor than a finestShare of their age.
// So a year takes some 400 marks.
const (
	finest      = time.Second
	finestShare = 32
)

// remember adds a mark to a watermark's past and thins what has aged. The first mark stays for ever, and so does the last.
func remember(past []opensearch.Mark, mark opensearch.Mark) []opensearch.Mark {
	if len(past) > 0 && !mark.Watermark.After(past[len(past)-1].Watermark) {
		return past
	}
	past = append(past, mark)
	kept := past[:1]
	for i := 1; i < len(past); i++ {
		room := max(finest, mark.At.Sub(past[i].At)/finestShare)
		last := i == len(past)-1
		if last || past[i+1].At.Sub(kept[len(kept)-1].At) > room {
			kept = append(kept, past[i])
		}
	}
	return kept
}

// reached is the first moment of a past at which all that was acknowledged before at had been evaluated; zero: it had not.
func reached(past []opensearch.Mark, at time.Time) time.Time {
	for _, mark := range past {
		if !mark.Watermark.Before(at) {
			return mark.At
		}
	}
	return time.Time{}
}
