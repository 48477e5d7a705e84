package opensearchtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

func replyTo(err error) reply {
	if f, is := errors.AsType[failure](err); is {
		return f.reply
	}
	return refuse(http.StatusInternalServerError, "stand_in_exception", err.Error())
}

func unescape(part string) string {
	if plain, err := url.PathUnescape(part); err == nil {
		return plain
	}
	return part
}

// target is the index that a write to name goes to; it is created when it is not there.
func (c *Cluster) target(name string) (*index, error) {
	if in := c.indices[name]; in != nil {
		if in.closed {
			return nil, failure{refuse(http.StatusBadRequest, "index_closed_exception", "closed")}
		}
		return in, nil
	}
	if members := c.aliases[name]; len(members) > 0 {
		for index, write := range members {
			if write || len(members) == 1 {
				return c.indices[index], nil
			}
		}
		return nil, failure{refuse(http.StatusBadRequest, "illegal_argument_exception", "no write index is defined for alias ["+name+"]")}
	}
	return c.make(name, nil)
}

// condition is what a write demands of the document there.
type condition struct {
	create         bool
	seqNo, term    int64 // -1: not asked
	version        int64
	external, from bool // from: external_gte
}

func conditionOf(in *call) (cond condition, err error) {
	cond = condition{seqNo: -1, term: -1, create: in.param("op_type") == "create"}
	number := func(name string, into *int64) {
		if text := in.param(name); text != "" && err == nil {
			if *into, err = strconv.ParseInt(text, 10, 64); err != nil {
				err = bad("%s [%s]", name, text)
			}
		}
	}
	number("if_seq_no", &cond.seqNo)
	number("if_primary_term", &cond.term)
	number("version", &cond.version)
	switch kind := in.param("version_type"); kind {
	case "":
	case "external", "external_gte":
		cond.external, cond.from = true, kind == "external_gte"
	default:
		err = bad("version_type [%s]", kind)
	}
	if (cond.seqNo >= 0) != (cond.term >= 0) {
		err = failure{refuse(http.StatusBadRequest, "action_request_validation_exception", "ifSeqNo is set, but primary term is not")}
	}
	return cond, err
}

func conflict(id, why string) error {
	return failure{refuse(http.StatusConflict, "version_conflict_engine_exception", "["+id+"]: version conflict, "+why)}
}

func (s *shard) admit(id string, cond condition) (version int64, err error) {
	there := s.engine[id]
	version = s.versionOf(id) + 1
	switch {
	case cond.create && there != nil:
		return 0, conflict(id, fmt.Sprintf("document already exists (current version [%d])", there.version))
	case cond.seqNo >= 0 && there == nil:
		return 0, conflict(id, fmt.Sprintf("required seqNo [%d], primary term [%d]. but no document was found", cond.seqNo, cond.term))
	case cond.seqNo >= 0 && (there.seq != cond.seqNo || there.term != cond.term):
		return 0, conflict(id, fmt.Sprintf("required seqNo [%d], primary term [%d]. current document has seqNo [%d] and primary term [%d]", cond.seqNo, cond.term, there.seq, there.term))
	case cond.external && (cond.version < version-1 || cond.version == version-1 && !cond.from):
		return 0, conflict(id, fmt.Sprintf("current version [%d] is higher or equal to the one provided [%d]", version-1, cond.version))
	case cond.external:
		version = cond.version
	}
	return version, nil
}

// write stores one document, or deletes it if source is nil.
func (c *Cluster) write(name, id string, source json.RawMessage, cond condition) (in *index, doc *document, existed bool, err error) {
	if in, err = c.target(name); err != nil {
		return nil, nil, false, err
	}
	if id == "" {
		id = c.identity("auto")
	}
	if len(id) > 512 {
		return nil, nil, false, failure{refuse(http.StatusBadRequest, "illegal_argument_exception", "id is too long, must be no longer than 512 bytes")}
	}
	s := in.shardOf(id)
	if s.missing {
		return nil, nil, false, failure{refuse(http.StatusServiceUnavailable, "unavailable_shards_exception", "primary shard is not active")}
	}
	version, err := s.admit(id, cond)
	if err != nil {
		return nil, nil, false, err
	}
	var parsed map[string]any
	if source != nil {
		if json.Unmarshal(withoutComments(source), &parsed) != nil {
			return nil, nil, false, failure{refuse(http.StatusBadRequest, "mapper_parsing_exception", "failed to parse")}
		}
		if err := in.mapping.accept(parsed); err != nil {
			return nil, nil, false, err
		}
	}
	existed = s.engine[id] != nil
	doc = s.apply(id, source, version)
	if source != nil && !json.Valid(source) {
		doc.parsed, doc.odd = parsed, true
	}
	return in, doc, existed, nil
}

func written(in *index, doc *document, result string) map[string]any {
	return map[string]any{
		"_index": in.name, "_id": doc.id, "_version": doc.version, "_seq_no": doc.seq, "_primary_term": doc.term, "result": result,
		"_shards": map[string]int{"total": 1, "successful": 1, "failed": 0},
	}
}

