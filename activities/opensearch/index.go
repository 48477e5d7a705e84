package opensearch

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Index is an index as the cluster's state has it, whether or not its shards live.
type Index struct {
	Name    string
	UUID    string
	Shards  int // primaries that it should have
	Created time.Time
	Closed  bool
}

// Indices lists the indices of pattern, open and closed, hidden ones included; what a list names and is not there is left
// out. It needs indices:monitor/settings/get.
func (c *Client) Indices(ctx context.Context, pattern string) ([]Index, error) {
	var answer map[string]struct {
		Settings struct {
			UUID    string `json:"index.uuid"`
			Created string `json:"index.creation_date"`
			Shards  string `json:"index.number_of_shards"`
			Closed  string `json:"index.verified_before_close"`
		} `json:"settings"`
	}
	op := "list indices of " + pattern
	where := pathTo(pattern, "_settings", "index.uuid,index.creation_date,index.number_of_shards,index.verified_before_close")
	if err := c.call(ctx, op, http.MethodGet, where, with(openOnes, "expand_wildcards", "all", "flat_settings", "true"), nil, &answer); err != nil {
		return nil, err
	}
	var found []Index
	for name, index := range answer {
		millis, err := strconv.ParseInt(index.Settings.Created, 10, 64)
		shards, err2 := strconv.Atoi(index.Settings.Shards)
		if err != nil || err2 != nil || shards < 1 || index.Settings.UUID == "" {
			return nil, fmt.Errorf("%s: answer is not the JSON that was expected", op)
		}
		found = append(found, Index{
			Name: name, UUID: index.Settings.UUID, Shards: shards, Created: time.UnixMilli(millis).UTC(), Closed: index.Settings.Closed == "true",
		})
	}
	slices.SortFunc(found, func(a, b Index) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

// Unseen lists the parts of a pattern (a name, a pattern, or a list of them) that match none of its open indices.
// Indices is what Indices answered for it.
func (c *Client) Unseen(ctx context.Context, pattern string, indices []Index) (unseen []string, err error) {
	parts := strings.Split(pattern, ",")
	for _, part := range parts {
		seen := slices.ContainsFunc(indices, func(i Index) bool {
			named, _ := path.Match(part, i.Name)
			return !i.Closed && (named || len(parts) == 1)
		})
		if !seen && len(parts) > 1 { // it may be an alias or a data stream, whose indices have other names
			if seen, err = c.opens(ctx, part); err != nil {
				return nil, err
			}
		}
		if !seen {
			unseen = append(unseen, part)
		}
	}
	return unseen, nil
}

func (c *Client) opens(ctx context.Context, part string) (bool, error) {
	indices, err := c.Indices(ctx, part)
	return slices.ContainsFunc(indices, func(i Index) bool { return !i.Closed }), err
}

// UnmatchedError says which parts of a stream's pattern match no open index, alias or data stream of a cluster.
type UnmatchedError struct {
	Parts   []string
	Cluster string // its address
}

// Unmatched is what Unseen found of this cluster, for people; nothing is nil.
func (c *Client) Unmatched(unseen []string) error {
	if len(unseen) == 0 {
		return nil
	}
	return &UnmatchedError{unseen, c.address}
}

// Error implements error.
func (e *UnmatchedError) Error() string {
	return fmt.Sprintf("refused: pattern %s matches no open index, alias or data stream of %s", strings.Join(e.Parts, ","), e.Cluster)
}

// Mend says what an operator does about it.
func (e *UnmatchedError) Mend() string {
	return "correct the stream's index, or open what is closed; where nothing was written yet, leave it: it is read from its beginning as soon as it is there"
}

// OwnError says that a stream's pattern reaches, through an alias, an index that Sallyport writes: what is detected would be
// read as events.
type OwnError struct{ Pattern, Index string }

// Error implements error.
func (e *OwnError) Error() string {
	return fmt.Sprintf("refused: pattern %s reaches %s, which is Sallyport's own", e.Pattern, e.Index)
}

// Mend says what an operator does about it.
func (e *OwnError) Mend() string {
	return "name the event indices alone, or take ours out of the alias"
}

// RefuseOwn is an *OwnError if one of a pattern's indices is ours. The inbox holds events and is none.
func RefuseOwn(pattern string, indices []Index) error {
	for _, index := range indices {
		if strings.HasPrefix(index.Name, "sallyport-") && index.Name != InboxIndex {
			return &OwnError{pattern, index.Name}
		}
	}
	return nil
}

// Created tells when each open index of pattern was created, by the index's UUID.
func (c *Client) Created(ctx context.Context, pattern string) (map[string]time.Time, error) {
	indices, err := c.Indices(ctx, pattern)
	if err != nil {
		return nil, err
	}
	created := map[string]time.Time{}
	for _, index := range indices {
		if !index.Closed {
			created[index.UUID] = index.Created
		}
	}
	return created, nil
}
