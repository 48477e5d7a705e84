package correlate_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// plainly says what fires, from the specification alone: for each event the window that ends at it, counted anew.
func plainly(set *correlate.Set, events []*correlate.Event) map[string]float64 {
	fired := map[string]float64{}
	for _, rule := range set.Rules() {
		for i, last := range events {
			if !slices.Contains(rule.Rules, last.Rule) {
				continue
			}
			var window []*correlate.Event
			for _, e := range events[:i+1] {
				if slices.Contains(rule.Rules, e.Rule) && valueOf(e, "g") == valueOf(last, "g") && last.Time.Sub(e.Time) <= rule.Timespan {
					window = append(window, e)
				}
			}
			if value, holds := counted(rule, window); holds {
				fired[rule.ID+" "+last.Ref.ID] = value
			}
		}
	}
	return fired
}

func valueOf(e *correlate.Event, name string) string {
	for _, v := range e.Values {
		if v.Name == name {
			return v.Text
		}
	}
	return ""
}

func counted(rule *correlate.Rule, window []*correlate.Event) (value float64, holds bool) {
	seen, texts, numbers := map[string]bool{}, map[string]int{}, []float64{}
	for _, e := range window {
		seen[e.Rule] = true
		text := ""
		for _, field := range rule.Fields {
			text += valueOf(e, field) + "/"
			if n, err := strconv.ParseFloat(valueOf(e, field), 64); err == nil {
				numbers = append(numbers, n)
			}
		}
		texts[text]++
	}
	slices.Sort(numbers)
	total := 0.0
	for _, n := range numbers {
		total += n
	}
	switch rule.Type {
	case "event_count":
		value = float64(len(window))
	case "value_count":
		value = float64(len(texts))
	case "value_sum":
		value = total
	case "value_avg":
		value = total / float64(len(numbers))
	case "value_median":
		value = quantile(numbers, 0.5)
	case "value_percentile":
		if value = quantile(numbers, rule.Percentile/100); len(numbers) == 0 {
			value = 100 * float64(texts[valueOf(window[len(window)-1], rule.Fields[0])+"/"]) / float64(len(window))
		}
	case "temporal":
		value = float64(len(seen))
		if rule.Extended != nil {
			return value, rule.Extended.Holds(func(i int) bool { return seen[rule.Rules[i]] })
		}
	case "temporal_ordered":
		return ordered(rule, window)
	}
	return value, bounded(rule, value)
}

func bounded(rule *correlate.Rule, value float64) bool {
	if len(rule.Bounds) == 0 {
		return value >= float64(len(rule.Rules))
	}
	compare := map[string]bool{}
	for word, of := range rule.Bounds {
		compare[word] = map[string]bool{"gt": value > of, "gte": value >= of, "lt": value < of, "lte": value <= of, "eq": value == of, "neq": value != of}[word]
	}
	return !slices.Contains(slices.Collect(maps.Values(compare)), false)
}

func quantile(numbers []float64, share float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	rank := share * float64(len(numbers)-1)
	low := int(rank)
	if part := rank - float64(low); part > 0 {
		return numbers[low] + part*(numbers[low+1]-numbers[low])
	}
	return numbers[low]
}

// ordered tries every chain of events that ends at the last one. Events of one instant may be taken in either order.
func ordered(rule *correlate.Rule, window []*correlate.Event) (value float64, holds bool) {
	window = slices.Clone(window)
	place := func(e *correlate.Event) int { return slices.Index(rule.Rules, e.Rule) }
	last := window[len(window)-1]
	longest := 0
	var walk func(e *correlate.Event, length int)
	walk = func(e *correlate.Event, length int) {
		if clean(rule, window, e, last) {
			longest = max(longest, length)
		}
		for _, before := range window {
			if place(before) < place(e) && !before.Time.After(e.Time) && !negated(rule, before) {
				walk(before, length+1)
			}
		}
	}
	if !negated(rule, last) {
		walk(last, 1)
	}
	if rule.Extended != nil {
		return float64(longest), longest == len(rule.Rules)-len(rule.Extended.Negated())
	}
	return float64(longest), bounded(rule, float64(longest))
}

func negated(rule *correlate.Rule, e *correlate.Event) bool {
	return rule.Extended != nil && slices.Contains(rule.Extended.Negated(), slices.Index(rule.Rules, e.Rule))
}

// clean reports whether nothing that must not match did so from begin to end.
func clean(rule *correlate.Rule, window []*correlate.Event, begin, end *correlate.Event) bool {
	order := func(e *correlate.Event) string {
		return fmt.Sprintf("%020d %d %s", e.Time.UnixNano(), slices.Index(rule.Rules, e.Rule), e.Ref.ID)
	}
	return !slices.ContainsFunc(window, func(e *correlate.Event) bool {
		return negated(rule, e) && order(e) > order(begin) && order(e) < order(end)
	})
}