// settle refreshes after a write that asked for it.
func settle(in *call, index *index, id string) error {
	switch value, asked := in.URL.Query()["refresh"]; {
	case !asked || value[0] == "false":
	case value[0] == "" || value[0] == "true" || value[0] == "wait_for":
		index.shardOf(id).refresh()
	default:
		return bad("Unknown value for refresh: [%s]", value[0])
	}
	return nil
}

// document answers GET, PUT, POST, HEAD and DELETE of index/_doc/id.
func (c *Cluster) document(in *call) reply {
	id := ""
	if len(in.path) > 2 {
		id = in.path[2]
	}
	switch in.Method {
	case http.MethodGet, http.MethodHead:
		return c.getDocument(in, id)
	case http.MethodPut, http.MethodPost:
		return c.store(in, id, in.body)
	case http.MethodDelete:
		return c.store(in, id, nil)
	}
	return unknownPath(in)
}

func (c *Cluster) create(in *call) reply {
	if len(in.path) < 3 {
		return unknownPath(in)
	}
	query := in.URL.Query()
	query.Set("op_type", "create")
	in.URL.RawQuery = query.Encode()
	return c.store(in, in.path[2], in.body)
}

func (c *Cluster) store(in *call, id string, source json.RawMessage) reply {
	cond, err := conditionOf(in)
	if err != nil {
		return replyTo(err)
	}
	if source == nil && c.indices[in.path[0]] == nil && c.aliases[in.path[0]] == nil {
		return refuse(http.StatusNotFound, "index_not_found_exception", "no such index ["+in.path[0]+"]")
	}
	if source != nil && len(source) == 0 {
		return refuse(http.StatusBadRequest, "parse_exception", "request body is required")
	}
	index, doc, existed, err := c.write(in.path[0], id, source, cond)
	if err != nil {
		return replyTo(err)
	}
	if err := settle(in, index, doc.id); err != nil {
		return replyTo(err)
	}
	switch {
	case source == nil && !existed:
		return reply{http.StatusNotFound, written(index, doc, "not_found")}
	case source == nil:
		return ok(written(index, doc, "deleted"))
	case existed:
		return ok(written(index, doc, "updated"))
	}
	return reply{http.StatusCreated, written(index, doc, "created")}
}

// getDocument is realtime: it sees what no search sees yet.
func (c *Cluster) getDocument(in *call, id string) reply {
	found, err := c.resolve(in.path[0], true)
	if err != nil {
		return replyTo(err)
	}
	for _, index := range found {
		s := index.shardOf(id)
		if s.missing {
			return refuse(http.StatusServiceUnavailable, "no_shard_available_action_exception", "No shard available")
		}
		if doc := s.engine[id]; doc != nil {
			answer := written(index, doc, "")
			delete(answer, "result")
			delete(answer, "_shards")
			answer["found"], answer["_source"] = true, doc.source
			return ok(answer)
		}
	}
	return reply{http.StatusNotFound, map[string]any{"_index": in.path[0], "_id": id, "found": false}}
}

// getMany answers _mget, each document with its own index.
func (c *Cluster) getMany(in *call) reply {
	var body struct {
		Docs []struct {
			Index  string `json:"_index"`
			ID     string `json:"_id"`
			Source *bool  `json:"_source"`
		} `json:"docs"`
	}
	if json.Unmarshal(in.body, &body) != nil || len(body.Docs) == 0 {
		return refuse(http.StatusBadRequest, "action_request_validation_exception", "no documents to get")
	}
	docs := make([]any, len(body.Docs))
	for i, wanted := range body.Docs {
		in.path = []string{wanted.Index, "_doc", wanted.ID}
		one := object(c.getDocument(in, wanted.ID).body)
		if failed, is := one["error"]; is {
			one = map[string]any{"_index": wanted.Index, "_id": wanted.ID, "error": failed}
		}
		if wanted.Source != nil && !*wanted.Source {
			delete(one, "_source")
		}
		docs[i] = one
	}
	return ok(map[string]any{"docs": docs})
}

// update merges "doc" into a document; it knows no script and no upsert.
func (c *Cluster) update(in *call) reply {
	var body map[string]json.RawMessage
	if len(in.path) < 3 || json.Unmarshal(in.body, &body) != nil || body["doc"] == nil || len(body) != 1 {
		return refuse(http.StatusBadRequest, "illegal_argument_exception", "the stand-in updates by \"doc\" alone")
	}
	id := in.path[2]
	index := c.indices[in.path[0]]
	if index == nil {
		return refuse(http.StatusNotFound, "index_not_found_exception", "no such index ["+in.path[0]+"]")
	}
	there := index.shardOf(id).engine[id]
	if there == nil {
		return refuse(http.StatusNotFound, "document_missing_exception", "["+id+"]: document missing")
	}
	var old, change map[string]any
	if json.Unmarshal(there.source, &old) != nil || json.Unmarshal(body["doc"], &change) != nil {
		return refuse(http.StatusBadRequest, "parse_exception", "doc is no object")
	}
	source, err := json.Marshal(merge(old, change))
	if err != nil {
		return replyTo(err)
	}
	return c.store(in, id, source)
}
