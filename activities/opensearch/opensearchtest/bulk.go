package opensearchtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// bulk answers item by item: status 200 says nothing.
func (c *Cluster) bulk(in *call, index string) reply {
	lines := bytes.Split(in.body, []byte("\n"))
	if len(in.body) == 0 || in.body[len(in.body)-1] != '\n' {
		return refuse(http.StatusBadRequest, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]")
	}
	items, failed := []any{}, false
	for i := 0; i < len(lines)-1; i++ {
		if len(bytes.TrimSpace(lines[i])) == 0 {
			continue
		}
		var action map[string]struct {
			Index       string `json:"_index"`
			ID          string `json:"_id"`
			SeqNo       *int64 `json:"if_seq_no"`
			PrimaryTerm *int64 `json:"if_primary_term"`
		}
		if json.Unmarshal(lines[i], &action) != nil || len(action) != 1 {
			return refuse(http.StatusBadRequest, "illegal_argument_exception", "Malformed action/metadata line ["+strconv.Itoa(i+1)+"]")
		}
		for verb, meta := range action {
			var source json.RawMessage
			if verb != "delete" {
				if i++; i >= len(lines) {
					return refuse(http.StatusBadRequest, "illegal_argument_exception", "Malformed bulk")
				}
				source = lines[i]
			}
			cond := condition{seqNo: -1, term: -1, create: verb == "create"}
			if meta.SeqNo != nil && meta.PrimaryTerm != nil {
				cond.seqNo, cond.term = *meta.SeqNo, *meta.PrimaryTerm
			}
			answer := c.bulkItem(in, verb, meta.Index+strings.Repeat(index, one(meta.Index == "")), meta.ID, source, cond)
			failed = failed || answer.status >= 300
			items = append(items, map[string]any{verb: itemOf(answer)})
		}
	}
	return ok(map[string]any{"took": 1, "errors": failed, "items": items})
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (c *Cluster) bulkItem(in *call, verb, name, id string, source json.RawMessage, cond condition) reply {
	if verb != "create" && verb != "index" && verb != "delete" {
		return refuse(http.StatusBadRequest, "illegal_argument_exception", "the stand-in knows no bulk action ["+verb+"]")
	}
	index, doc, existed, err := c.write(name, id, source, cond)
	if err != nil {
		return replyTo(err)
	}
	if err := settle(in, index, doc.id); err != nil {
		return replyTo(err)
	}
	if existed || source == nil {
		return ok(written(index, doc, "updated"))
	}
	return reply{http.StatusCreated, written(index, doc, "created")}
}

func itemOf(answer reply) map[string]any {
	body := object(answer.body)
	item := map[string]any{"status": answer.status}
	for name, value := range body {
		if name != "status" {
			item[name] = value
		}
	}
	return item
}
