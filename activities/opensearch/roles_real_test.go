package opensearch_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// as opens a client of a user that has this role alone.
func as(t *testing.T, server *opensearchtest.Secure, user string, role opensearchtest.Role) *opensearch.Client {
	t.Helper()
	variable := "SALLYPORT_TEST_" + strings.ToUpper(user)
	t.Setenv(variable, server.Grant(t, user, role))
	c, err := opensearch.Open(t.Context(), opensearch.Config{URL: server.URL, User: user, Password: config.Secret("env:" + variable), TLS: server.Trust})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestShippedRolesAreEnoughAndNoMore tries both roles on a real server with users, then takes each privilege away that check
// can try without changing anything: check names it.
func TestShippedRolesAreEnoughAndNoMore(t *testing.T) {
	server := opensearchtest.RealSecure(t)
	server.Do(t, http.MethodPut, "/logs-it/_doc/1?refresh=true", map[string]string{"message": "hello"})
	t.Cleanup(func() { server.Do(t, http.MethodDelete, "/logs-it", nil) })
	t.Run("state", func(t *testing.T) { stateRole(t, server) })
	t.Run("reader", func(t *testing.T) { readerRole(t, server) })
}

func stateRole(t *testing.T, server *opensearchtest.Secure) {
	role := opensearchtest.ShippedRole(t, shared.Root(t), "sallyport_state")
	c := as(t, server, "it_state", role)
	if _, err := c.EnsureTemplates(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, index := range []string{"sallyport-cursors", "sallyport-audit-2026.11"} {
		if _, err := c.Create(t.Context(), index, "x", map[string]string{}); err != nil {
			t.Fatal(err)
		}
	}
	if faults := c.CheckState(t.Context()); len(faults) > 0 {
		t.Errorf("with the shipped role check says %v", faults)
	}
	entry, _, err := c.Get(t.Context(), "sallyport-audit-2026.11", "x")
	if err != nil {
		t.Fatal(err)
	}
	refuses(t, c.Delete(t.Context(), entry), "indices:data/write/delete")
	_, err = c.Count(t.Context(), "logs-it", nil)
	refuses(t, err, "indices:data/read/search")

	for _, action := range []string{
		"indices:admin/index_template/get", "indices:data/read/search", "indices:data/read/get",
		"indices:data/write/index", "indices:admin/refresh*", "indices:monitor/stats", "indices:data/write/delete",
	} {
		server.SetRole(t, "it_state", role.Without(action))
		namesMissing(t, action, c.CheckState)
	}
}

func readerRole(t *testing.T, server *opensearchtest.Secure) {
	role := opensearchtest.ShippedRole(t, shared.Root(t), "sallyport_reader")
	c := as(t, server, "it_reader", role)
	if _, err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if faults := c.CheckStream(t.Context(), "logs-*"); len(faults) > 0 {
		t.Errorf("with the shipped role check says %v", faults)
	}
	_, err := c.Create(t.Context(), "logs-it", "2", map[string]string{})
	refuses(t, err, "indices:data/write/")
	_, err = c.Count(t.Context(), "sallyport-cursors", nil)
	refuses(t, err, "indices:data/read/search")
	server.SetRole(t, "it_reader", role.Without("cluster:monitor/main"))
	namesMissing(t, "cluster:monitor/main", func(ctx context.Context) []error {
		_, err := c.Ping(ctx)
		return []error{err}
	})
	for _, action := range role.Index[0].Actions {
		server.SetRole(t, "it_reader", role.Without(action))
		namesMissing(t, action, func(ctx context.Context) []error { return c.CheckStream(ctx, "logs-*") })
	}
}

func refuses(t *testing.T, err error, privilege string) {
	t.Helper()
	var fault *opensearch.Fault
	if !errors.As(err, &fault) || fault.Status != http.StatusForbidden || !strings.HasPrefix(fault.Missing, privilege) {
		t.Errorf("got %v, want it refused for want of %s", err, privilege)
	}
}

// namesMissing waits a while: the server takes a changed role in after it has answered.
func namesMissing(t *testing.T, action string, check func(context.Context) []error) {
	t.Helper()
	names := func(err error) bool {
		return strings.Contains(err.Error(), "lacks the privilege "+strings.TrimSuffix(action, "*"))
	}
	var faults []error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(100 * time.Millisecond) {
		if faults = check(t.Context()); slices.ContainsFunc(faults, names) {
			return
		}
	}
	t.Errorf("without %s check says %v", action, faults)
}
