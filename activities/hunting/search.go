package hunting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/rules/hunt"
)

// Bounds of one hunt: combinations that it counts, proofs that its outcome keeps, and combinations of one answer.
const (
	maxRows   = 50_000
	maxProofs = 100
	pageRows  = 1000
)

// search is one hunt over one stream.
type search struct {
	stream    Stream
	hunt      hunt.Hunt
	baselines baselines
	silent    string // why silence proves nothing, if it does not
}

// partial reports whether the answer lacks shards: with status 200, or with the 503 of a search that needs all of them.
func partial(err error) bool {
	var fault *opensearch.Fault
	return errors.Is(err, opensearch.ErrIncomplete) ||
		errors.As(err, &fault) && fault.Status == http.StatusServiceUnavailable && fault.Type == "search_phase_execution_exception"
}

// refused reports whether the same question would get the same refusal again.
func refused(err error) bool {
	var fault *opensearch.Fault
	return errors.As(err, &fault) && fault.Permanent()
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

// row is one combination: the values of Fields(), in order, as the cluster spells them.
type row struct {
	values []json.RawMessage
	count  int64
}

// by is the key of the row's by-fields alone.
func (r row) by(h hunt.Hunt) string {
	parts := make([]string, len(h.Analysis.By))
	for i := range h.Analysis.By {
		parts[i] = text(r.values[i])
	}
	return strings.Join(parts, "\x00")
}

// text is a value as people read it.
func text(value json.RawMessage) (plain string) {
	if json.Unmarshal(value, &plain) == nil {
		return plain
	}
	return string(value)
}

// stack is every combination of a window.
type stack struct {
	rows      []row
	documents int64
	truncated bool
}

// stack counts every combination exactly, page by page: a composite aggregation misses none, unlike rare_terms.
func (s search) stack(ctx context.Context, from, to time.Time) (k stack, err error) {
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
				r.values = append(r.values, bucket.Key[fmt.Sprintf("f%d", i)])
			}
			k.rows, k.documents = append(k.rows, r), k.documents+bucket.Count
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
				Key   map[string]json.RawMessage `json:"key"`
				Count int64                      `json:"doc_count"`
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

// proof fetches the first event of a combination: the evidence that the detection points at. The first stays the first
// when more come, so a later run points at the same.
func (s search) proof(ctx context.Context, o activities.HuntOutcome, r row) (p activities.HuntProof, err error) {
	fields := s.hunt.Fields()
	p = activities.HuntProof{Count: r.count, Values: map[string]string{}, At: o.To}
	terms := make([]any, len(fields))
	for i, field := range fields {
		p.Values[field] = text(r.values[i])
		terms[i] = map[string]any{"term": map[string]any{field: r.values[i]}}
		if field == s.hunt.Analysis.Entity.Field {
			p.Entity = text(r.values[i])
		}
	}
	var answer opensearch.Result
	body := map[string]any{
		"size": 1, "query": s.clause(o.From, o.To, terms...),
		"sort": []any{map[string]any{s.hunt.TimeField: map[string]any{"order": "asc", "unmapped_type": "date"}}, map[string]any{"_seq_no": "asc"}},
	}
	if err := s.stream.Cluster.Search(ctx, s.stream.Index, body, &answer); err != nil {
		return p, fmt.Errorf("fetch evidence: %w", err)
	}
	for _, d := range answer.Documents() {
		p.Index, p.EventID = d.Index, d.ID
		p.At = timeOf(d.Source, s.hunt.TimeField, o.To)
	}
	if p.EventID == "" {
		return p, fmt.Errorf("fetch evidence: %w", errGone)
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

// errGone says that what was counted a moment ago is not there any more; the next attempt counts anew.
var errGone = errors.New("the events of a combination are gone")

// timeOf is the event's time, or otherwise when it can't be read.
func timeOf(source json.RawMessage, field string, otherwise time.Time) time.Time {
	var document map[string]any
	if json.Unmarshal(source, &document) != nil {
		return otherwise
	}
	written, _ := document[field].(string)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
		if at, err := time.Parse(layout, written); err == nil {
			return at.UTC()
		}
	}
	return otherwise
}
