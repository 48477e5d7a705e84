package pfsense

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// absentID is an index that no alias has: a change of it needs the privilege and changes nothing.
const absentID = 1 << 30

// Check looks whether the driver could work, without changing anything: version, alias, placeholder, pending changes,
// the key's privileges. It returns one line that says what it met; the error says what is wrong and how to mend it.
// The privilege to apply can't be tried without applying.
func (d *Driver) Check(ctx context.Context) (string, error) {
	version, err := d.client.version(ctx)
	if err != nil {
		return "", err
	}
	err = errors.Join(d.checkAlias(ctx), d.checkTable(ctx), d.checkPrivileges(ctx))
	return fmt.Sprintf("pfSense %.40s, alias %s; the connections of an IPv6 address can't be ended, its new ones are dropped", version, d.client.alias), err
}

func (d *Driver) checkAlias(ctx context.Context) error {
	alias, err := d.client.read(ctx)
	if err != nil {
		return err
	}
	if indexOf(alias.Address, d.placeholder) < 0 {
		return fmt.Errorf("alias %s lacks its placeholder: add %s to it, with a description that says why", d.client.alias, d.placeholder)
	}
	pending, err := d.client.pending(ctx)
	if err == nil && len(pending) > 0 {
		err = errPending(pending)
	}
	return err
}

func (d *Driver) checkTable(ctx context.Context) error {
	if _, err := d.client.table(ctx); err != nil {
		return fmt.Errorf("the packet filter shows no table for the alias (is there a block rule that uses it?): %w", err)
	}
	return nil
}

func (d *Driver) checkPrivileges(ctx context.Context) error {
	placeholder := url.Values{"source__regex": {stateRegex(d.placeholder)}, "limit": {"1"}}.Encode()
	attempts := []struct {
		privilege, method, ref string
		body                   any
	}{
		{"api-v2-firewall-alias-patch", http.MethodPatch, "/api/v2/firewall/alias", map[string]any{"id": absentID}},
		{"api-v2-firewall-states-get", http.MethodGet, "/api/v2/firewall/states?" + placeholder, nil},
		{"api-v2-firewall-states-delete", http.MethodDelete, "/api/v2/firewall/states?" + placeholder, nil},
	}
	var missing error
	for _, a := range attempts {
		var f *fault
		if err := d.client.call(ctx, a.method, a.ref, a.body, nil); errors.As(err, &f) && f.status == http.StatusForbidden {
			missing = errors.Join(missing, fmt.Errorf("the key's user lacks %s: give it in System > User Manager", a.privilege))
		}
	}
	return missing
}
