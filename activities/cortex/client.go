package cortex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

// client is the part of Cortex's API that we use (3.x, 4.x).
type client struct{ api *rest.Client }

// analyzer is one that the organisation has enabled.
type analyzer struct {
	ID         string   `json:"id"`   // differs per organisation
	Name       string   `json:"name"` // of the organisation
	Definition string   `json:"workerDefinitionId"`
	DataTypes  []string `json:"dataTypeList"`
}

// job is one run of an analyzer. Report is an object once it has finished, a word before.
type job struct {
	ID       string          `json:"id"`
	Status   string          `json:"status"` // Waiting, InProgress, Success, Failure, Deleted
	Data     string          `json:"data"`
	DataType string          `json:"dataType"`
	Report   json.RawMessage `json:"report"`
}

func (j job) running() bool { return j.Status == "Waiting" || j.Status == "InProgress" }

// report is what a finished job says. Its "input" is left unread: it may hold the analyzer's own secrets.
type report struct {
	Success bool   `json:"success"`
	Error   string `json:"errorMessage"`
	Summary struct {
		Taxonomies []taxonomy `json:"taxonomies"`
	} `json:"summary"`
	Full json.RawMessage `json:"full"`
}

type taxonomy struct {
	Level     string `json:"level"` // info, safe, suspicious, malicious
	Namespace string `json:"namespace"`
	Predicate string `json:"predicate"`
	Value     any    `json:"value"` // a text, a number or a truth value, as the analyzer likes
}

// What we send is at most TLP and PAP amber; an analyzer that may not see that fails its job by itself.
const amber = 2

// errNotCortex is retryable: a proxy's page in front of a server that restarts looks like this.
var errNotCortex = errors.New("answer is not Cortex's: its outcome is unknown")

// forType lists the enabled analyzers for one of Cortex's data types.
func (c client) forType(ctx context.Context, dataType string) (found []analyzer, err error) {
	if err := c.do(ctx, http.MethodGet, "/api/analyzer/type/"+url.PathEscape(dataType), nil, &found); err != nil {
		return nil, err
	}
	if found == nil {
		return nil, errNotCortex
	}
	return found, nil
}

// all lists the enabled analyzers of all types.
func (c client) all(ctx context.Context) (found []analyzer, err error) {
	err = c.do(ctx, http.MethodPost, "/api/analyzer/_search?range=all", map[string]any{"query": struct{}{}}, &found)
	if err == nil && found == nil {
		err = errNotCortex
	}
	return found, err
}

// run starts a job, or finds the one that asked the same a moment ago: Cortex keeps jobs by worker, data and TLP.
func (c client) run(ctx context.Context, analyzerID, dataType, data string) (started job, err error) {
	body := map[string]any{"data": data, "dataType": dataType, "tlp": amber, "pap": amber, "message": "sallyport"}
	if err := c.do(ctx, http.MethodPost, "/api/analyzer/"+url.PathEscape(analyzerID)+"/run", body, &started); err != nil {
		return job{}, err
	}
	if started.ID == "" || started.Status == "" || started.Data != data || started.DataType != dataType {
		return job{}, errNotCortex
	}
	return started, nil
}

// wait is a long poll: it returns when the job ends, or after atMost with a job that still runs.
func (c client) wait(ctx context.Context, id string, atMost time.Duration) (now job, err error) {
	path := fmt.Sprintf("/api/job/%s/waitreport?atMost=%dseconds", url.PathEscape(id), max(int(atMost.Seconds()), 1))
	if err := c.do(ctx, http.MethodGet, path, nil, &now); err != nil {
		return job{}, err
	}
	if now.ID != id || now.Status == "" {
		return job{}, errNotCortex
	}
	return now, nil
}

func (c client) version(ctx context.Context) (string, error) {
	var status struct{ Versions map[string]string }
	if err := c.do(ctx, http.MethodGet, "/api/status", nil, &status); err != nil {
		return "", err
	}
	if status.Versions["Cortex"] == "" {
		return "", errNotCortex
	}
	return status.Versions["Cortex"], nil
}

// do is rest's Do with Cortex's own word for a body that is none.
func (c client) do(ctx context.Context, method, path string, in, out any) error {
	var raw json.RawMessage
	err := c.api.Do(ctx, method, path, in, &raw)
	if rest.Status(err) == http.StatusUnauthorized {
		return fmt.Errorf("%w: the key is wrong or was revoked: create a new one for a user with role analyze, and put it where systems.cortex.key points", err)
	}
	if err != nil {
		return err
	}
	if json.Unmarshal(raw, out) != nil {
		return errNotCortex
	}
	return nil
}
