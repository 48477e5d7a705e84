package correlate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// BenchmarkValueCount feeds a value_count whose window always holds 1,800 distinct values: ns/op is one event's cost, and
// must not depend on how many values there are. "late" has every tenth event come behind thirty others.
func BenchmarkValueCount(b *testing.B) {
	for _, distinct := range []int{18, 1800, 9000} {
		for _, late := range []bool{false, true} {
			b.Run(fmt.Sprintf("distinct=%d/late=%v", distinct, late), func(b *testing.B) { benchmark(b, "value_count", distinct, late) })
		}
	}
}

// BenchmarkTypes feeds each type with windows of 1,800 events.
func BenchmarkTypes(b *testing.B) {
	for _, kind := range []string{"event_count", "value_sum", "value_avg", "value_percentile", "value_median"} {
		b.Run(kind, func(b *testing.B) { benchmark(b, kind, 1800, false) })
	}
}

func benchmark(b *testing.B, kind string, distinct int, late bool) {
	span := time.Duration(distinct) * 100 * time.Millisecond
	field := "field: v, "
	if kind == "event_count" {
		field = ""
	}
	body := fmt.Sprintf("type: %s\n  rules: [a]\n  group-by: [g]\n  timespan: %ds\n  condition: {%sgt: 9999}", kind, max(1, int(span.Seconds())), field)
	state := correlate.New(compiled(b, "suppress: 0s", map[string]string{"z": body}), correlate.Limits{Groups: 100, Entries: 1 << 30, PerGroup: 1 << 30})
	events := make([]*correlate.Event, 1<<17)
	at := day
	for i := range events {
		at = at.Add(100 * time.Millisecond)
		events[i] = &correlate.Event{
			Ref: soar.DetectionRef{ID: fmt.Sprintf("%040d", i)}, Rule: "a", Time: at, ReadAt: at,
			Values: []correlate.Value{{Name: "g", Text: "srv-01"}, {Name: "v", Text: fmt.Sprint(i % distinct)}},
		}
		if late && i%10 == 0 {
			events[i].Time = at.Add(-3 * time.Second)
		}
	}
	round := at.Sub(day)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		e := events[i%len(events)]
		if i >= len(events) { // again, later
			e.Time, e.ReadAt = e.Time.Add(round), e.ReadAt.Add(round)
		}
		state.Feed(e)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
