package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Window is a part of the past: the documents of a pattern's open indices whose time is at or after From and before To.
type Window struct {
	Pattern  string
	Fields   []string // where an event's time may lie, the one that counts first first
	From, To time.Time
}

// History is a window as it was when it was opened: a copy at a point in time. What is written, changed or deleted while it
// is read is not seen. It is read in the order of time. It needs indices:data/read/search, /field_caps and
// /point_in_time/create and /delete, and indices:monitor/settings/get.
type History struct {
	Field     string // whose time counts
	Documents int64  // of the copy
	Timeless  int64  // of the indices: without that field they belong to no window

	client  *Client
	window  Window
	point   string
	indices map[string]Index
	at      place
	tied    map[string]bool // documents that were read and stand at the same place
}

// place is where a document stands. Documents of several shards may share one.
type place struct{ millis, seq int64 }

// Past is a document of a History. Its Source is nil where only the document's place could be read.
type Past struct {
	Document
	At    time.Time // to the millisecond
	Index Index
}

// keepPoint is how long the server keeps the copy after each page: longer than any pause between two.
const keepPoint = "10m"

// maxNames is how long a list of indices may be in a request's address, which the server takes 4 KiB of.
const maxNames = 3000

// Addressable reports whether a list of indices can be named in one request's address.
func Addressable(indices string) bool { return len(pathTo(indices)) <= maxNames }

// maxResult is the server's own limit of one answer.
const maxResult = 10_000

// ErrNoTime says that nothing can be read by time.
var ErrNoTime = errors.New("no field has the time as a date")

// OpenHistory makes the copy; whoever opens it closes it. A pattern without a field that every index which maps it maps as
// a date is ErrNoTime, with the mend.
func (c *Client) OpenHistory(ctx context.Context, w Window) (h *History, err error) {
	if w.Pattern == "" || len(w.Fields) == 0 || !w.From.Before(w.To) {
		return nil, errors.New("history: want a pattern, a field and a window that ends after it begins")
	}
	h = &History{client: c, window: w, indices: map[string]Index{}, at: place{-1 << 62, -1}, tied: map[string]bool{}}
	if h.Field, err = c.timeField(ctx, w); err != nil {
		return nil, err
	}
	indices, err := c.Indices(ctx, w.Pattern)
	if err != nil {
		return nil, err
	}
	for _, index := range indices {
		h.indices[index.Name] = index
	}
	if h.Timeless, err = c.timeless(ctx, w.Pattern, h.Field); err != nil {
		return nil, err
	}
	if err := h.open(ctx); err != nil {
		return nil, err
	}
	if h.Documents, err = h.count(ctx); err != nil {
		return nil, errors.Join(err, h.Close(context.WithoutCancel(ctx)))
	}
	return h, nil
}

// fieldCaps says how the open indices of a pattern map fields, by field and type. filter leaves out indices in which
// nothing fits it, as far as the server can tell without reading them.
type fieldCaps struct {
	Indices []string `json:"indices"`
	Fields  map[string]map[string]struct {
		Indices []string `json:"indices"` // when they differ
	} `json:"fields"`
}

func (c *Client) fieldCaps(ctx context.Context, pattern string, fields []string, filter any) (caps fieldCaps, err error) {
	var body []byte
	if filter != nil {
		if body, err = json.Marshal(map[string]any{"index_filter": filter}); err != nil {
			return caps, fmt.Errorf("encode filter of indices: %w", err)
		}
	}
	query := with(openOnes, "fields", strings.Join(fields, ","), "allow_no_indices", "true")
	err = c.call(ctx, "read the types of fields of "+pattern, http.MethodPost, pathTo(pattern, "_field_caps"), query, body, &caps)
	return caps, err
}

// timeField is the first of the fields that has an order in time.
func (c *Client) timeField(ctx context.Context, w Window) (string, error) {
	caps, err := c.fieldCaps(ctx, w.Pattern, w.Fields, nil)
	if err != nil {
		return "", err
	}
	if len(caps.Indices) == 0 {
		return "", fmt.Errorf("no open index matches %s: mend the stream's pattern, or open its indices", w.Pattern)
	}
	var not []string
	for _, field := range w.Fields {
		types := caps.Fields[field]
		other := ""
		for kind, where := range types {
			if kind != "date" && kind != "date_nanos" {
				other = fmt.Sprintf("%s is a %s", field, kind)
				if len(where.Indices) > 0 {
					other += " in " + where.Indices[0]
				}
			}
		}
		switch {
		case other != "":
			not = append(not, other)
		case len(types) == 0:
			not = append(not, field+" is not mapped")
		default:
			return field, nil
		}
	}
	return "", fmt.Errorf("%w in %s: %s (map it as date in the index template and reindex, or name a date field in `time` of the stream's mapping)",
		ErrNoTime, w.Pattern, strings.Join(not, ", "))
}

// clause finds the window's documents.
func (h *History) clause() map[string]any {
	return map[string]any{"range": map[string]any{h.Field: map[string]any{
		"gte": h.window.From.UnixMilli(), "lt": h.window.To.UnixMilli(), "format": "epoch_millis",
	}}}
}

// timeless counts the documents of a pattern that have no such field.
func (c *Client) timeless(ctx context.Context, pattern, field string) (int64, error) {
	without := map[string]any{"bool": map[string]any{"must_not": []any{map[string]any{"exists": map[string]any{"field": field}}}}}
	var answer Result
	err := c.searchWith(ctx, pattern, with(openOnes, "allow_no_indices", "true"), map[string]any{"size": 0, "track_total_hits": true, "query": without}, &answer)
	return answer.Hits.Total.Value, err
}

