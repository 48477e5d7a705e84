package opensearchtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// bucket is one group of documents under a key.
type bucket struct {
	key  any
	docs []found
}

// aggregate computes named aggregations over documents; unknown kinds are a 400.
func (c *Cluster) aggregate(aggs map[string]any, docs []found) (map[string]any, error) {
	answer := map[string]any{}
	for name, body := range aggs {
		result, err := c.aggregateOne(object(body), docs)
		if err != nil {
			return nil, err
		}
		answer[name] = result
	}
	return answer, nil
}

func (c *Cluster) aggregateOne(agg map[string]any, docs []found) (any, error) {
	sub := object(agg["aggs"])
	if len(sub) == 0 {
		sub = object(agg["aggregations"])
	}
	for kind, raw := range agg {
		body := object(raw)
		switch kind {
		case "aggs", "aggregations", "meta":
		case "terms", "rare_terms":
			return c.termsAggregation(kind, body, sub, docs)
		case "composite":
			return c.composite(body, sub, docs)
		case "date_histogram":
			return c.dateHistogram(body, sub, docs)
		case "cardinality":
			return map[string]any{"value": len(group(docs, keyOf(body)))}, only(body, "field", "precision_threshold")
		case "value_count", "min", "max", "sum", "avg":
			return metric(kind, body, docs)
		case "filter":
			query, err := c.clause(body)
			if err != nil {
				return nil, err
			}
			kept := slices.DeleteFunc(slices.Clone(docs), func(f found) bool { return !query(f.index, f.doc) })
			return c.withSub(map[string]any{"doc_count": len(kept)}, sub, kept)
		case "missing":
			kept := slices.DeleteFunc(slices.Clone(docs), func(f found) bool { return len(keyOf(body)(f)) > 0 })
			return c.withSub(map[string]any{"doc_count": len(kept)}, sub, kept)
		default:
			return nil, bad("Unknown aggregation type [%s]", kind)
		}
	}
	return nil, bad("aggregation without a type")
}

func (c *Cluster) withSub(answer, sub map[string]any, docs []found) (map[string]any, error) {
	if len(sub) == 0 {
		return answer, nil
	}
	inner, err := c.aggregate(sub, docs)
	if err != nil {
		return nil, err
	}
	maps.Copy(answer, inner)
	return answer, nil
}

// keyOf gives a document's values of the aggregation's field; a missing one may be replaced.
func keyOf(body map[string]any) func(found) []any {
	name := fmt.Sprint(body["field"])
	return func(f found) []any {
		if name == "_index" {
			return []any{f.index.name}
		}
		field := f.index.mapping.look(name)
		var values []any
		for _, v := range field.values(f.doc) {
			if !slices.Contains(values, v) && !field.wordwise(v) {
				values = append(values, v)
			}
		}
		if missing, set := body["missing"]; set && len(values) == 0 {
			return []any{missing}
		}
		return values
	}
}

func group(docs []found, keys func(found) []any) []bucket {
	var buckets []bucket
	at := map[string]int{}
	for _, f := range docs {
		for _, key := range keys(f) {
			text, _ := json.Marshal(key)
			i, there := at[string(text)]
			if !there {
				i = len(buckets)
				at[string(text)] = i
				buckets = append(buckets, bucket{key: key})
			}
			buckets[i].docs = append(buckets[i].docs, f)
		}
	}
	return buckets
}

func (c *Cluster) termsAggregation(kind string, body, sub map[string]any, docs []found) (any, error) {
	if err := only(body, "field", "size", "order", "missing", "min_doc_count", "include", "shard_size", "max_doc_count", "precision"); err != nil {
		return nil, err
	}
	buckets := group(docs, keyOf(body))
	least, most, size := 1.0, float64(len(docs)), 10.0
	if kind == "rare_terms" {
		most, size = 1, float64(len(buckets))
	}
	for name, into := range map[string]*float64{"min_doc_count": &least, "max_doc_count": &most, "size": &size} {
		if n, set := number(body[name]); set {
			*into = n
		}
	}
	byKey := map[string]any{}
	if order, set := body["order"]; set {
		byKey = object(order)
	}
	down := byKey["_key"] == "desc" || byKey["_key"] == nil && byKey["_count"] != "asc" && kind == "terms"
	buckets = slices.DeleteFunc(buckets, func(b bucket) bool {
		n := float64(len(b.docs))
		return n < least || n > most
	})
	slices.SortFunc(buckets, func(a, b bucket) int {
		way := len(a.docs) - len(b.docs)
		if byKey["_key"] != nil {
			way = 0
		}
		if way != 0 && down {
			return -way
		}
		if way != 0 {
			return way
		}
		if byKey["_key"] == "desc" {
			return -compareAs("", a.key, b.key)
		}
		return compareAs("", a.key, b.key)
	})
	rest := 0
	for _, b := range buckets[min(int(size), len(buckets)):] {
		rest += len(b.docs)
	}
	shown, err := c.show(buckets[:min(int(size), len(buckets))], sub)
	return map[string]any{"doc_count_error_upper_bound": 0, "sum_other_doc_count": rest, "buckets": shown}, err
}

func (c *Cluster) show(buckets []bucket, sub map[string]any) ([]any, error) {
	shown := []any{}
	for _, b := range buckets {
		answer, err := c.withSub(map[string]any{"key": b.key, "doc_count": len(b.docs)}, sub, b.docs)
		if err != nil {
			return nil, err
		}
		shown = append(shown, answer)
	}
	return shown, nil
}

func (c *Cluster) dateHistogram(body, sub map[string]any, docs []found) (any, error) {
	if err := only(body, "field", "fixed_interval", "calendar_interval", "min_doc_count", "format", "time_zone"); err != nil {
		return nil, err
	}
	floor, err := floorOf(body)
	if err != nil {
		return nil, err
	}
	keys := keyOf(map[string]any{"field": body["field"]})
	buckets := group(docs, func(f found) (found []any) {
		for _, v := range keys(f) {
			if at, is := instant(v); is {
				found = append(found, float64(floor(at).UnixMilli()))
			}
		}
		return found
	})
	slices.SortFunc(buckets, func(a, b bucket) int { return compareAs("long", a.key, b.key) })
	shown, err := c.show(buckets, sub)
	for _, b := range shown {
		millis, _ := number(object(b)["key"])
		object(b)["key_as_string"] = time.UnixMilli(int64(millis)).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return map[string]any{"buckets": shown}, err
}

func floorOf(body map[string]any) (func(time.Time) time.Time, error) {
	text := fmt.Sprint(body["fixed_interval"])
	if body["fixed_interval"] == nil {
		names := map[string]string{"minute": "1m", "1m": "1m", "hour": "1h", "1h": "1h", "day": "1d", "1d": "1d"}
		if text = names[fmt.Sprint(body["calendar_interval"])]; text == "" {
			return nil, bad("the stand-in knows no calendar_interval [%v]", body["calendar_interval"])
		}
	}
	step, err := duration(text)
	if err != nil || step <= 0 {
		return nil, bad("interval [%s]", text)
	}
	return func(at time.Time) time.Time {
		return time.Unix(0, at.UnixNano()-at.UnixNano()%int64(step)).UTC()
	}, nil
}
