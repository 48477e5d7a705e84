package thehive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/rest"
)

// client is the part of TheHive's API that the activities need (v1, TheHive 5).
type client struct{ api *rest.Client }

// alert is TheHive's alert, unique in an organisation by type, source and sourceRef.
type alert struct {
	ID     string `json:"_id"`
	CaseID string `json:"caseId"`
}

type hiveCase struct {
	ID     string   `json:"_id"`
	Number int      `json:"number"`
	Stage  string   `json:"stage"` // New, InProgress, Closed
	Status string   `json:"status"`
	Tags   []string `json:"tags"`
}

type observable struct {
	ID       string `json:"_id,omitempty"`
	DataType string `json:"dataType"`
	Data     string `json:"data"`
}

// newAlert is the body that creates an alert.
type newAlert struct {
	Type        string          `json:"type"`
	Source      string          `json:"source"`
	SourceRef   string          `json:"sourceRef"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Severity    int             `json:"severity"`
	Date        int64           `json:"date,omitempty"` // ms
	Tags        []string        `json:"tags"`
	TLP         int             `json:"tlp"`
	PAP         int             `json:"pap"`
	Observables []newObservable `json:"observables,omitempty"`
}

type newObservable struct {
	DataType string   `json:"dataType"`
	Data     any      `json:"data"` // a string, or several of the same type
	TLP      int      `json:"tlp"`
	PAP      int      `json:"pap"`
	Tags     []string `json:"tags,omitempty"`
}

// errExists says that TheHive has it already: it answers 400, not 409.
var errExists = errors.New("exists already")

// find returns the alert with this reference, or an empty one.
func (c client) find(ctx context.Context, ref string) (found alert, err error) {
	name := url.PathEscape(alertType + ";" + alertSource + ";" + ref)
	err = c.do(ctx, http.MethodGet, "/api/v1/alert/"+name, nil, &found)
	if rest.Status(err) == http.StatusNotFound {
		return alert{}, nil
	}
	return found, whole(err, found.ID)
}

// create makes an alert; errExists if an earlier attempt did.
func (c client) create(ctx context.Context, body newAlert) (made alert, err error) {
	err = c.do(ctx, http.MethodPost, "/api/v1/alert", body, &made)
	return made, whole(err, made.ID)
}

// promote makes the case of an alert. Twice would make two cases: look at the alert's caseId first.
func (c client) promote(ctx context.Context, alertID string) (made hiveCase, err error) {
	err = c.do(ctx, http.MethodPost, "/api/v1/alert/"+url.PathEscape(alertID)+"/case", struct{}{}, &made)
	return made, whole(err, made.ID)
}

func (c client) caseByID(ctx context.Context, id string) (found hiveCase, err error) {
	err = c.do(ctx, http.MethodGet, "/api/v1/case/"+url.PathEscape(id), nil, &found)
	return found, whole(err, found.ID)
}

// closing is the body that closes a case.
type closing struct {
	Status       string `json:"status"`
	Summary      string `json:"summary"`
	ImpactStatus string `json:"impactStatus"`
}

func (c client) closeCase(ctx context.Context, id string, body closing) error {
	return c.do(ctx, http.MethodPatch, "/api/v1/case/"+url.PathEscape(id), body, nil)
}

func (c client) comment(ctx context.Context, caseID, message string) error {
	var made struct {
		ID string `json:"_id"`
	}
	err := c.do(ctx, http.MethodPost, "/api/v1/case/"+url.PathEscape(caseID)+"/comment", map[string]string{"message": message}, &made)
	return whole(err, made.ID)
}

// observe adds observables of one type to a case. It reports how many TheHive made and how many it refused (207).
func (c client) observe(ctx context.Context, caseID string, body newObservable) (refused int, err error) {
	var text json.RawMessage
	if err := c.do(ctx, http.MethodPost, "/api/v1/case/"+url.PathEscape(caseID)+"/observable", body, &text); err != nil {
		return 0, err
	}
	var made []observable
	if json.Unmarshal(text, &made) == nil && len(made) > 0 {
		return 0, whole(nil, made[0].ID)
	}
	var partial struct {
		Success []observable      `json:"success"`
		Failure []json.RawMessage `json:"failure"`
	}
	if json.Unmarshal(text, &partial) == nil && len(partial.Success)+len(partial.Failure) > 0 {
		return len(partial.Failure), nil
	}
	return 0, errNotTheHive
}

// do is rest's Do, but tells an "exists already" from other refusals: both are 400.
func (c client) do(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if in == nil {
		body = nil
	}
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", method, path, err)
	}
	answer, err := c.api.Exchange(ctx, method, path, nil, body)
	if err != nil {
		return err
	}
	if answer.Status/100 != 2 {
		return refusal(method, path, answer)
	}
	if out != nil && json.Unmarshal(answer.Body, out) != nil {
		return fmt.Errorf("%s %s: %w", method, path, errNotTheHive)
	}
	return nil
}

// refusal reads the vendor's {type, message} but never repeats it.
func refusal(method, path string, answer rest.Answer) error {
	var said struct{ Type, Message string }
	_ = json.Unmarshal(answer.Body, &said)
	if answer.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(said.Message), "already exist") {
		return errExists
	}
	status := &rest.StatusError{Method: method, Path: path, Code: answer.Status}
	if answer.Status == http.StatusUnauthorized { // also what incidents tell of a case that can't be opened
		return fmt.Errorf("%w: the key is wrong or was revoked: create a new one for the service account, and put it where systems.thehive.key points", status)
	}
	return status
}

// errNotTheHive is retryable: a proxy's page in front of a server that restarts looks like this.
var errNotTheHive = errors.New("answer is not TheHive's: its outcome is unknown")

// whole says that an answer without an id is no success.
func whole(err error, id string) error {
	if err == nil && id == "" {
		return errNotTheHive
	}
	return err
}