// count counts the documents of the copy.
func (h *History) count(ctx context.Context) (int64, error) {
	if h.point == "" {
		return 0, nil
	}
	answer, err := h.search(ctx, "count the past of "+h.window.Pattern, map[string]any{"size": 0, "track_total_hits": true})
	return answer.Hits.Total.Value, err
}

// search asks the copy for documents of the window.
func (h *History) search(ctx context.Context, op string, body map[string]any) (answer Result, err error) {
	body["query"], body["timeout"] = h.clause(), "30s"
	body["pit"] = map[string]any{"id": h.point, "keep_alive": keepPoint}
	sent, err := json.Marshal(body)
	if err != nil {
		return answer, fmt.Errorf("encode search: %w", err)
	}
	if err := h.client.call(ctx, op, http.MethodPost, "/_search", url.Values{"allow_partial_search_results": {"false"}}, sent, &answer); err != nil {
		return answer, err
	}
	if !answer.whole() {
		return answer, fmt.Errorf("%s: %w", op, ErrIncomplete)
	}
	return answer, nil
}

// open makes the point in time, over the indices that may have something of the window: each shard of it costs the server
// an open context.
func (h *History) open(ctx context.Context) error {
	caps, err := h.client.fieldCaps(ctx, h.window.Pattern, []string{h.Field}, h.clause())
	if err != nil {
		return err
	}
	if len(caps.Indices) == 0 {
		return nil // nothing lies in the window
	}
	where := strings.Join(caps.Indices, ",")
	if !Addressable(where) {
		where = h.window.Pattern
	}
	var answer struct {
		ID     string  `json:"pit_id"`
		Shards *Shards `json:"_shards"`
	}
	query := with(openOnes, "keep_alive", keepPoint, "allow_partial_pit_creation", "false")
	op := "open a point in time of " + h.window.Pattern
	err = h.client.call(ctx, op, http.MethodPost, pathTo(where, "_search", "point_in_time"), query, nil, &answer)
	if Overloaded(err) {
		return fmt.Errorf("%w (each shard of the window needs an open context: read a shorter window, or raise search.max_open_pit_context)", err)
	}
	if err != nil {
		return err
	}
	h.point = answer.ID
	if answer.ID == "" || answer.Shards == nil || answer.Shards.Failed > 0 || answer.Shards.Successful != answer.Shards.Total {
		return errors.Join(fmt.Errorf("%s: %w", op, ErrIncomplete), h.Close(ctx))
	}
	return nil
}

// Close lets the server forget the copy; without it that happens ten minutes after the last page.
func (h *History) Close(ctx context.Context) error {
	if h.point == "" {
		return nil
	}
	body, err := json.Marshal(map[string]any{"pit_id": []string{h.point}})
	if err != nil {
		return fmt.Errorf("encode point in time: %w", err)
	}
	h.point = ""
	return h.client.call(ctx, "close a point in time", http.MethodDelete, "/_search/point_in_time", nil, body, nil)
}

// Next reads the next documents, at most size of them; none means that the window is at its end. A failure moves nothing:
// the same may be asked again. Bare leaves out the sources: a document that can't be had is passed by its place.
func (h *History) Next(ctx context.Context, size int, bare bool) ([]Past, error) {
	if h.point == "" {
		return nil, nil
	}
	body := map[string]any{
		"size": min(size+len(h.tied), maxResult), "track_total_hits": false, "_source": !bare,
		"sort": []any{
			map[string]any{h.Field: map[string]any{"order": "asc", "numeric_type": "date", "unmapped_type": "date"}}, map[string]any{"_seq_no": "asc"},
		},
	}
	if len(h.tied) > 0 { // from that place on, itself included: several documents may stand there, and who was read is known
		body["search_after"] = []int64{h.at.millis, h.at.seq - 1}
	}
	op := "search the past of " + h.window.Pattern
	answer, err := h.search(ctx, op, body)
	if err != nil {
		return nil, err
	}
	return h.take(op, answer.Hits.Hits)
}

// take keeps what was not read before, and moves on.
func (h *History) take(op string, hits []Hit) (fresh []Past, err error) {
	at, tied := h.at, maps.Clone(h.tied)
	for _, hit := range hits {
		where, ok := placeOf(hit)
		if !ok || where.before(at) {
			return nil, fmt.Errorf("%s: documents came that were not asked for", op)
		}
		name := hit.Index + "/" + hit.ID
		if where != at {
			at, tied = where, map[string]bool{}
		} else if tied[name] {
			continue
		}
		tied[name] = true
		fresh = append(fresh, Past{Document: hit.Document, At: time.UnixMilli(where.millis).UTC(), Index: h.indices[hit.Index]})
	}
	h.at, h.tied = at, tied
	return fresh, nil
}

// placeOf reads the values that a document was sorted by.
func placeOf(hit Hit) (p place, ok bool) {
	if len(hit.Sort) != 2 {
		return p, false
	}
	return p, json.Unmarshal(hit.Sort[0], &p.millis) == nil && json.Unmarshal(hit.Sort[1], &p.seq) == nil
}

func (p place) before(other place) bool {
	return p.millis < other.millis || p.millis == other.millis && p.seq < other.seq
}
