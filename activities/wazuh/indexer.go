package wazuh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

// indexer is the part of Wazuh's OpenSearch that we need: searches, nothing is written.
type indexer struct {
	api    *rest.Client
	alerts string
	states string
}

// found is one page of a search.
type found struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Failed int `json:"failed"`
	} `json:"_shards"`
	Hits struct {
		Total struct {
			Value int `json:"value"`
		} `json:"total"`
		Hits []struct {
			Source json.RawMessage `json:"_source"`
			Sort   json.RawMessage `json:"sort"`
		} `json:"hits"`
	} `json:"hits"`
}

// search asks once. An answer that is not whole is an error: what it leaves out could be what we look for.
func (i *indexer) search(ctx context.Context, pattern string, query any) (found, error) {
	var answer found
	err := i.api.Do(ctx, http.MethodPost, "/"+pattern+"/_search?ignore_unavailable=true&allow_no_indices=true", query, &answer)
	if rest.Status(err) == http.StatusUnauthorized {
		return answer, fmt.Errorf("indexer: %w: it refuses user and password: correct systems.wazuh.indexer.user and systems.wazuh.indexer.password", err)
	}
	if rest.Status(err) == http.StatusForbidden {
		return answer, fmt.Errorf("indexer: %w: give its user read on %s", err, pattern)
	}
	if err != nil {
		return answer, fmt.Errorf("indexer: %w", err)
	}
	if answer.TimedOut || answer.Shards.Failed > 0 {
		return answer, errors.New("indexer: search is not whole: a shard failed or timed out")
	}
	return answer, nil
}

// object is a clause of a query.
type object = map[string]any

func term(field string, value any) object { return object{"term": object{field: value}} }

// result is what sallyport-response said of one request.
type result struct {
	Verb    text `json:"verb"`
	Action  text `json:"action"`
	Nonce   text `json:"nonce"`
	Target  text `json:"target"`
	InForce text `json:"in_force"`
	Ours    text `json:"ours"`
	Shared  text `json:"shared"`
	Left    text `json:"left"`
	Error   text `json:"error"`
}

// until is how long the kernel goes on holding; 0: for ever.
func (r result) until() time.Duration {
	seconds, _ := strconv.Atoi(string(r.Left)) // the program's own number; what is none says nothing
	return time.Duration(seconds) * time.Second
}

// text is a value that Wazuh decoded: a string whatever it was, "true" for true.
type text string

// UnmarshalJSON implements json.Unmarshaler; it takes strings, booleans and numbers.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*t = text(s)
		return nil
	}
	*t = text(strings.Trim(string(raw), `"`))
	return nil
}

// resultOf finds the agent's result line with that nonce; none yet is no error. The nonce was made for this one
// request, and an agent writes only its own lines: the agent's id in an alert is the manager's word.
func (i *indexer) resultOf(ctx context.Context, agent, nonce string) (result, bool, error) {
	answer, err := i.search(ctx, i.alerts, object{
		"size": 10,
		"query": object{"bool": object{"filter": []object{
			term("agent.id", agent), term("data.sallyport.nonce", nonce),
		}}},
	})
	if err != nil {
		return result{}, false, err
	}
	for _, hit := range answer.Hits.Hits {
		var alert struct {
			Decoder struct {
				Name string `json:"name"`
			} `json:"decoder"`
			Data struct {
				Sallyport result `json:"sallyport"`
			} `json:"data"`
		}
		if json.Unmarshal(hit.Source, &alert) == nil && alert.Decoder.Name == decoderName && string(alert.Data.Sallyport.Nonce) == nonce {
			return alert.Data.Sallyport, true, nil
		}
	}
	return result{}, false, nil
}

// decoderName is the decoder's of deploy/wazuh.
const decoderName = "sallyport-response"
