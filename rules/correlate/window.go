package correlate

import (
	"math"
	"sort"
	"time"

	"github.com/sallyport-soar/sallyport/rules/sigma"
)

func utc(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }

// window counts what is between its two ends. What is removed was added before; the order does not matter.
type window interface {
	add(e *entry)
	remove(e *entry)
	value(last *entry) float64
}

func windowOf(c sigma.Correlation) func() window {
	switch c.Type {
	case "value_count":
		return func() window { return distinct{} }
	case "value_sum":
		return func() window { return &sum{} }
	case "value_avg":
		return func() window { return &sum{average: true} }
	case "value_percentile", "value_median":
		share := c.Percentile
		if c.Type == "value_median" {
			share = 50
		}
		return func() window { return &sorted{share: share / 100, words: distinct{}} }
	case "temporal":
		return func() window { return &kinds{counts: make([]int, len(c.Rules))} }
	}
	return func() window { return new(events) }
}

// events counts events.
type events int

func (n *events) add(*entry)           { *n++ }
func (n *events) remove(*entry)        { *n-- }
func (n *events) value(*entry) float64 { return float64(*n) }

// distinct counts different texts.
type distinct map[string]int32

func (d distinct) add(e *entry) { d[e.text]++ }

func (d distinct) remove(e *entry) {
	if n := d[e.text]; n > 1 {
		d[e.text] = n - 1
	} else {
		delete(d, e.text)
	}
}

func (d distinct) value(*entry) float64 { return float64(len(d)) }

// kinds counts the rules that matched.
type kinds struct {
	counts []int
	there  int
}

func (k *kinds) add(e *entry) {
	if k.counts[e.member]++; k.counts[e.member] == 1 {
		k.there++
	}
}

func (k *kinds) remove(e *entry) {
	if k.counts[e.member]--; k.counts[e.member] == 0 {
		k.there--
	}
}

func (k *kinds) value(*entry) float64 { return float64(k.there) }

func (k *kinds) seen(rule int) bool { return k.counts[rule] > 0 }

// sum adds numbers, or tells their average. The rounding of each addition is kept beside the sum, so that what went out
// again leaves no trace.
type sum struct {
	high, low float64
	n         int
	average   bool
}

func (s *sum) add(e *entry)    { s.plus(e.number); s.n++ }
func (s *sum) remove(e *entry) { s.plus(-e.number); s.n-- }

func (s *sum) plus(x float64) {
	if s.n == 0 {
		s.high, s.low = 0, 0
	}
	total := s.high + x
	of := total - s.high
	s.low += (s.high - (total - of)) + (x - of)
	s.high = total
}

func (s *sum) value(*entry) float64 {
	if s.average {
		return (s.high + s.low) / float64(s.n)
	}
	return s.high + s.low
}

// sorted tells a percentile: numbers in their order, in blocks, so that none is moved far. Values that are no numbers
// are asked for how common they are: the share of the last one, in percent of all.
type sorted struct {
	share  float64 // 0-1
	blocks [][]float64
	n      int
	words  distinct
	texts  int
}

// block is how many numbers are moved at most.
const block = 256

func (s *sorted) add(e *entry) {
	if e.text != "" {
		s.words.add(e)
		s.texts++
		return
	}
	s.n++
	if len(s.blocks) == 0 {
		s.blocks = append(s.blocks, append(make([]float64, 0, block), e.number))
		return
	}
	b := s.blockOf(e.number)
	in := s.blocks[b]
	at := sort.SearchFloat64s(in, e.number)
	in = append(in, 0)
	copy(in[at+1:], in[at:])
	in[at] = e.number
	if s.blocks[b] = in; len(in) == block {
		half := append(make([]float64, 0, block), in[block/2:]...)
		s.blocks[b] = in[:block/2]
		s.blocks = append(s.blocks, nil)
		copy(s.blocks[b+2:], s.blocks[b+1:])
		s.blocks[b+1] = half
	}
}

// blockOf is the first block whose last number is not smaller, or the last one.
func (s *sorted) blockOf(x float64) int {
	b := sort.Search(len(s.blocks), func(i int) bool { return s.blocks[i][len(s.blocks[i])-1] >= x })
	return min(b, len(s.blocks)-1)
}

func (s *sorted) remove(e *entry) {
	if e.text != "" {
		s.words.remove(e)
		s.texts--
		return
	}
	s.n--
	b := s.blockOf(e.number)
	in := s.blocks[b]
	at := sort.SearchFloat64s(in, e.number)
	s.blocks[b] = append(in[:at], in[at+1:]...)
	if len(s.blocks[b]) == 0 {
		s.blocks = append(s.blocks[:b], s.blocks[b+1:]...)
	}
}

func (s *sorted) value(last *entry) float64 {
	if last.text != "" {
		return 100 * float64(s.words[last.text]) / float64(s.n+s.texts)
	}
	rank := s.share * float64(s.n-1)
	below, part := math.Modf(rank)
	low := s.nth(int(below))
	if part == 0 {
		return low
	}
	return low + part*(s.nth(int(below)+1)-low)
}

func (s *sorted) nth(n int) float64 {
	for _, in := range s.blocks {
		if n < len(in) {
			return in[n]
		}
		n -= len(in)
	}
	return math.NaN()
}
