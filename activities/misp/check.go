package misp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// expiresSoon is how long before its end a key is worth a word.
const expiresSoon = 14 * 24 * time.Hour

// Check asks MISP for its version, and whether this key opens what we need: a user, searches, warninglists. None of
// MISP's warninglists is enabled on a new server, and then public resolvers look like any other address. The error says
// the mend.
func (m *MISP) Check(ctx context.Context) (version string, err error) {
	var server struct{ Version string }
	header, err := m.client.do(ctx, http.MethodGet, "/servers/getVersion", nil, &server)
	if err != nil {
		return "", mended(err)
	}
	if server.Version == "" {
		return "", mended(errNotMISP)
	}
	if err := m.checkUser(ctx); err != nil {
		return server.Version, err
	}
	if err := m.checkWarninglists(ctx); err != nil {
		return server.Version, err
	}
	ends, err := time.Parse(time.RFC3339, header.Get("X-Auth-Key-Expiration"))
	if err == nil && time.Until(ends) < expiresSoon {
		return server.Version, fmt.Errorf("misp: the key expires on %s: create a new one", ends.Format(time.DateOnly))
	}
	return server.Version, nil
}

func (m *MISP) checkUser(ctx context.Context) error {
	var me struct {
		User *struct{ ID string }
		Role struct {
			Enforced bool   `json:"enforce_rate_limit"`
			Limit    string `json:"rate_limit_count"`
		}
	}
	if _, err := m.client.do(ctx, http.MethodGet, "/users/view/me", nil, &me); err != nil {
		return mended(err)
	}
	if me.User == nil || me.User.ID == "" {
		return mended(errNotMISP)
	}
	if me.Role.Enforced && me.Role.Limit == "0" {
		return errors.New("misp: the user's role may not search: its rate limit is 0, raise it")
	}
	return nil
}

func (m *MISP) checkWarninglists(ctx context.Context) error {
	var lists struct {
		Warninglists []struct {
			Warninglist struct{ Enabled bool }
		}
	}
	if _, err := m.client.do(ctx, http.MethodGet, "/warninglists/index", nil, &lists); err != nil {
		return mended(err)
	}
	for _, list := range lists.Warninglists {
		if list.Warninglist.Enabled {
			return nil
		}
	}
	return errors.New("misp: no warninglist is enabled, so public resolvers and our own networks would pass for indicators: enable them in MISP (Input Filters, Warninglists)")
}

func mended(err error) error {
	return fmt.Errorf("misp: %w", err)
}
