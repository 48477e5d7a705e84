package opensearch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Info is what a cluster says of itself.
type Info struct {
	Name         string
	Distribution string
	Version      string
}

// Ping reads the cluster's own word on itself and refuses what is no OpenSearch 2 or 3. It needs cluster:monitor/main.
func (c *Client) Ping(ctx context.Context) (Info, error) {
	var answer struct {
		Cluster string `json:"cluster_name"`
		Version struct {
			Distribution string `json:"distribution"`
			Number       string `json:"number"`
		} `json:"version"`
	}
	if err := c.call(ctx, "ask for the version", http.MethodGet, "/", nil, nil, &answer); err != nil {
		return Info{}, err
	}
	info := Info{Name: answer.Cluster, Distribution: answer.Version.Distribution, Version: answer.Version.Number}
	major, _, _ := strings.Cut(info.Version, ".")
	n, err := strconv.Atoi(major)
	switch {
	case err != nil:
		return info, errors.New("the address answers, but is no OpenSearch")
	case info.Distribution != "opensearch": // Elasticsearch leaves it out
		return info, fmt.Errorf("the address is an Elasticsearch %s: Sallyport reads OpenSearch 2 and 3", info.Version)
	case n < 2 || n > 3:
		return info, fmt.Errorf("OpenSearch %s: Sallyport reads versions 2 and 3", info.Version)
	}
	return info, nil
}

// CheckStream tries, without changing anything, each request that reading a stream makes, and returns what is wrong: one
// error per missing privilege, and one for a pattern that matches nothing or an index of ours.
func (c *Client) CheckStream(ctx context.Context, pattern string) (faults []error) {
	shards, err := c.Primaries(ctx, pattern)
	if err != nil {
		return []error{err} // without statistics nothing of a stream can be read
	}
	if err := c.checkPattern(ctx, pattern); err != nil {
		faults = append(faults, err)
	}
	if len(shards) == 0 {
		return faults
	}
	first := shards[0]
	if _, err := c.ReadPage(ctx, first, first.Checkpoint, first.Checkpoint+1, 1); err != nil {
		faults = append(faults, err)
	}
	if err := c.Refresh(ctx, first.Index); err != nil {
		faults = append(faults, err)
	}
	return faults
}

// checkPattern says what is wrong with what a pattern matches now.
func (c *Client) checkPattern(ctx context.Context, pattern string) error {
	indices, err := c.Indices(ctx, pattern)
	if err == nil {
		err = RefuseOwn(pattern, indices)
	}
	if err != nil {
		return err
	}
	unseen, err := c.Unseen(ctx, pattern, indices)
	if err != nil {
		return err
	}
	return c.Unmatched(unseen)
}

// nobody is an id that no document has: a change of it needs the privilege and changes nothing.
const nobody = "sallyport-check-nobody"

// CheckState tries, without changing anything, what keeping our own state needs, on the indices that are there: one error
// per missing privilege. A template of a newer program is one, too.
func (c *Client) CheckState(ctx context.Context) (faults []error) {
	list, err := Templates()
	if err != nil {
		return []error{err}
	}
	for _, t := range list {
		there, err := c.templateVersion(ctx, t.Name)
		if err != nil {
			faults = append(faults, err)
			break
		}
		if there > t.Version {
			faults = append(faults, fmt.Errorf("index template %s has version %d, this program brings %d: a newer Sallyport writes here, upgrade this one", t.Name, there, t.Version))
		}
	}
	shards, err := c.Primaries(ctx, "sallyport-*")
	if err != nil {
		return append(faults, err)
	}
	told := map[string]bool{}
	for _, shard := range shards {
		for _, err := range c.tryIndex(ctx, shard.Index) {
			var fault *Fault
			if errors.As(err, &fault) && told[fault.Missing] && fault.Missing != "" {
				continue
			} else if fault != nil {
				told[fault.Missing] = true
			}
			faults = append(faults, err)
		}
	}
	return faults
}

// tryIndex reads, refreshes and changes nothing of one index of ours.
func (c *Client) tryIndex(ctx context.Context, index string) (faults []error) {
	_, counting := c.Count(ctx, index, map[string]any{"match_all": map[string]any{}})
	_, _, getting := c.Get(ctx, index, nobody)
	_, putting := c.Put(ctx, index, nobody, map[string]any{}, Unchanged(Document{PrimaryTerm: 1}))
	attempts := []error{counting, getting, c.Refresh(ctx, index), putting}
	if index == cursorsIndex {
		attempts = append(attempts, c.call(ctx, "delete a document of "+index, http.MethodDelete, pathTo(index, "_doc", nobody), Unchanged(Document{PrimaryTerm: 1}).query, nil, nil))
	}
	for _, err := range attempts {
		var fault *Fault
		if err != nil && !errors.Is(err, ErrConflict) && (!errors.As(err, &fault) || fault.Status != http.StatusNotFound) {
			faults = append(faults, err)
		}
	}
	return faults
}
