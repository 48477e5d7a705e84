package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/shared"
)

// TestStateRoleCarriesTheWholeChain keeps the state in a real OpenSearch with users, as one that has the shipped role and
// nothing else: the recorded attack runs through to its report, and the audit chains verify.
func TestStateRoleCarriesTheWholeChain(t *testing.T) {
	server := opensearchtest.RealSecure(t)
	o := newOffice(t)
	secret := filepath.Join(filepath.Dir(o.file), "state.secret")
	password := server.Grant(t, "chain_state", opensearchtest.ShippedRole(t, shared.Root(t), "sallyport_state"))
	if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	o.edit(o.file, "\nopensearch: {", fmt.Sprintf("\nopensearch: {url: %q, user: chain_state, password: \"file:%s\", tls: {ca: %q}}\nclusters:\n  events: {", server.URL, secret, server.Trust.CA))
	o.edit(o.file, "{name: wazuh, ", "{name: wazuh, cluster: events, ")
	var err error
	if o.state, err = opensearch.Open(t.Context(), o.config.OpenSearch); err != nil {
		t.Fatal(err)
	}
	o.up()
	o.play()
	o.expectOnce(o.awaitClosed(5 * time.Minute))
	if faults := o.state.CheckState(t.Context()); len(faults) > 0 {
		t.Errorf("check says %v", faults)
	}
}
