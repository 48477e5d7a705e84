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
// error per missing privilege or empty pattern.
func (c *Client) CheckStream(ctx context.Context, pattern string) (faults []error) {
	shards, err := c.Primaries(ctx, pattern)
	if err != nil {
		return []error{err} // without statistics nothing of a stream can be read
	}
	indices, err := c.Indices(ctx, pattern)
	if err != nil {
		faults = append(faults, err)
	} else if unseen, err := c.Unseen(ctx, pattern, indices); err != nil {
		faults = append(faults, err)
	} else if len(unseen) > 0 {
		faults = append(faults, fmt.Errorf("no index matches %s: nothing is watched there (mend the pattern, or take it out)", strings.Join(unseen, ", ")))
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
