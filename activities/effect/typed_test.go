package effect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestCheckTyped asks nobody: it refuses what was typed, and lets pass what only a discovery could refuse. Check, without
// one, refuses all.
func TestCheckTyped(t *testing.T) {
	p, err := effect.NewProtected(effect.ProtectedConfig{
		Networks: []string{"198.51.100.0/24"}, Hosts: []string{"dc01"}, Agents: []string{"007"}, Gateways: []string{"192.0.2.1"},
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	block := func(target string) soar.Action {
		return soar.Action{Kind: soar.BlockAddress, System: "pfsense", Target: target}
	}
	onAgent := func(id, name, address string) soar.Action {
		return soar.Action{Kind: soar.BlockAddress, System: "wazuh", Target: "203.0.113.66", On: id, OnName: name, Address: address}
	}
	patch := func(host string) soar.Action { return soar.Action{Kind: soar.Patch, System: "ansible", Target: host} }
	for name, tt := range map[string]struct {
		action soar.Action
		want   string
	}{
		"an attacker":                     {block("203.0.113.66"), ""},
		"a network that was typed":        {block("198.51.100.7"), "198.51.100.7 is protected: configured"},
		"an IPv4 address inside IPv6":     {block("64:ff9b::c633:6407"), "protected: configured"},
		"a gateway that was typed":        {block("192.0.2.1"), "gateway"},
		"loopback":                        {block("127.0.0.1"), "loopback"},
		"no address":                      {block("everywhere"), "no address"},
		"another spelling of one":         {block("203.0.113.66 "), "normal form"},
		"an agent":                        {onAgent("004", "shop-01", "192.0.2.20"), ""},
		"an agent that was typed":         {onAgent("007", "shop-01", ""), "agent 007 is protected"},
		"the manager":                     {onAgent("000", "wazuh", ""), "the Wazuh manager"},
		"an agent on a protected host":    {onAgent("004", "DC01.example.org", ""), "DC01.example.org is protected"},
		"an agent on a protected address": {onAgent("004", "shop-01", "198.51.100.9"), "198.51.100.9 is protected"},
		"a host":                          {patch("shop-01"), ""},
		"a host that was typed":           {patch("dc01"), "dc01 is protected"},
		"every host":                      {patch("all"), "names no single one"},
	} {
		t.Run(name, func(t *testing.T) {
			err := p.CheckTyped(tt.action)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if p.Check(tt.action) == nil {
				t.Error("Check admits it without a discovery")
			}
		})
	}
}
