package pfsense

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

// client is the part of the REST API package that the driver needs.
type client struct {
	api   *rest.Client
	alias string

	mu      sync.Mutex
	refused error // the last 401
	until   time.Time
}

// loginPause is how long nothing is asked after a 401: pfSense bans an address after three failures in half an hour.
const loginPause = 15 * time.Minute

// entries is an alias as pfSense keeps it: two lists, here always of equal length.
type entries struct {
	ID      int      `json:"id"` // an array index that shifts with every deletion: read again before each write
	Name    string   `json:"name,omitempty"`
	Type    string   `json:"type,omitempty"`
	Address []string `json:"address"`
	Detail  []string `json:"detail"`
}

// envelope is around every answer.
type envelope struct {
	Code       int             `json:"code"`
	ResponseID string          `json:"response_id"`
	Data       json.RawMessage `json:"data"`
}

// call sends in and decodes the data of a success into out. Success is a 2xx status and the same in the body.
func (c *client) call(ctx context.Context, method, ref string, in, out any) error {
	if err := c.barred(); err != nil {
		return err
	}
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode %s: %w", method, err)
		}
	}
	path, _, _ := strings.Cut(ref, "?")
	answer, err := c.api.Exchange(ctx, method, ref, nil, body)
	if err != nil {
		return err
	}
	err = decode(answer, method, path, out)
	if isUnauthorized(err) {
		c.bar(err)
	}
	return err
}

func decode(answer rest.Answer, method, path string, out any) error {
	var e envelope
	malformed := json.Unmarshal(answer.Body, &e) != nil
	if answer.Status/100 != 2 {
		return &fault{method: method, path: path, status: answer.Status, id: wordOf(e.ResponseID)}
	}
	if malformed || e.Code/100 != 2 || len(e.Data) == 0 {
		return fmt.Errorf("%s %s: answer is not the REST API's", method, path)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(e.Data, out); err != nil {
		return fmt.Errorf("%s %s: answer's data is not what was expected", method, path)
	}
	return nil
}

// barred is the 401 that still keeps us from asking.
func (c *client) barred() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return c.refused
	}
	return nil
}

func (c *client) bar(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused, c.until = err, time.Now().Add(loginPause)
}

var errNoAlias = errors.New("is not there")

// read looks the alias up by name.
func (c *client) read(ctx context.Context) (entries, error) {
	var all []entries
	if err := c.call(ctx, http.MethodGet, "/api/v2/firewall/aliases?"+url.Values{"name": {c.alias}}.Encode(), nil, &all); err != nil {
		return entries{}, err
	}
	if len(all) != 1 || all[0].Name != c.alias {
		return entries{}, activities.Permanent(fmt.Errorf("alias %s: %w: make one of type host that holds the placeholder, and a block rule that uses it", c.alias, errNoAlias))
	}
	found := all[0]
	if found.Type != "host" {
		return entries{}, activities.Permanent(fmt.Errorf("alias %s is not of type host: make it one", c.alias))
	}
	for len(found.Detail) < len(found.Address) { // pfSense allows fewer details than addresses
		found.Detail = append(found.Detail, "")
	}
	return found, nil
}

// write replaces both lists in one change. pfSense's own append and remove work on each list alone: they can neither
// add an action to an entry that another holds, nor keep the lists in step where an administrator left details out.
func (c *client) write(ctx context.Context, e entries) error {
	var written entries
	change := entries{ID: e.ID, Address: e.Address, Detail: e.Detail} // name and type are not ours to edit
	if err := c.call(ctx, http.MethodPatch, "/api/v2/firewall/alias", change, &written); err != nil {
		return err
	}
	if written.Name != c.alias {
		return activities.Permanent(fmt.Errorf("another alias than %s was changed, since aliases were deleted or sorted at that moment: restore it from Diagnostics > Backup & Restore > Config History before changes are applied", c.alias))
	}
	return nil
}

// pending lists the subsystems with changes that are written and not yet in force.
func (c *client) pending(ctx context.Context) ([]string, error) {
	var state applied
	if err := c.call(ctx, http.MethodGet, "/api/v2/firewall/apply", nil, &state); err != nil {
		return nil, err
	}
	if !state.Applied && len(state.Pending) == 0 {
		return nil, errors.New("firewall says that changes are pending, but not which")
	}
	return state.Pending, nil
}

type applied struct {
	Applied bool     `json:"applied"`
	Pending []string `json:"pending_subsystems"`
}

// How often, and how long, it is asked whether changes are in force.
const (
	applyEvery  = 500 * time.Millisecond
	applyWithin = 60 * time.Second
)

// apply puts written changes in force and waits until the firewall says so.
func (c *client) apply(ctx context.Context) error {
	if err := c.call(ctx, http.MethodPost, "/api/v2/firewall/apply", map[string]bool{"async": false}, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, applyWithin)
	defer cancel()
	for {
		left, err := c.pending(ctx)
		if err != nil {
			return err
		}
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("changes are still pending: %w", ctx.Err())
		case <-time.After(applyEvery):
		}
	}
}

// table is what the packet filter enforces now.
func (c *client) table(ctx context.Context) ([]string, error) {
	var table struct {
		Entries []string `json:"entries"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v2/diagnostics/table?"+url.Values{"id": {c.alias}}.Encode(), nil, &table)
	return table.Entries, err
}

// noTable reports whether the firewall says that it has no such table, which then blocks nothing.
func noTable(err error) bool {
	f, ok := errors.AsType[*fault](err)
	return ok && f.status == http.StatusNotFound && f.id != ""
}

// killRounds bounds how often states are killed: a flood that no rule stops makes new ones for ever.
const killRounds = 20

// killStates ends the connections of an IPv4 address, in both directions. The API kills at most limit at once, by pairs
// of addresses. It splits sources at the first colon, so an IPv6 address can't be named: its connections live on until
// they time out, and new ones are dropped.
func (c *client) killStates(ctx context.Context, address netip.Addr) error {
	for _, side := range []string{"source", "destination"} {
		for range killRounds {
			var killed []struct{}
			query := url.Values{side + "__regex": {stateRegex(address)}, "limit": {"100"}}
			if err := c.call(ctx, http.MethodDelete, "/api/v2/firewall/states?"+query.Encode(), nil, &killed); err != nil {
				return fmt.Errorf("kill states: %w", err)
			}
			if len(killed) == 0 {
				break
			}
		}
	}
	return nil
}

// hasStates reports whether an IPv4 address still has connections that it opened.
func (c *client) hasStates(ctx context.Context, address netip.Addr) (bool, error) {
	var states []struct{}
	query := url.Values{"source__regex": {stateRegex(address)}, "limit": {strconv.Itoa(1)}}
	err := c.call(ctx, http.MethodGet, "/api/v2/firewall/states?"+query.Encode(), nil, &states)
	return len(states) > 0, err
}

// stateRegex matches "203.0.113.9" and "203.0.113.9:51234", never "203.0.113.90".
func stateRegex(address netip.Addr) string { return "^" + regexp.QuoteMeta(address.String()) + "(:|$)" }

// version is pfSense's own.
func (c *client) version(ctx context.Context) (string, error) {
	var v struct {
		Version string `json:"version"`
	}
	err := c.call(ctx, http.MethodGet, "/api/v2/system/version", nil, &v)
	return v.Version, err
}
