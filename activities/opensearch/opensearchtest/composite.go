package opensearchtest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// composite pages through the combinations of its sources in key order.
func (c *Cluster) composite(body, sub map[string]any, docs []found) (any, error) {
	if err := only(body, "sources", "size", "after"); err != nil {
		return nil, err
	}
	combine := func(found) []any { return []any{[]any{}} }
	var names []string
	for _, source := range list(body["sources"]) {
		for name, how := range object(source) {
			keys, err := sourceKeys(object(how))
			if err != nil {
				return nil, err
			}
			names = append(names, name)
			combine = cross(combine, keys)
		}
	}
	buckets := group(docs, combine)
	compare := func(a, b []any) int {
		for i := range a {
			if way := compareAs("", a[i], b[i]); way != 0 {
				return way
			}
		}
		return 0
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return compare(a.key.([]any), b.key.([]any)) })
	if after := object(body["after"]); len(after) > 0 {
		last := make([]any, len(names))
		for i, name := range names {
			last[i] = after[name]
		}
		buckets = slices.DeleteFunc(buckets, func(b bucket) bool { return compare(b.key.([]any), last) <= 0 })
	}
	size := 10
	if n, set := number(body["size"]); set {
		size = int(n)
	}
	buckets = buckets[:min(size, len(buckets))]
	for i := range buckets {
		named := map[string]any{}
		for k, name := range names {
			named[name] = buckets[i].key.([]any)[k]
		}
		buckets[i].key = named
	}
	shown, err := c.show(buckets, sub)
	answer := map[string]any{"buckets": shown}
	if len(buckets) > 0 {
		answer["after_key"] = buckets[len(buckets)-1].key
	}
	return answer, err
}

func sourceKeys(how map[string]any) (func(found) []any, error) {
	for kind, raw := range how {
		body := object(raw)
		if kind == "terms" {
			return keyOf(body), only(body, "field", "order", "missing_bucket")
		}
		if kind == "date_histogram" {
			floor, err := floorOf(body)
			keys := keyOf(map[string]any{"field": body["field"]})
			return func(f found) (at []any) {
				for _, v := range keys(f) {
					if when, is := instant(v); is {
						at = append(at, float64(floor(when).UnixMilli()))
					}
				}
				return at
			}, err
		}
		return nil, bad("composite source [%s]", kind)
	}
	return nil, bad("composite source without a type")
}

// cross gives every combination of what two key functions give.
func cross(left, right func(found) []any) func(found) []any {
	return func(f found) (both []any) {
		for _, l := range left(f) {
			for _, r := range right(f) {
				both = append(both, append(slices.Clone(l.([]any)), r))
			}
		}
		return both
	}
}

func metric(kind string, body map[string]any, docs []found) (any, error) {
	if err := only(body, "field", "missing"); err != nil {
		return nil, err
	}
	var values []float64
	count, dated := 0, false
	for _, f := range docs {
		for _, v := range keyOf(body)(f) {
			count++
			if at, is := instant(v); is && strings.Contains(fmt.Sprint(v), "-") {
				dated, v = true, float64(at.UnixMilli())
			}
			if n, is := number(v); is {
				values = append(values, n)
			}
		}
	}
	if kind == "value_count" {
		return map[string]any{"value": count}, nil
	}
	if len(values) == 0 {
		return map[string]any{"value": nil}, nil
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	result := map[string]float64{"sum": sum, "avg": sum / float64(len(values)), "min": slices.Min(values), "max": slices.Max(values)}[kind]
	answer := map[string]any{"value": result}
	if dated {
		answer["value_as_string"] = time.UnixMilli(int64(result)).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return answer, nil
}
