package opensearch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// Shard is a primary that was started as the server's statistics show it. Every operation up to Checkpoint is on every copy.
type Shard struct {
	Index      string
	UUID       string // of the index
	Number     int
	History    string // changes when a stale copy was made primary by force
	Node       string
	Checkpoint int64 // the global one; -1 for an empty shard
}

// openOnes makes patterns mean open indices, data streams' hidden ones included; what a list names and is closed or not
// there (any more) is left out, and keeps nobody from the rest.
var openOnes = url.Values{"expand_wildcards": {"open,hidden"}, "ignore_unavailable": {"true"}}

func with(base url.Values, more ...string) url.Values {
	params := url.Values{}
	maps.Copy(params, base)
	for i := 0; i+1 < len(more); i += 2 {
		params.Set(more[i], more[i+1])
	}
	return params
}

// Primaries lists the started primary shards of the open indices of pattern, by index and number. A shard without one is
// absent, and the server counts no failure for it: compare with Indices. It needs indices:monitor/stats.
func (c *Client) Primaries(ctx context.Context, pattern string) ([]Shard, error) {
	return c.primaries(ctx, pattern, openOnes)
}

// ClosedPrimaries is Primaries for closed indices: they can't be read, but still say up to where they go.
func (c *Client) ClosedPrimaries(ctx context.Context, pattern string) ([]Shard, error) {
	return c.primaries(ctx, pattern, with(openOnes, "expand_wildcards", "closed,hidden", "forbid_closed_indices", "false"))
}

func (c *Client) primaries(ctx context.Context, pattern string, which url.Values) ([]Shard, error) {
	var answer struct {
		Shards  *Shards `json:"_shards"`
		Indices map[string]struct {
			UUID   string                 `json:"uuid"`
			Shards map[string][]shardCopy `json:"shards"`
		} `json:"indices"`
	}
	query := with(which, "level", "shards", "filter_path", "_shards,indices.*.uuid,indices.*.shards.*.routing,"+
		"indices.*.shards.*.seq_no,indices.*.shards.*.commit.user_data.history_uuid")
	if err := c.call(ctx, "read checkpoints of "+pattern, http.MethodGet, pathTo(pattern, "_stats", "docs"), query, nil, &answer); err != nil {
		return nil, err
	}
	if answer.Shards == nil || answer.Shards.Failed > 0 {
		return nil, fmt.Errorf("read checkpoints of %s: %w", pattern, ErrIncomplete)
	}
	var found []Shard
	for name, index := range answer.Indices {
		for number, copies := range index.Shards {
			n, err := strconv.Atoi(number)
			if err != nil {
				return nil, fmt.Errorf("read checkpoints of %s: answer is not the JSON that was expected", pattern)
			}
			for _, each := range copies {
				if shard, started := each.primary(name, index.UUID, n); started {
					found = append(found, shard)
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b Shard) int { return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Number, b.Number)) })
	return found, nil
}

type shardCopy struct {
	Routing struct {
		State   string `json:"state"`
		Primary bool   `json:"primary"`
		Node    string `json:"node"`
	} `json:"routing"`
	SeqNo *struct {
		Checkpoint int64 `json:"global_checkpoint"`
	} `json:"seq_no"`
	Commit struct {
		UserData struct {
			History string `json:"history_uuid"`
		} `json:"user_data"`
	} `json:"commit"`
}

// primary reports whether the copy is a primary that was started. One that is relocating still is, until it is handed over;
// the copy that it moves to is shown by no statistics before.
func (c shardCopy) primary(index, uuid string, number int) (Shard, bool) {
	started := c.Routing.State == "STARTED" || c.Routing.State == "RELOCATING"
	if !c.Routing.Primary || !started || c.SeqNo == nil || c.Commit.UserData.History == "" || uuid == "" {
		return Shard{}, false
	}
	return Shard{
		Index: index, UUID: uuid, Number: number, Node: c.Routing.Node,
		History: c.Commit.UserData.History, Checkpoint: c.SeqNo.Checkpoint,
	}, true
}

// ReadPage reads, from the primary alone, the documents of a shard with after < _seq_no <= upto, at most size of them
// (10,000 at most), in order. What is not visible yet is not among them. More query clauses leave out what they don't fit. An
// answer over 64 MiB, or over 100 MiB when one document is asked for, is ErrTooLarge; one with a source that is no JSON is
// ErrUnparsable.
func (c *Client) ReadPage(ctx context.Context, s Shard, after, upto int64, size int, more ...any) ([]Hit, error) {
	return c.readPage(ctx, s, after, upto, size, true, `"_shards":{`, more...)
}

// ReadOne reads the document with that number, or none. It is ErrUnparsable only when the answer names the number.
func (c *Client) ReadOne(ctx context.Context, s Shard, seq int64) ([]Hit, error) {
	return c.readPage(ctx, s, seq-1, seq, 1, true, fmt.Sprintf(`"_seq_no":%d,`, seq))
}

// NameNext reads which document would be the first of a page, without its source; none: nil.
func (c *Client) NameNext(ctx context.Context, s Shard, after, upto int64) ([]Hit, error) {
	return c.readPage(ctx, s, after, upto, 1, false, "")
}

// readPage takes an answer that is no JSON for the server's own if it holds the sign.
func (c *Client) readPage(ctx context.Context, s Shard, after, upto int64, size int, source bool, sign string, more ...any) ([]Hit, error) {
	body, err := json.Marshal(map[string]any{
		"size": size, "track_total_hits": false, "seq_no_primary_term": true, "version": true, "_source": source,
		"query": map[string]any{"bool": map[string]any{"filter": append([]any{
			map[string]any{"range": map[string]any{"_seq_no": map[string]int64{"gt": after, "lte": upto}}},
		}, more...)}},
		"sort": []any{map[string]any{"_seq_no": map[string]string{"order": "asc", "unmapped_type": "long"}}}, // in an index without a mapping
	})
	if err != nil {
		return nil, err
	}
	op := fmt.Sprintf("search %s[%d]", s.Index, s.Number)
	preference := fmt.Sprintf("_shards:%d|_primary", s.Number) // _shards first: the other order is a 400
	params := url.Values{"preference": {preference}, "allow_partial_search_results": {"false"}}
	most := maxPage
	if size == 1 {
		most = maxEvent
	}
	text, err := c.exchange(ctx, op, http.MethodPost, pathTo(s.Index, "_search"), params, body, most)
	if err != nil {
		return nil, err
	}
	var page Result
	if err := json.Unmarshal(text, &page); err != nil {
		if source && bytes.HasPrefix(text, []byte(`{"`)) && bytes.Contains(text, []byte(sign)) { // no proxy's page
			return nil, fmt.Errorf("%s: %w", op, ErrUnparsable)
		}
		return nil, fmt.Errorf("%s: answer is not the JSON that was expected", op)
	}
	if !page.whole() || page.Shards.Successful != 1 { // a shard that does not exist is answered 200, with none that failed
		return nil, fmt.Errorf("%s: %w", op, ErrIncomplete)
	}
	return page.Hits.Hits, nil
}
