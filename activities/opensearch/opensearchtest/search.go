package opensearchtest

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// found is one document that a search found.
type found struct {
	index *index
	doc   *document
	sort  []any
}

// searchBody is what the stand-in knows of a search; any other member is a 400.
var searchMembers = []string{
	"size", "from", "query", "sort", "_source", "track_total_hits", "seq_no_primary_term", "version", "search_after",
	"aggs", "aggregations", "timeout", "pit", "terminate_after",
}

// pit is a point in time: what was visible when it was made.
type pit struct {
	indices []*index
	docs    []found
}

func (c *Cluster) searchOrPIT(in *call) reply {
	if len(in.path) > 2 && in.path[2] == "point_in_time" && in.Method == http.MethodPost {
		if in.param("keep_alive") == "" {
			return refuse(http.StatusBadRequest, "action_request_validation_exception", "keep alive not specified")
		}
		indices, err := c.resolve(in.path[0], true)
		if err != nil {
			return replyTo(err)
		}
		id := c.identity("pit")
		c.pits[id] = &pit{indices: indices, docs: c.see(indices, nil, math.MinInt64, math.MaxInt64)}
		shards := shardCount(indices)
		return ok(map[string]any{"pit_id": id, "_shards": shards, "creation_time": c.now().UnixMilli()})
	}
	if len(in.path) > 2 {
		return unknownPath(in)
	}
	indices, err := c.resolve(in.path[0], in.param("ignore_unavailable") != "true")
	if err != nil {
		return replyTo(err)
	}
	return c.answerSearch(in, indices, nil)
}

// searchPIT answers _search without an index: with a pit in its body, or over all indices; and the end of a pit.
func (c *Cluster) searchPIT(in *call) reply {
	if len(in.path) > 1 && in.path[1] == "point_in_time" && in.Method == http.MethodDelete {
		var body struct {
			IDs []string `json:"pit_id"`
		}
		_ = json.Unmarshal(in.body, &body)
		done := []any{}
		for _, id := range body.IDs {
			_, there := c.pits[id]
			delete(c.pits, id)
			done = append(done, map[string]any{"pit_id": id, "successful": there})
		}
		return ok(map[string]any{"pits": done})
	}
	var body struct {
		PIT *struct {
			ID string `json:"id"`
		} `json:"pit"`
	}
	if json.Unmarshal(in.body, &body) != nil || body.PIT == nil {
		indices, err := c.resolve("*", false)
		if err != nil {
			return replyTo(err)
		}
		return c.answerSearch(in, indices, nil)
	}
	point := c.pits[body.PIT.ID]
	if point == nil {
		return refuse(http.StatusNotFound, "search_context_missing_exception", "No search context found for id")
	}
	return c.answerSearch(in, point.indices, point)
}

func shardCount(indices []*index) map[string]int {
	total, failed := 0, 0
	for _, in := range indices {
		for _, s := range in.shards {
			total++
			failed += one(s.missing)
		}
	}
	return map[string]int{"total": total, "successful": total - failed, "skipped": 0, "failed": failed}
}

// see collects visible documents with from < seq <= to; pick nil: of all shards.
func (c *Cluster) see(indices []*index, pick *int, from, to int64) (docs []found) {
	for _, in := range indices {
		for _, s := range in.shards {
			if s.missing || pick != nil && *pick != s.number {
				continue
			}
			s.tick(c.now(), in.every)
			for _, doc := range s.between(from, to) {
				if !doc.hidden {
					docs = append(docs, found{index: in, doc: doc})
				}
			}
		}
	}
	return docs
}

var preferred = regexp.MustCompile(`^_shards:(\d+)(\|_primary)?$`)

// search is a search's body, read.
type search struct {
	query      predicate
	from, size int
	sort       []order
	after      []any
	source     any
	aggs       map[string]any
	seqs       [2]int64
	body       map[string]any
}

