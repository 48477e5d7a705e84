package detect

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
)

// TestPast keeps a watermark's past over a year of polls: it stays small, and its answers are never too early and never
// later than it promises.
func TestPast(t *testing.T) {
	var past, whole []opensearch.Mark
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable on purpose
	for range 40_000 {
		now = now.Add(time.Duration(2+random.ExpFloat64()*800) * time.Second)
		mark := opensearch.Mark{At: now, Watermark: now.Add(-time.Duration(random.IntN(60)) * time.Second)}
		if len(whole) == 0 || mark.Watermark.After(whole[len(whole)-1].Watermark) {
			whole = append(whole, mark)
		}
		past = remember(past, mark)
	}
	if text, err := json.Marshal(past); err != nil || len(past) > 600 || len(text) > 32*len(past)+1 {
		t.Errorf("%d marks in %d bytes after a year, %v", len(past), len(text), err)
	}
	for range 2000 {
		at := now.Add(-time.Duration(random.Int64N(int64(365 * 24 * time.Hour))))
		true1, told := reached(whole, at), reached(past, at)
		if age := now.Sub(true1); told.Before(true1) || told.Sub(true1) > finest+age/(finestShare/2)+3*time.Hour {
			t.Fatalf("before %s since %s, told %s: %s later at an age of %s", at, true1, told, told.Sub(true1), age)
		}
	}
	if !reached(past, now.Add(time.Hour)).IsZero() {
		t.Error("a time to come was reached")
	}
}

// TestQuantiles holds the classes' quantiles against sorted values.
func TestQuantiles(t *testing.T) {
	var l opensearch.Lateness
	var all []time.Duration
	now := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // repeatable on purpose
	for range 5000 {
		late := time.Duration(random.ExpFloat64() * float64(20*time.Second))
		observeLateness(&l, now, late)
		all = append(all, late)
	}
	slices.Sort(all)
	check := func(percent int, got time.Duration) {
		t.Helper()
		exact := all[len(all)*percent/100-1]
		class, _ := slices.BinarySearch(lateClasses, exact)
		if got != lateClasses[class] {
			t.Errorf("p%d within %s, want the class of %s", percent, got, exact)
		}
	}
	of := latenessOf([]opensearch.Held{{Cursor: opensearch.Cursor{Lateness: &l}}})
	check(50, of.P50)
	check(99, of.P99)
	observeLateness(&l, now.Add(time.Hour), 30*24*time.Hour)
	if of = latenessOf([]opensearch.Held{{Cursor: opensearch.Cursor{Lateness: &l}}}); of.Events != 5001 {
		t.Errorf("%d events in this hour and the one before", of.Events)
	}
	observeLateness(&l, now.Add(3*time.Hour), 30*24*time.Hour)
	if of = latenessOf([]opensearch.Held{{Cursor: opensearch.Cursor{Lateness: &l}}}); of.Events != 1 || of.P50 != Never {
		t.Errorf("after two hours without events: %+v", of)
	}
}

// TestSights forgets no time: of a shard that is far behind the oldest look stays exact.
func TestSights(t *testing.T) {
	tail := &tail{paces: map[shardKey]*pace{}, count: counts{lag: func(*opensearch.Position, time.Time) {}}, now: time.Now}
	p := &opensearch.Position{UUID: "u", Seq: -1, Known: -1}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10_000 {
		tail.learn(p, int64(i), start.Add(time.Duration(i)*time.Second))
	}
	tail.countLag(p)
	if n := len(tail.pace(shardKey{"u", 0}).unread); n > mostSights || !p.Unread.Equal(start) {
		t.Errorf("%d looks kept, the oldest of %s", n, p.Unread)
	}
	p.Seq = 9_998
	tail.countLag(p)
	if p.Unread.IsZero() || p.Unread.After(start.Add(9_999*time.Second)) {
		t.Errorf("one operation is unread since %s", p.Unread)
	}
	p.Seq = 9_999
	tail.countLag(p)
	if !p.Unread.IsZero() {
		t.Errorf("nothing is unread, since %s", p.Unread)
	}
}

// TestMarkPromisesNoMore keeps a mark and reads it again.
func TestMarkPromisesNoMore(t *testing.T) {
	made := opensearch.Mark{At: time.Date(2026, 1, 1, 0, 0, 0, 1_000_001, time.UTC), Watermark: time.Date(2026, 1, 1, 0, 0, 0, 1_999_999, time.UTC)}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var read opensearch.Mark
	if err := json.Unmarshal(text, &read); err != nil || read.At.Before(made.At) || read.Watermark.After(made.Watermark) || made.Watermark.Sub(read.Watermark) > time.Millisecond {
		t.Errorf("%v became %s, %v", made, text, err)
	}
}
