package rules

import (
	"bytes"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkTwoGoroutines compares two matchers of one program, each with a goroutine of its own, with one: twice as many
// events in the time that one takes is 2. What the cores do besides spoils it more than anything in the engine, so each
// stretch of events, a few milliseconds, is timed often, alone and by two in turns, and its quietest time counts. A loop that
// shares nothing is timed in the same turns: what it lacks of 2 is the machine's.
func BenchmarkTwoGoroutines(b *testing.B) {
	library, _ := loadSigma(b)
	for lane := range bars {
		b.Run(lane, func(b *testing.B) {
			events := slices.Collect(bytes.Lines(unzip(b, "events/"+lane+".ndjson.gz")))
			stretches := slices.Collect(slices.Chunk(events, 500))
			match, beside := matching(library.program, events), matching(library.program, events)
			engine := newScale(len(stretches), func(i int) { all(match, stretches[i]) }, func(i int) { all(beside, stretches[i]) })
			machine := newScale(1, func(int) { count() }, func(int) { count() })
			for b.Loop() {
				for begin := time.Now(); time.Since(begin) < 10*time.Second; {
					engine.round()
					machine.round()
				}
			}
			b.ReportMetric(engine.scale(), "x-one")
			b.ReportMetric(machine.scale(), "x-one-of-a-loop")
			b.ReportMetric(1.8, "must")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func all(match func([]byte), events [][]byte) {
	for _, event := range events {
		match(event)
	}
}

// count is a loop that needs no memory, of some milliseconds.
func count() {
	sum := uint64(1)
	for range 4_000_000 {
		sum = sum*6364136223846793005 + 1442695040888963407
	}
	counted.Store(sum)
}

var counted atomic.Uint64

// scale keeps the quietest time of each piece of work, done by one goroutine and by two at once.
type scale struct {
	mine, others func(piece int)
	alone, both  []time.Duration
}

func newScale(pieces int, mine, others func(int)) *scale {
	return &scale{mine: mine, others: others, alone: slices.Repeat([]time.Duration{time.Hour}, pieces), both: slices.Repeat([]time.Duration{time.Hour}, pieces)}
}

func (s *scale) round() {
	for piece := range s.alone {
		begin := time.Now()
		s.mine(piece)
		s.alone[piece] = min(s.alone[piece], time.Since(begin))
		s.both[piece] = min(s.both[piece], together(func() { s.mine(piece) }, func() { s.others(piece) }))
	}
}

// scale is how many times the work of one the two did in the time that one took.
func (s *scale) scale() float64 {
	var alone, both time.Duration
	for piece := range s.alone {
		alone += s.alone[piece]
		both += s.both[piece]
	}
	return 2 * alone.Seconds() / both.Seconds()
}

// together runs two functions from one moment on and returns when the later one ended. They wait for each other without
// sleeping: to wake a goroutine would take longer than what is measured.
func together(one, other func()) time.Duration {
	var ready, ended atomic.Int32
	go func() {
		ready.Store(1)
		for ready.Load() != 2 {
		}
		other()
		ended.Store(1)
	}()
	for ready.Load() != 1 {
	}
	begin := time.Now()
	ready.Store(2)
	one()
	for ended.Load() != 1 {
	}
	return time.Since(begin)
}
