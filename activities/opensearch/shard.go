package opensearch

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Shard is a started primary as the server's statistics show it. Every operation up to Checkpoint is on every copy.
type Shard struct {
	Index      string
	UUID       string // of the index
	Number     int
	History    string // changes when a stale copy was made primary by force
	Node       string
	Checkpoint int64 // the global one; -1 for an empty shard
}

// ShardID names a shard of an index.
type ShardID struct {
	Index  string
	Number int
}

// ID is the shard's name.
func (s Shard) ID() ShardID { return ShardID{s.Index, s.Number} }

// openOnes makes patterns mean open indices, data streams' hidden ones included; closed ones can't be read.
var openOnes = url.Values{"expand_wildcards": {"open,hidden"}}

func with(base url.Values, more ...string) url.Values {
	params := url.Values{}
	maps.Copy(params, base)
	for i := 0; i+1 < len(more); i += 2 {
		params.Set(more[i], more[i+1])
	}
	return params
}

// Primaries lists the started primary shards of pattern, by index and number. A shard without one is absent, and the
// server counts no failure for it: compare with ShardIDs. It needs indices:monitor/stats.
func (c *Client) Primaries(ctx context.Context, pattern string) ([]Shard, error) {
	var answer struct {
		Shards  *Shards `json:"_shards"`
		Indices map[string]struct {
			UUID   string                 `json:"uuid"`
			Shards map[string][]shardCopy `json:"shards"`
		} `json:"indices"`
	}
	query := with(openOnes, "level", "shards", "filter_path", "_shards,indices.*.uuid,indices.*.shards.*.routing,"+
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

func (c shardCopy) primary(index, uuid string, number int) (Shard, bool) {
	if !c.Routing.Primary || c.Routing.State != "STARTED" || c.SeqNo == nil || c.Commit.UserData.History == "" || uuid == "" {
		return Shard{}, false
	}
	return Shard{
		Index: index, UUID: uuid, Number: number, Node: c.Routing.Node,
		History: c.Commit.UserData.History, Checkpoint: c.SeqNo.Checkpoint,
	}, true
}

// ShardIDs lists every shard of the open indices of pattern, with or without a primary. With closed, those of closed
// indices too. It needs cluster:monitor/health.
func (c *Client) ShardIDs(ctx context.Context, pattern string, closed bool) (map[ShardID]bool, error) {
	var answer struct {
		TimedOut *bool `json:"timed_out"`
		Indices  map[string]struct {
			Shards map[string]struct{} `json:"shards"`
		} `json:"indices"`
	}
	query := with(openOnes, "level", "shards", "filter_path", "timed_out,indices.*.shards.*.primary_active")
	if closed {
		query.Set("expand_wildcards", "all")
	}
	if err := c.call(ctx, "list shards of "+pattern, http.MethodGet, pathTo("_cluster", "health", pattern), query, nil, &answer); err != nil {
		return nil, err
	}
	if answer.TimedOut == nil || *answer.TimedOut {
		return nil, fmt.Errorf("list shards of %s: %w", pattern, ErrIncomplete)
	}
	found := map[ShardID]bool{}
	for name, index := range answer.Indices {
		for number := range index.Shards {
			n, err := strconv.Atoi(number)
			if err != nil {
				return nil, fmt.Errorf("list shards of %s: answer is not the JSON that was expected", pattern)
			}
			found[ShardID{name, n}] = true
		}
	}
	return found, nil
}

// Created tells when each open index of pattern was created, by the index's UUID. It needs
// indices:monitor/settings/get.
func (c *Client) Created(ctx context.Context, pattern string) (map[string]time.Time, error) {
	var answer map[string]struct {
		Settings struct {
			UUID    string `json:"index.uuid"`
			Created string `json:"index.creation_date"`
		} `json:"settings"`
	}
	path := pathTo(pattern, "_settings", "index.uuid,index.creation_date")
	if err := c.call(ctx, "read creation dates of "+pattern, http.MethodGet, path, with(openOnes, "flat_settings", "true"), nil, &answer); err != nil {
		return nil, err
	}
	created := map[string]time.Time{}
	for _, index := range answer {
		millis, err := strconv.ParseInt(index.Settings.Created, 10, 64)
		if err != nil || index.Settings.UUID == "" {
			return nil, fmt.Errorf("read creation dates of %s: answer is not the JSON that was expected", pattern)
		}
		created[index.Settings.UUID] = time.UnixMilli(millis).UTC()
	}
	return created, nil
}

// ReadPage reads, from the primary alone, the documents of a shard with after < _seq_no <= upto, at most size of them
// (10,000 at most), in order. What is not visible yet is not among them.
func (c *Client) ReadPage(ctx context.Context, s Shard, after, upto int64, size int) ([]Hit, error) {
	body := map[string]any{
		"size": size, "track_total_hits": false, "seq_no_primary_term": true, "version": true,
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"range": map[string]any{"_seq_no": map[string]int64{"gt": after, "lte": upto}}},
		}}},
		"sort": []any{map[string]string{"_seq_no": "asc"}},
	}
	var page Result
	preference := fmt.Sprintf("_shards:%d|_primary", s.Number) // _shards first: the other order is a 400
	if err := c.searchWith(ctx, s.Index, url.Values{"preference": {preference}}, body, &page); err != nil {
		return nil, err
	}
	if page.Shards.Successful != 1 { // a shard that does not exist is answered 200, with none that failed
		return nil, fmt.Errorf("search %s[%d]: %w", s.Index, s.Number, ErrIncomplete)
	}
	return page.Hits.Hits, nil
}
