package thehive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// needed are the permissions without which a case can't be kept, as prefixes: 5.x splits them (manageCase/create).
var needed = []string{"manageAlert", "manageCase", "manageObservable", "manageComment"}

// Check asks TheHive for its version, and whether this account may keep cases there: an unlicensed TheHive from 5.3 on
// is read-only. The error says the mend.
func (h *Hive) Check(ctx context.Context) (version string, err error) {
	var status struct {
		Version string
		License *struct{ IsValid bool }
	}
	if err := h.client.do(ctx, http.MethodGet, "/api/v1/status", nil, &status); err != nil {
		return "", mended(err)
	}
	if status.Version == "" {
		return "", mended(errNotTheHive)
	}
	if strings.HasPrefix(status.Version, "4.") || strings.HasPrefix(status.Version, "3.") {
		return status.Version, fmt.Errorf("thehive: version %s is too old: upgrade it to 5.4 or newer", status.Version)
	}
	if status.License != nil && !status.License.IsValid {
		return status.Version, errors.New("thehive: no valid licence, so it is read-only: activate one in its administration (the community licence is free)")
	}
	return status.Version, h.checkAccount(ctx)
}

func (h *Hive) checkAccount(ctx context.Context) error {
	var account struct {
		ID           string `json:"_id"`
		Login        string
		Organisation string
		Permissions  []string
	}
	if err := h.client.do(ctx, http.MethodGet, "/api/v1/user/current", nil, &account); err != nil {
		return mended(err)
	}
	if account.ID == "" {
		return mended(errNotTheHive)
	}
	if account.Permissions == nil { // TheHive may leave them out: then only a write can tell
		return nil
	}
	for _, want := range needed {
		if !slices.ContainsFunc(account.Permissions, func(p string) bool { return strings.HasPrefix(p, want) }) {
			return fmt.Errorf("thehive: the account lacks %s in organisation %s: give it the profile analyst", want, account.Organisation)
		}
	}
	return nil
}

func mended(err error) error {
	if text := mend(err); text != "" {
		return fmt.Errorf("thehive: %w: %s", err, text)
	}
	return fmt.Errorf("thehive: %w", err)
}
