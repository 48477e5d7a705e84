package wazuh

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// client is the part of the server API that we need.
type client struct {
	api   *rest.Client
	login string // the Authorization header of a login

	mu      sync.Mutex
	token   string
	renew   time.Time // when the token is as good as over
	refused error     // the last login that was refused
	until   time.Time
}

const (
	renewBefore  = 30 * time.Second // of a token's end
	shortestLife = 10 * time.Second // of a token whose end we can't read, or that is nearly over
	loginPause   = time.Minute      // after a refused login: 50 of them lock our address out
	patience     = 65 * time.Second // for "too many requests" (a window of 60 s) and restarting daemons
	firstPause   = time.Second
	longestPause = 15 * time.Second
)

// call sends in and decodes a success's body into out. It logs in again once when the token is refused, and waits while
// the server refuses all calls or restarts: both are answered before anything is carried out. Every other failure is
// for the caller to judge: after a broken connection and error 3021 the outcome is unknown.
func (c *client) call(ctx context.Context, method, ref string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode %s: %w", method, err)
		}
	}
	deadline := time.Now().Add(patience)
	for pause, again := firstPause, true; ; pause = min(2*pause, longestPause) {
		answer, err := c.authorized(ctx, method, ref, body)
		if err == nil && answer.Status == http.StatusOK {
			return decode(answer, method, ref, out)
		}
		if err == nil {
			err = faultOf(answer, method, ref)
		}
		switch {
		case status(err) == http.StatusUnauthorized && again && c.barred() == nil:
			again = false
			c.forget()
			continue
		case status(err) != http.StatusTooManyRequests && number(err) != notReady, time.Now().Add(pause).After(deadline):
			return err
		}
		if late := wait(ctx, pause); late != nil {
			return errors.Join(err, late)
		}
	}
}

func wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

func (c *client) authorized(ctx context.Context, method, ref string, body []byte) (rest.Answer, error) {
	token, err := c.bearer(ctx)
	if err != nil {
		return rest.Answer{}, activities.NotAsked(err)
	}
	return c.api.Exchange(ctx, method, ref, http.Header{"Authorization": {"Bearer " + token}}, body)
}

// bearer returns a token that lives for a while yet; it logs in at most once for all who wait for one.
func (c *client) bearer(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.token != "" && now.Before(c.renew) {
		return c.token, nil
	}
	if now.Before(c.until) {
		return "", c.refused
	}
	const path = "/security/user/authenticate?raw=true"
	answer, err := c.api.Exchange(ctx, http.MethodPost, path, http.Header{"Authorization": {c.login}, "Accept": {"*/*"}}, nil)
	if err != nil {
		return "", err
	}
	if answer.Status != http.StatusOK {
		err := faultOf(answer, http.MethodPost, path)
		if answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden {
			c.refused, c.until = err, now.Add(loginPause)
		}
		return "", err
	}
	end, err := endOf(string(answer.Body))
	if err != nil {
		return "", err
	}
	c.token, c.renew = strings.TrimSpace(string(answer.Body)), later(end.Add(-renewBefore), now.Add(shortestLife))
	return c.token, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (c *client) barred() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return c.refused
	}
	return nil
}

func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = ""
}

// endOf reads the end of a token's life from its claims. The server checks tokens; we only want to know when to renew.
func endOf(token string) (time.Time, error) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if len(parts) == 3 {
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(text, &claims) == nil && claims.Exp > 0 {
			return time.Unix(int64(claims.Exp), 0), nil
		}
	}
	return time.Time{}, errors.New("login: answer is no token")
}

func decode(answer rest.Answer, method, ref string, out any) error {
	if err := json.Unmarshal(answer.Body, out); err != nil {
		return fmt.Errorf("%s %s: answer is not the server API's", method, pathOf(ref))
	}
	return nil
}

func faultOf(answer rest.Answer, method, ref string) error {
	var problem struct {
		Error json.Number `json:"error"`
	}
	_ = json.Unmarshal(answer.Body, &problem) // schema errors and 401 have no number, and a proxy's page is no JSON
	n, _ := problem.Error.Int64()
	return &fault{method: method, path: pathOf(ref), status: answer.Status, number: int(n)}
}

func pathOf(ref string) string {
	path, _, _ := strings.Cut(ref, "?")
	return path
}

// respond sends an active response to exactly one agent. Success says that the agent's execd answered a moment ago and
// the message was queued; it says nothing of what the program did.
func (c *client) respond(ctx context.Context, agent string, order any) error {
	const path = "/active-response"
	if !isAgent(agent) {
		return activities.Permanent(errors.New("no agent: the server would take that for every agent"))
	}
	var answer answered
	if err := c.call(ctx, http.MethodPut, path+"?agents_list="+agent, order, &answer); err != nil {
		return err
	}
	reached := slices.ContainsFunc(answer.Data.Affected, func(raw json.RawMessage) bool {
		var id string
		return json.Unmarshal(raw, &id) == nil && id == agent
	})
	switch {
	case reached && len(answer.Data.Affected) == 1 && answer.code() == 0:
		return nil
	case answer.code() < 0:
		return fmt.Errorf("PUT %s: answer is not the server API's", path)
	}
	return answer.fault(http.MethodPut, path, agent)
}

// isAgent reports whether id names one agent: three digits or more, and not the manager's own 000.
func isAgent(id string) bool {
	return len(id) >= 3 && strings.Trim(id, "0123456789") == "" && strings.Trim(id, "0") != ""
}

// about says what the API itself is.
func (c *client) about(ctx context.Context) (version string, err error) {
	var answer struct {
		Data struct {
			Version string `json:"api_version"`
		} `json:"data"`
	}
	err = c.call(ctx, http.MethodGet, "/", nil, &answer)
	return answer.Data.Version, err
}

// rights are the API user's own: action -> resource -> "allow" or "deny".
func (c *client) rights(ctx context.Context) (rights map[string]map[string]string, err error) {
	var answer struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/security/users/me/policies", nil, &answer); err != nil {
		return nil, err
	}
	rights = map[string]map[string]string{}
	for action, raw := range answer.Data {
		var resources map[string]string
		if json.Unmarshal(raw, &resources) == nil { // beside them stands rbac_mode, a text
			rights[action] = resources
		}
	}
	return rights, nil
}
