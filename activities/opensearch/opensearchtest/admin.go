package opensearchtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

func (c *Cluster) alias(alias, index string, write bool) {
	if c.aliases[alias] == nil {
		c.aliases[alias] = map[string]bool{}
	}
	c.aliases[alias][index] = write
}

func (c *Cluster) aliasesOf(index string) map[string]any {
	found := map[string]any{}
	for alias, members := range c.aliases {
		if write, is := members[index]; is {
			found[alias] = map[string]any{"is_write_index": write}
		}
	}
	return found
}

func (c *Cluster) changeAliases(in *call) reply {
	var body struct {
		Actions []map[string]struct {
			Index string `json:"index"`
			Alias string `json:"alias"`
			Write bool   `json:"is_write_index"`
		} `json:"actions"`
	}
	if json.Unmarshal(in.body, &body) != nil {
		return refuse(http.StatusBadRequest, "parse_exception", "body is no JSON")
	}
	for _, action := range body.Actions {
		for verb, what := range action {
			found, err := c.resolve(what.Index, true)
			if err != nil {
				return replyTo(err)
			}
			for _, index := range found {
				switch verb {
				case "add":
					c.alias(what.Alias, index.name, what.Write)
				case "remove":
					delete(c.aliases[what.Alias], index.name)
				default:
					return replyTo(bad("alias action [%s]", verb))
				}
			}
		}
	}
	return ok(map[string]any{"acknowledged": true})
}

func (c *Cluster) routeTemplate(in *call) reply {
	if len(in.path) < 2 {
		return unknownPath(in)
	}
	name := in.path[1]
	switch in.Method {
	case http.MethodPut, http.MethodPost:
		var t template
		if err := json.Unmarshal(in.body, &t); err != nil || len(t.Patterns) == 0 {
			return refuse(http.StatusBadRequest, "parse_exception", "index template needs index_patterns")
		}
		c.templates[name] = t
		return ok(map[string]any{"acknowledged": true})
	case http.MethodDelete:
		if _, there := c.templates[name]; !there {
			return refuse(http.StatusNotFound, "index_template_missing_exception", "index_template ["+name+"] missing")
		}
		delete(c.templates, name)
		return ok(map[string]any{"acknowledged": true})
	case http.MethodGet, http.MethodHead:
		found := []any{}
		for _, stored := range sortedKeys(c.templates) {
			if matches(name, stored) {
				found = append(found, map[string]any{"name": stored, "index_template": c.templates[stored]})
			}
		}
		if len(found) == 0 && !strings.Contains(name, "*") {
			return refuse(http.StatusNotFound, "resource_not_found_exception", "index template matching ["+name+"] not found")
		}
		return ok(map[string]any{"index_templates": found})
	}
	return unknownPath(in)
}

var rolledName = regexp.MustCompile(`^(.*-)(\d+)$`)

// rollover moves an alias's write index on to a new one.
func (c *Cluster) rollover(in *call) reply {
	members := c.aliases[in.path[0]]
	for old, write := range members {
		if !write && len(members) > 1 {
			continue
		}
		next := ""
		if len(in.path) > 2 {
			next = in.path[2]
		} else if parts := rolledName.FindStringSubmatch(old); parts != nil {
			number, _ := strconv.Atoi(parts[2])
			next = fmt.Sprintf("%s%06d", parts[1], number+1)
		}
		if next == "" {
			break
		}
		if _, err := c.make(next, nil); err != nil {
			return replyTo(err)
		}
		members[old], members[next] = false, true
		return ok(map[string]any{"acknowledged": true, "old_index": old, "new_index": next, "rolled_over": true, "dry_run": false, "conditions": map[string]any{}})
	}
	return refuse(http.StatusBadRequest, "illegal_argument_exception", "rollover target ["+in.path[0]+"] has no write index")
}

