package misp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

// client is the part of MISP's API that we use (2.4, 2.5). It only reads.
type client struct{ api *rest.Client }

// attribute is one value of an event, with what we asked to come along.
type attribute struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	Value     string `json:"value"` // of a composite type both halves, "name|hash"
	ToIDs     bool   `json:"to_ids"`
	Deleted   bool   `json:"deleted"`
	Timestamp string `json:"timestamp"` // seconds
	Warnings  []struct {
		Name string `json:"warninglist_name"`
	} `json:"warnings"`
	Decay []struct {
		Decayed bool `json:"decayed"`
	} `json:"decay_score"` // absent when no enabled model knows the type
	Event struct {
		ID        string `json:"id"`
		Info      string `json:"info"`
		Published bool   `json:"published"`
		Orgc      struct {
			Name string `json:"name"`
		} `json:"Orgc"`
	} `json:"Event"`
}

// How much of what MISP knows about our values is read.
const (
	pageSize = 500
	maxPages = 10
)

// search returns the attributes with one of the values. A filter that MISP does not understand is none for it, and
// returns everything: so no empty value may come here, and the caller checks each answer against what it asked.
func (c client) search(ctx context.Context, values []string) (found []attribute, complete bool, err error) {
	if len(values) == 0 {
		return nil, false, errors.New("search for nothing would return everything")
	}
	for page := 1; page <= maxPages; page++ {
		var out struct {
			Response *struct {
				Attribute []attribute `json:"Attribute"`
			} `json:"response"`
		}
		header, err := c.do(ctx, http.MethodPost, "/attributes/restSearch", map[string]any{
			"returnFormat": "json", "value": values, "limit": pageSize, "page": page,
			"enforceWarninglist": 0, "includeWarninglistHits": 1, "includeDecayScore": 1, "includeContext": 1,
		}, &out)
		if err != nil {
			return nil, false, err
		}
		if out.Response == nil || out.Response.Attribute == nil {
			return nil, false, errNotMISP
		}
		found = append(found, out.Response.Attribute...)
		skipped, _ := strconv.Atoi(header.Get("X-Skipped-Elements-Count"))
		if len(out.Response.Attribute)+skipped < pageSize {
			return found, true, nil
		}
	}
	return found, false, nil
}

// listed says which of the values stand on an enabled warninglist, and on which.
func (c client) listed(ctx context.Context, values []string) (map[string][]string, error) {
	if len(values) == 0 {
		return nil, errors.New("no value to check")
	}
	var raw json.RawMessage
	if _, err := c.do(ctx, http.MethodPost, "/warninglists/checkValue", values, &raw); err != nil {
		return nil, err
	}
	if strings.TrimSpace(string(raw)) == "[]" { // PHP's empty map
		return nil, nil
	}
	var hits map[string][]struct{ Name string }
	if json.Unmarshal(raw, &hits) != nil {
		return nil, errNotMISP
	}
	names := map[string][]string{}
	for value, lists := range hits {
		for _, list := range lists {
			names[value] = append(names[value], list.Name)
		}
		if len(lists) == 0 {
			return nil, errNotMISP
		}
	}
	return names, nil
}

// do sends in as JSON, and reads a 200 into out. It tells MISP's refusals apart by what their text begins with.
func (c client) do(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("encode %s: %w", path, err)
		}
	}
	answer, err := c.api.Exchange(ctx, method, path, nil, body)
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, refusal(method, path, answer)
	}
	if json.Unmarshal(answer.Body, out) != nil {
		return nil, errNotMISP
	}
	return answer.Header, nil
}

// errNotMISP is retryable: a proxy's page in front of a server that restarts looks like this.
var errNotMISP = errors.New("answer is not MISP's")

// Refusal is MISP's no, in our words: MISP's own may repeat what was sent.
type Refusal struct {
	Path   string
	Code   int
	Reason string // with the mend
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("%s: status %d: %s", r.Path, r.Code, r.Reason)
}

// Permanent reports whether repeating the same request can't help.
func (r *Refusal) Permanent() bool { return r.Code != http.StatusTooManyRequests }

// refusal reads which of MISP's refusals this is: 403 alone means a wrong key, a missing right or bad input.
func refusal(method, path string, answer rest.Answer) error {
	var said struct {
		Message string          `json:"message"`
		Errors  json.RawMessage `json:"errors"`
	}
	_ = json.Unmarshal(answer.Body, &said)
	no := func(reason string) error { return &Refusal{Path: path, Code: answer.Status, Reason: reason} }
	switch code := answer.Status; {
	case code/100 == 3:
		return no("not taken as an API call: check misp.url, and that no proxy changes the Accept header")
	case code == http.StatusForbidden && strings.HasPrefix(said.Message, "Authentication failed"):
		return no("the key is wrong, has expired or is bound to another address: create a new one, and put it where systems.misp.key points")
	case code == http.StatusForbidden && strings.HasPrefix(said.Message, "You do not have permission"):
		return no("the user's role may not do this: give it API access")
	case code == http.StatusForbidden && len(said.Errors) > 0:
		return no("MISP takes the values for invalid")
	case code == http.StatusMethodNotAllowed && strings.HasPrefix(said.Message, "API searches are not allowed"):
		return no("the role's rate limit is 0: raise it")
	case code == http.StatusTooManyRequests:
		return no("the role's rate limit is used up for now: raise it, or wait " + strconv.Quote(seconds(answer.Header)) + " s")
	}
	return &rest.StatusError{Method: method, Path: path, Code: answer.Status}
}

// seconds is until when MISP counts, if it says a number.
func seconds(header http.Header) string {
	n, err := strconv.Atoi(header.Get("X-Rate-Limit-Reset"))
	if err != nil {
		return "900"
	}
	return strconv.Itoa(n)
}
