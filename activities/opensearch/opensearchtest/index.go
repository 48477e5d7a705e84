package opensearchtest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// index is one index: shards, settings, mapping.
type index struct {
	name    string
	uuid    string
	created time.Time
	shards  []*shard
	every   time.Duration // refresh interval
	closed  bool
	mapping mapping
	body    map[string]any // as it was created, for GET
}

// template is a composable index template.
type template struct {
	Patterns []string       `json:"index_patterns"`
	Priority int            `json:"priority"`
	Version  int            `json:"version"`
	Template map[string]any `json:"template"`
	Meta     map[string]any `json:"_meta"`
}

func (c *Cluster) identity(prefix string) string {
	c.serial++
	return fmt.Sprintf("%s-%08d", prefix, c.serial)
}

// make creates an index from the matching template of highest priority and body (settings, mappings, aliases).
func (c *Cluster) make(name string, body map[string]any) (*index, error) {
	if strings.ToLower(name) != name || strings.ContainsAny(name, ` "*\<|,>/?#:`) || name == "" || strings.ContainsAny(name[:1], "-_+") {
		return nil, failure{refuse(http.StatusBadRequest, "invalid_index_name_exception", "Invalid index name ["+name+"]")}
	}
	merged := map[string]any{}
	priority := -1
	for _, t := range c.templates {
		if t.Priority > priority && slices.ContainsFunc(t.Patterns, func(p string) bool { return matches(p, name) }) {
			priority, merged = t.Priority, t.Template
		}
	}
	merged = merge(merged, body)
	in := &index{name: name, uuid: c.identity("uuid"), created: c.now(), every: c.refresh, body: merged}
	shards, err := in.configure(merged)
	if err != nil {
		return nil, err
	}
	for number := range shards {
		in.shards = append(in.shards, newShard(number, c.identity("history")))
	}
	for alias, settings := range object(merged["aliases"]) {
		write, _ := object(settings)["is_write_index"].(bool)
		c.alias(alias, name, write)
	}
	c.indices[name] = in
	return in, nil
}

// configure reads settings and mappings; it returns the number of shards.
func (in *index) configure(body map[string]any) (shards int, err error) {
	settings := flatten(object(body["settings"]))
	shards = 1
	if text := settings["number_of_shards"]; text != "" {
		if shards, err = strconv.Atoi(text); err != nil || shards < 1 {
			return 0, bad("number_of_shards [%s]", text)
		}
	}
	if text := settings["refresh_interval"]; text == "-1" {
		in.every = -1
	} else if text != "" {
		if in.every, err = time.ParseDuration(text); err != nil {
			return 0, bad("refresh_interval [%s]", text)
		}
	}
	in.mapping = newMapping(object(body["mappings"]))
	return shards, nil
}

// flatten turns nested settings into dotted names without the leading "index.".
func flatten(settings map[string]any) map[string]string {
	flat := map[string]string{}
	var walk func(prefix string, value any)
	walk = func(prefix string, value any) {
		if inner, is := value.(map[string]any); is {
			for name, v := range inner {
				walk(prefix+"."+name, v)
			}
			return
		}
		flat[strings.TrimPrefix(strings.TrimPrefix(prefix, "."), "index.")] = fmt.Sprint(value)
	}
	walk("", settings)
	return flat
}

// shardOf routes a document id.
func (in *index) shardOf(id string) *shard {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id))
	return in.shards[int(sum.Sum32())%len(in.shards)]
}

func (c *Cluster) manageIndex(in *call) reply {
	name := in.path[0]
	switch in.Method {
	case http.MethodPut:
		var body map[string]any
		if len(in.body) > 0 && json.Unmarshal(in.body, &body) != nil {
			return refuse(http.StatusBadRequest, "parse_exception", "body is no JSON")
		}
		if c.indices[name] != nil {
			return refuse(http.StatusBadRequest, "resource_already_exists_exception", "index ["+name+"] already exists")
		}
		if _, err := c.make(name, body); err != nil {
			return replyTo(err)
		}
		return ok(map[string]any{"acknowledged": true, "shards_acknowledged": true, "index": name})
	case http.MethodDelete:
		return c.deleteIndices(name, in.param("ignore_unavailable") != "true")
	case http.MethodGet, http.MethodHead:
		return c.describe(in)
	}
	return unknownPath(in)
}

func (c *Cluster) deleteIndices(expression string, strict bool) reply {
	found, err := c.find(expression, wanting{strict: strict, open: true, closed: true, readsClosed: true})
	if err != nil {
		return replyTo(err)
	}
	for _, in := range found {
		delete(c.indices, in.name)
		for _, members := range c.aliases {
			delete(members, in.name)
		}
	}
	return ok(map[string]any{"acknowledged": true})
}

// describe answers GET index, _mapping, _settings and _alias.
func (c *Cluster) describe(in *call) reply {
	found, err := c.find(in.path[0], wantingOf(in, true))
	if err != nil {
		return replyTo(err)
	}
	part := ""
	if len(in.path) > 1 {
		part = in.path[1]
	}
	if part == "_mapping" && in.Method == http.MethodPut {
		return putMapping(found, in.body)
	}
	answer := map[string]any{}
	for _, index := range found {
		all := map[string]any{"mappings": index.mapping.body, "settings": index.settings(), "aliases": c.aliasesOf(index.name)}
		switch part {
		case "_mapping":
			delete(all, "settings")
			delete(all, "aliases")
		case "_settings":
			delete(all, "mappings")
			delete(all, "aliases")
		case "_alias":
			delete(all, "mappings")
			delete(all, "settings")
		}
		if part == "_settings" && in.param("flat_settings") == "true" {
			all["settings"] = flat(index.settings())
		}
		answer[index.name] = all
	}
	return ok(answer)
}

func flat(settings map[string]any) map[string]any {
	dotted := map[string]any{}
	for name, value := range flatten(settings) {
		dotted["index."+name] = value
	}
	return dotted
}

func putMapping(found []*index, text []byte) reply {
	var body map[string]any
	if json.Unmarshal(text, &body) != nil {
		return refuse(http.StatusBadRequest, "parse_exception", "body is no JSON")
	}
	for _, in := range found {
		next := newMapping(merge(in.mapping.body, body))
		for path, was := range in.mapping.types {
			if next.types[path] != was {
				return refuse(http.StatusBadRequest, "illegal_argument_exception", "mapper ["+path+"] cannot be changed from type ["+was+"] to ["+next.types[path]+"]")
			}
		}
		in.mapping = next
	}
	return ok(map[string]any{"acknowledged": true})
}

func (in *index) settings() map[string]any {
	index := map[string]any{
		"uuid": in.uuid, "provided_name": in.name, "number_of_shards": strconv.Itoa(len(in.shards)), "number_of_replicas": "0",
		"creation_date": strconv.FormatInt(in.created.UnixMilli(), 10),
	}
	if in.closed {
		index["verified_before_close"] = "true"
	}
	return map[string]any{"index": index}
}

func (c *Cluster) openOrClose(in *call, closed bool) reply {
	index := c.indices[in.path[0]]
	if index == nil {
		return refuse(http.StatusNotFound, "index_not_found_exception", "no such index")
	}
	index.closed = closed
	return ok(map[string]any{"acknowledged": true})
}