func (c *Cluster) health(in *call) reply {
	if len(in.path) < 2 || in.path[1] != "health" {
		return unknownPath(in)
	}
	expression := "*"
	if len(in.path) > 2 {
		expression = in.path[2]
	}
	found, err := c.find(expression, wantingOf(in, true))
	if err != nil {
		return replyTo(err)
	}
	status, each := "green", map[string]any{}
	for _, index := range found {
		own, shards := "green", map[string]any{}
		for _, s := range index.shards {
			down := s.missing || index.closed
			if down {
				own, status = "red", "red"
			}
			shards[strconv.Itoa(s.number)] = map[string]any{"primary_active": !down}
		}
		entry := map[string]any{"status": own, "number_of_shards": len(index.shards)}
		if in.param("level") == "shards" {
			entry["shards"] = shards
		}
		each[index.name] = entry
	}
	answer := map[string]any{"cluster_name": "opensearchtest", "status": status, "timed_out": false, "number_of_nodes": 1}
	if in.param("level") == "indices" || in.param("level") == "shards" {
		answer["indices"] = each
	}
	return ok(answer)
}

// stats answers _stats?level=shards: a red shard is simply absent, with no failure counted.
func (c *Cluster) stats(in *call) reply {
	if len(in.path) > 2 && in.path[2] != "docs" {
		return unknownPath(in)
	}
	found, err := c.find(in.path[0], wantingOf(in, in.param("forbid_closed_indices") == "false"))
	if err != nil {
		return replyTo(err)
	}
	total, successful := 0, 0
	indices := map[string]any{}
	for _, index := range found {
		shards := map[string]any{}
		for _, s := range index.shards {
			total++
			if s.missing {
				continue
			}
			successful++
			shards[strconv.Itoa(s.number)] = []any{s.stats()}
		}
		entry := map[string]any{"uuid": index.uuid}
		if in.param("level") == "shards" {
			entry["shards"] = shards
		}
		indices[index.name] = entry
	}
	return ok(map[string]any{"_shards": map[string]int{"total": total, "successful": successful, "failed": 0}, "indices": indices})
}

func (s *shard) stats() map[string]any {
	routing := map[string]any{"state": "STARTED", "primary": true, "node": fmt.Sprintf("node-%d", s.node), "relocating_node": nil}
	if s.moving { // the copy that it moves to is not shown
		routing["state"], routing["relocating_node"] = "RELOCATING", fmt.Sprintf("node-%d", s.node+1)
	}
	return map[string]any{
		"routing": routing,
		"docs":    map[string]any{"count": len(s.current), "deleted": 0},
		"commit":  map[string]any{"user_data": map[string]any{"history_uuid": s.history}},
		"seq_no":  map[string]int64{"max_seq_no": s.max, "local_checkpoint": s.max, "global_checkpoint": s.global},
	}
}

func (c *Cluster) refreshIndices(in *call) reply {
	if in.Method != http.MethodPost && in.Method != http.MethodGet {
		return unknownPath(in)
	}
	found, err := c.resolve(in.path[0], in.param("ignore_unavailable") != "true")
	if err != nil {
		return replyTo(err)
	}
	total, done, failed := 0, 0, 0
	for _, index := range found {
		for _, s := range index.shards {
			total++
			switch {
			case s.badly:
				failed++
			case !s.missing: // the server waits a minute for one that is, and counts no failure
				done++
				s.refresh()
			}
		}
	}
	return ok(map[string]any{"_shards": map[string]int{"total": total, "successful": done, "failed": failed}})
}

// filterPath keeps of an answer what filter_path names; * stands for one element's name.
func filterPath(text []byte, paths []string) []byte {
	var whole any
	if json.Unmarshal(text, &whole) != nil {
		return text
	}
	var kept any
	for _, path := range paths {
		kept = merged(kept, pick(whole, strings.Split(path, ".")))
	}
	if kept == nil {
		kept = map[string]any{}
	}
	filtered, err := json.Marshal(kept)
	if err != nil {
		return text
	}
	return filtered
}

func pick(value any, path []string) any {
	if len(path) == 0 {
		return value
	}
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, inner := range v {
			if matches(path[0], name) {
				if got := pick(inner, path[1:]); got != nil {
					kept[name] = got
				}
			}
		}
		if len(kept) > 0 {
			return kept
		}
	case []any: // arrays are looked through
		kept := make([]any, len(v))
		for i, inner := range v {
			kept[i] = pick(inner, path)
		}
		return kept
	}
	return nil
}

// merged unites two picks of the same answer.
func merged(a, b any) any {
	if a == nil {
		return b
	}
	switch was := a.(type) {
	case map[string]any:
		for name, value := range object(b) {
			was[name] = merged(was[name], value)
		}
	case []any:
		if more, is := b.([]any); is {
			for i := range was {
				was[i] = merged(was[i], more[i])
			}
		}
	}
	return a
}