func (c *Cluster) answerSearch(in *call, indices []*index, point *pit) reply {
	s, err := c.readSearch(in)
	if err != nil {
		return replyTo(err)
	}
	var pick *int
	shards := shardCount(indices)
	if preference := in.param("preference"); preference != "" && preference != "_primary" {
		parts := preferred.FindStringSubmatch(preference)
		if parts == nil {
			return refuse(http.StatusBadRequest, "illegal_argument_exception", "no Preference for ["+preference+"]")
		}
		number, _ := strconv.Atoi(parts[1])
		pick = &number
		shards = pickedShards(indices, number)
	}
	if shards["failed"] > 0 && in.param("allow_partial_search_results") == "false" {
		return refuse(http.StatusServiceUnavailable, "search_phase_execution_exception", "Partial shards failure")
	}
	var seen []found
	if point != nil {
		seen = slices.Clone(point.docs)
	} else {
		seen = c.see(indices, pick, s.seqs[0], s.seqs[1])
	}
	seen = slices.DeleteFunc(seen, func(f found) bool { return !s.query(f.index, f.doc) })
	answer := map[string]any{"took": 1, "timed_out": false, "_shards": shards}
	if len(s.aggs) > 0 {
		if answer["aggregations"], err = c.aggregate(s.aggs, seen); err != nil {
			return replyTo(err)
		}
	}
	page, err := s.page(seen)
	if err != nil {
		return replyTo(err)
	}
	hits := map[string]any{"max_score": nil, "hits": page}
	if track, set := s.body["track_total_hits"]; !set || track != false {
		hits["total"] = map[string]any{"value": len(seen), "relation": "eq"}
	}
	answer["hits"] = hits
	if point != nil {
		answer["pit_id"] = object(s.body["pit"])["id"]
	}
	return ok(answer)
}

func pickedShards(indices []*index, number int) map[string]int {
	total, failed := 0, 0
	for _, in := range indices {
		if number < len(in.shards) {
			total++
			failed += one(in.shards[number].missing)
		}
	}
	return map[string]int{"total": total, "successful": total - failed, "skipped": 0, "failed": failed}
}

func (c *Cluster) readSearch(in *call) (s search, err error) {
	s = search{size: 10, seqs: [2]int64{math.MinInt64, math.MaxInt64}, body: map[string]any{}}
	if len(in.body) > 0 && json.Unmarshal(in.body, &s.body) != nil {
		return s, bad("body is no JSON")
	}
	if err := only(s.body, searchMembers...); err != nil {
		return s, err
	}
	if size, set := number(s.body["size"]); set {
		s.size = int(size)
	}
	if from, set := number(s.body["from"]); set {
		s.from = int(from)
	}
	if s.size+s.from > 10000 {
		return s, failure{refuse(http.StatusBadRequest, "illegal_argument_exception", "Result window is too large, from + size must be less than or equal to: [10000]")}
	}
	s.query = func(*index, *document) bool { return true }
	if query, set := s.body["query"]; set {
		if s.query, err = c.clause(object(query)); err != nil {
			return s, err
		}
		s.seqs = seqBounds(object(query))
	}
	if s.sort, err = readSort(s.body["sort"]); err != nil {
		return s, err
	}
	if after, set := s.body["search_after"]; set {
		s.after = list(after)
		if len(s.after) != len(s.sort) {
			return s, bad("search_after has %d value(s) but sort has %d", len(s.after), len(s.sort))
		}
	}
	s.source = s.body["_source"]
	s.aggs = object(s.body["aggs"])
	if len(s.aggs) == 0 {
		s.aggs = object(s.body["aggregations"])
	}
	return s, nil
}

// seqBounds narrows a search by the range on _seq_no that its top level has; the clause itself is still applied.
func seqBounds(query map[string]any) [2]int64 {
	bounds := [2]int64{math.MinInt64, math.MaxInt64}
	for _, clause := range list(object(query["bool"])["filter"]) {
		seq := object(object(object(clause)["range"])["_seq_no"])
		if gt, set := number(seq["gt"]); set {
			bounds[0] = int64(gt)
		}
		if lte, set := number(seq["lte"]); set {
			bounds[1] = int64(lte)
		}
	}
	return bounds
}

func (c *Cluster) count(in *call) reply {
	indices, err := c.resolve(in.path[0], in.param("ignore_unavailable") != "true")
	if err != nil {
		return replyTo(err)
	}
	var body map[string]any
	if len(in.body) > 0 && json.Unmarshal(in.body, &body) != nil {
		return replyTo(bad("body is no JSON"))
	}
	if err := only(body, "query"); err != nil {
		return replyTo(err)
	}
	query := predicate(func(*index, *document) bool { return true })
	if body["query"] != nil {
		if query, err = c.clause(object(body["query"])); err != nil {
			return replyTo(err)
		}
	}
	total := 0
	for _, f := range c.see(indices, nil, math.MinInt64, math.MaxInt64) {
		total += one(query(f.index, f.doc))
	}
	return ok(map[string]any{"count": total, "_shards": shardCount(indices)})
}

// duration reads a time unit as the server writes it: 30s, 1m, 1h, 1d.
func duration(text string) (time.Duration, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}
