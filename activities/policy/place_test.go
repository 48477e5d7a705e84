package policy_test

import (
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// What is checked against the protected assets stands in the action, which its grant covers.
func TestActionsBearTheAddressOfTheirHost(t *testing.T) {
	w := newWorld(t)
	req := request(attacker)
	req.Brief.Assets = []soar.Asset{{Name: "web-01", AgentID: "001", Address: "::ffff:192.0.2.99"}}
	made := w.plan(req)
	wall, _ := action(made, "pfsense", attacker)
	agent, _ := action(made, "wazuh", attacker)
	if wall.Address != "" || agent.Address != "192.0.2.99" {
		t.Errorf("planned on %q and %q", wall.Address, agent.Address)
	}
	bare := agent
	bare.Address = ""
	if bare.Digest() == agent.Digest() {
		t.Error("a grant does not cover the address")
	}
	req.Phase = activities.PhaseRemediate
	req.Exposure = activities.Exposure{Exposed: []string{"web-01"}, Vulnerabilities: []activities.Vulnerability{
		{Asset: soar.Asset{Name: "web-01"}, CVE: "CVE-2026-1", Score: 9.8, Severity: "Critical"},
	}}
	if made := w.plan(req); len(made.Actions) != 1 || made.Actions[0].Address != "192.0.2.99" {
		t.Errorf("to be patched: %+v", made.Actions)
	}
}
