package hunting

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules/hunt"
)

// Bounds of one hunt: rows of its stack, and proofs that its outcome keeps.
const (
	maxRows   = 50_000
	maxProofs = 100
	pageRows  = 1000
)

// search is one hunt over one stream.
type search struct {
	stream Stream
	hunt   hunt.Hunt
}

func (s search) run(ctx context.Context, o activities.HuntOutcome) (activities.HuntOutcome, error) {
	missing, err := s.missingFields(ctx, o.From, o.To)
	if err != nil {
		return o, err
	}
	if len(missing) > 0 {
		return inconclusive(o, "no document of the last %s has %s", s.hunt.Lookback, strings.Join(missing, ", ")), nil
	}
	now, err := s.stack(ctx, o.From, o.To)
	if err != nil {
		return o, err
	}
	o.Documents = now.documents
	if reason := s.tooLittle(now, "the window"); reason != "" {
		return inconclusive(o, "%s", reason), nil
	}
	rows := now.rows
	if s.hunt.Analysis.Method == hunt.NewTerms {
		known, err := s.stack(ctx, o.From.Add(-s.hunt.Baseline), o.From)
		if err != nil {
			return o, err
		}
		if reason := s.tooLittle(known, "the baseline"); reason != "" {
			return inconclusive(o, "%s", reason), nil
		}
		rows = slices.DeleteFunc(rows, func(r row) bool { return known.has(r) })
	} else {
		rows = slices.DeleteFunc(rows, func(r row) bool { return r.count > s.hunt.Analysis.MaxCount })
	}
	return s.conclude(ctx, o, rows)
}

func (s search) tooLittle(k stack, what string) string {
	switch {
	case k.truncated:
		return fmt.Sprintf("%s has more than %d combinations: narrow the query", what, maxRows)
	case k.documents < s.hunt.MinDocs:
		return fmt.Sprintf("%s holds %d documents, and fewer than %d prove nothing", what, k.documents, s.hunt.MinDocs)
	}
	return ""
}

func (s search) conclude(ctx context.Context, o activities.HuntOutcome, rows []row) (activities.HuntOutcome, error) {
	if len(rows) == 0 {
		o.Outcome, o.Reason = activities.Disproved, fmt.Sprintf("nothing among %d documents", o.Documents)
		return o, nil
	}
	o.Outcome, o.Reason = activities.Proved, fmt.Sprintf("%d combinations among %d documents", len(rows), o.Documents)
	if len(rows) > maxProofs {
		o.Reason += fmt.Sprintf("; the first %d are kept", maxProofs)
	}
	for _, r := range rows[:min(len(rows), maxProofs)] {
		proof, err := s.proof(ctx, o, r)
		if err != nil {
			return o, err
		}
		o.Proofs = append(o.Proofs, proof)
	}
	return o, nil
}

// clause is the hunt's query bounded to a window.
func (s search) clause(from, to time.Time, more ...any) map[string]any {
	filters := append([]any{
		s.hunt.Query,
		map[string]any{"range": map[string]any{s.hunt.TimeField: map[string]any{"gte": from.Format(time.RFC3339Nano), "lt": to.Format(time.RFC3339Nano)}}},
	}, more...)
	return map[string]any{"bool": map[string]any{"filter": filters}}
}

// missingFields are the needed fields that no document of the window has: then silence would prove nothing.
func (s search) missingFields(ctx context.Context, from, to time.Time) (missing []string, err error) {
	for _, field := range s.hunt.Fields() {
		count, err := s.stream.Cluster.Count(ctx, s.stream.Index, s.clause(from, to, map[string]any{"exists": map[string]any{"field": field}}))
		if err != nil {
			return nil, fmt.Errorf("count field: %w", err)
		}
		if count == 0 {
			missing = append(missing, field)
		}
	}
	return missing, nil
}

// row is one combination: the values of Fields(), in order.
type row struct {
	values []string
	count  int64
}

type stack struct {
	rows      []row
	seen      map[string]bool // combinations of the by-fields alone
	documents int64
	truncated bool
}

func (k stack) has(r row) bool { return k.seen[strings.Join(r.values, "\x00")] }

