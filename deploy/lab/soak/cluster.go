package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"time"
)

// The alias that is written to, and its indices.
const (
	alias   = "soak-log"
	indices = "soak-log-*"
)

// cluster is three nodes: n1 manages the cluster and is asked, n2 and n3 hold the data.
type cluster struct {
	lab     string
	address string
}

// startCluster starts the nodes, empty.
func startCluster(ctx context.Context, lab string) (*cluster, error) {
	c := &cluster{lab: lab}
	said, err := c.do(ctx, "start")
	if err != nil {
		c.stop()
		return nil, err
	}
	found := regexp.MustCompile(`(?m)^SALLYPORT_OPENSEARCH_URL=(.*)$`).FindStringSubmatch(said)
	if found == nil {
		return nil, fmt.Errorf("%s said no address: %s", lab, said)
	}
	c.address = found[1]
	template := map[string]any{
		"index_patterns": []string{indices}, "priority": 300,
		"template": map[string]any{"settings": map[string]any{"number_of_shards": 3, "number_of_replicas": 1, "refresh_interval": "1s"}},
	}
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{http.MethodDelete, "/soak-*,sallyport-*?expand_wildcards=all", nil},
		{http.MethodPut, "/_index_template/soak", template},
		{http.MethodPut, "/" + alias + "-000001", map[string]any{"aliases": map[string]any{alias: map[string]bool{"is_write_index": true}}}},
	} {
		if err := c.ask(ctx, step.method, step.path, step.body, nil); err != nil {
			c.stop()
			return nil, err
		}
	}
	return c, nil
}

// do calls the lab's script.
func (c *cluster) do(ctx context.Context, args ...string) (said string, err error) {
	command := exec.CommandContext(ctx, c.lab, args...)
	command.Env = append(os.Environ(), "OPENSEARCH_NODES=3", "OPENSEARCH_NAME=soak", "OPENSEARCH_PORT=9230", "OPENSEARCH_WAIT=600")
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s %v: %w", c.lab, args, err)
	}
	return string(out), nil
}

func (c *cluster) stop() {
	if _, err := c.do(context.Background(), "clean"); err != nil {
		log.Print(err)
	}
}

// ask sends a request and reads the answer into out.
func (c *cluster) ask(ctx context.Context, method, path string, body, out any) error {
	var sent io.Reader
	if lines, raw := body.([]byte); raw {
		sent = bytes.NewReader(lines)
	} else if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(text)
	}
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.address+path, sent)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s %.300s", method, path, resp.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// trouble kills the node with the most primaries so many times while the list grows, and rolls the index over between. Each
// time it waits until every shard has its copies again: what both nodes lose is lost by OpenSearch, not by its reader.
func (c *cluster) trouble(ctx context.Context, list *acknowledged, kills int) error {
	for n := range kills {
		if err := list.await(ctx, float64(n+1)/float64(kills+2)); err != nil {
			return err
		}
		if n == kills/2 {
			if err := c.ask(ctx, http.MethodPost, "/"+alias+"/_rollover", nil, nil); err != nil {
				return err
			}
			log.Print("rolled over")
		}
		if err := c.await(ctx, "green"); err != nil {
			return err
		}
		node, err := c.busiest(ctx)
		if err != nil {
			return err
		}
		if _, err := c.do(ctx, "kill-node", node); err != nil {
			return err
		}
		pause(ctx, 5*time.Second)
		if _, err := c.do(ctx, "start-node", node); err != nil {
			return err
		}
	}
	return c.await(ctx, "green")
}

// await waits until all copies of all shards are there. OpenSearch gives a copy up that failed to recover five times, as it
// does on a busy machine: an operator has it tried again, and so does this.
func (c *cluster) await(ctx context.Context, status string) error {
	var health struct {
		Status string `json:"status"`
		Nodes  int    `json:"number_of_nodes"`
	}
	for end := time.Now().Add(15 * time.Minute); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, time.Second) {
		if err := c.ask(ctx, http.MethodGet, "/_cluster/health", nil, &health); err == nil && health.Status == status && health.Nodes == 3 {
			return nil
		}
		if err := c.ask(ctx, http.MethodPost, "/_cluster/reroute?retry_failed=true&metric=none", nil, nil); err != nil {
			log.Print(err)
		}
	}
	var why json.RawMessage // unless every copy is on its way
	_ = c.ask(ctx, http.MethodGet, "/_cluster/allocation/explain", nil, &why)
	return fmt.Errorf("the cluster is %s with %d nodes, not %s with 3: %.2000s", health.Status, health.Nodes, status, why)
}

// busiest is the node that holds the most primaries of the watched indices.
func (c *cluster) busiest(ctx context.Context) (name string, err error) {
	var shards []struct{ Prirep, Node string }
	if err := c.ask(ctx, http.MethodGet, "/_cat/shards/"+indices+"?format=json&h=prirep,node", nil, &shards); err != nil {
		return "", err
	}
	held := map[string]int{}
	for _, shard := range shards {
		if shard.Prirep == "p" {
			held[shard.Node]++
		}
		if held[shard.Node] > held[name] {
			name = shard.Node
		}
	}
	if name == "" {
		return "", fmt.Errorf("no node holds a primary: %v", shards)
	}
	return name, nil
}

// pause waits, and says whether it was not cut short.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
