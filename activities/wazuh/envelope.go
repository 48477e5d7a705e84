package wazuh

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
)

// page is how many items one list call asks for; Wazuh's default.
const page = 500

// answered is the envelope of every JSON answer.
type answered struct {
	Data struct {
		Affected []json.RawMessage `json:"affected_items"`
		Total    int               `json:"total_affected_items"`
		Failed   []struct {
			Error struct {
				Code int `json:"code"`
			} `json:"error"`
			ID []string `json:"id"`
		} `json:"failed_items"`
		Error *int `json:"error"` // some calls put it here
	} `json:"data"`
	Error *int `json:"error"` // 0 all, 1 none, 2 some; a number of its own beside an HTTP error
}

// code is the envelope's error number, wherever it stands; -1 if it has none.
func (a answered) code() int {
	switch {
	case a.Error != nil:
		return *a.Error
	case a.Data.Error != nil:
		return *a.Data.Error
	}
	return -1
}

// list reads all items of a list, page by page, at most most of them.
func list[T any](ctx context.Context, c *client, path string, query url.Values, most int) (items []T, err error) {
	for {
		query.Set("offset", fmt.Sprint(len(items)))
		query.Set("limit", fmt.Sprint(min(page, most-len(items))))
		var answer answered
		if err := c.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &answer); err != nil {
			return nil, err
		}
		if n := answer.code(); n != 0 {
			return nil, answer.fault(http.MethodGet, path, "")
		}
		for _, raw := range answer.Data.Affected {
			var item T
			if err := json.Unmarshal(raw, &item); err != nil {
				return nil, fmt.Errorf("GET %s: an item is not what was expected", path)
			}
			items = append(items, item)
		}
		if len(answer.Data.Affected) == 0 || len(items) >= answer.Data.Total || len(items) >= most {
			return items, nil
		}
	}
}

// fault is the first failure that an envelope names; of the agent, if one is given.
func (a answered) fault(method, path, agent string) error {
	f := &fault{method: method, path: path, status: http.StatusOK, agent: agent}
	for _, failed := range a.Data.Failed {
		if agent == "" || slices.Contains(failed.ID, agent) {
			f.number = failed.Error.Code
			return f
		}
	}
	if agent == "" {
		return fmt.Errorf("%s %s: answer says neither success nor failure", method, path)
	}
	return activities.Permanent(fmt.Errorf("%s %s: nothing was sent to agent %s: it is the manager, or the API user may not see it", method, path, agent))
}