// stack counts every combination exactly, page by page: a composite aggregation misses none, unlike rare_terms.
func (s search) stack(ctx context.Context, from, to time.Time) (k stack, err error) {
	k.seen = map[string]bool{}
	fields := s.hunt.Fields()
	var after json.RawMessage
	for {
		answer, err := s.page(ctx, fields, from, to, after)
		if err != nil {
			return k, err
		}
		for _, bucket := range answer.Aggregations.Stack.Buckets {
			r := row{count: bucket.Count}
			for i := range fields {
				r.values = append(r.values, fmt.Sprint(bucket.Key[fmt.Sprintf("f%d", i)]))
			}
			k.rows, k.documents = append(k.rows, r), k.documents+bucket.Count
			k.seen[strings.Join(r.values, "\x00")] = true
		}
		if after = answer.Aggregations.Stack.After; len(after) == 0 || len(answer.Aggregations.Stack.Buckets) == 0 {
			return k, nil
		}
		if len(k.rows) >= maxRows {
			k.truncated = true
			return k, nil
		}
	}
}

type stackAnswer struct {
	opensearch.Result
	Aggregations struct {
		Stack struct {
			After   json.RawMessage `json:"after_key"`
			Buckets []struct {
				Key   map[string]any `json:"key"`
				Count int64          `json:"doc_count"`
			} `json:"buckets"`
		} `json:"stack"`
	} `json:"aggregations"`
}

func (s search) page(ctx context.Context, fields []string, from, to time.Time, after json.RawMessage) (answer stackAnswer, err error) {
	sources := make([]any, len(fields))
	for i, field := range fields {
		sources[i] = map[string]any{fmt.Sprintf("f%d", i): map[string]any{"terms": map[string]any{"field": field}}}
	}
	composite := map[string]any{"size": pageRows, "sources": sources}
	if len(after) > 0 {
		composite["after"] = after
	}
	body := map[string]any{
		"size": 0, "track_total_hits": false, "query": s.clause(from, to),
		"aggs": map[string]any{"stack": map[string]any{"composite": composite}},
	}
	if err := s.stream.Cluster.Search(ctx, s.stream.Index, body, &answer); err != nil {
		return answer, fmt.Errorf("count combinations: %w", err)
	}
	return answer, nil
}

// proof fetches the newest event of a combination: the evidence that the detection points at.
func (s search) proof(ctx context.Context, o activities.HuntOutcome, r row) (p activities.HuntProof, err error) {
	fields := s.hunt.Fields()
	p = activities.HuntProof{Count: r.count, Values: map[string]string{}, At: o.To}
	terms := make([]any, len(fields))
	for i, field := range fields {
		p.Values[field] = r.values[i]
		terms[i] = map[string]any{"term": map[string]any{field: r.values[i]}}
		if field == s.hunt.Analysis.Entity.Field {
			p.Entity = r.values[i]
		}
	}
	var answer opensearch.Result
	body := map[string]any{"size": 1, "query": s.clause(o.From, o.To, terms...), "sort": []any{map[string]any{s.hunt.TimeField: "desc"}}}
	if err := s.stream.Cluster.Search(ctx, s.stream.Index, body, &answer); err != nil {
		return p, fmt.Errorf("fetch evidence: %w", err)
	}
	for _, d := range answer.Documents() {
		p.Index, p.EventID = d.Index, d.ID
		p.At = timeOf(d.Source, s.hunt.TimeField, o.To)
	}
	created, err := s.stream.Cluster.Created(ctx, p.Index)
	if err != nil {
		return p, fmt.Errorf("fetch evidence: %w", err)
	}
	for uuid, at := range created { // of one index: one entry
		p.IndexUUID, p.IndexCreated = uuid, at
	}
	return p, nil
}

// timeOf is the event's time, or otherwise when it can't be read.
func timeOf(source json.RawMessage, field string, otherwise time.Time) time.Time {
	var document map[string]any
	if json.Unmarshal(source, &document) != nil {
		return otherwise
	}
	text, _ := document[field].(string)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC()
		}
	}
	return otherwise
}

// summary is the proof in one line, at most 300 bytes.
func summary(h hunt.Hunt, p activities.HuntProof) string {
	parts := make([]string, 0, len(h.Analysis.By))
	for _, field := range h.Analysis.By {
		parts = append(parts, p.Values[field])
	}
	text := strings.ToValidUTF8(fmt.Sprintf("%s: %s (%d times)", h.Title, strings.Join(parts, " -> "), p.Count), "?")
	return text[:min(len(text), 300)]
}
