package effect_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// A machine as the kernel shows it: its gateways, what it serves, and whom it talks to.
var machine = map[string]string{
	"proc/net/route":      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t017200CB\t0003\t0\t0\t0\t00000000\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n",
	"proc/net/ipv6_route": "00000000000000000000000000000000 00 00000000000000000000000000000000 00 20010db8000000000000000000000001 00000400 00000000 00000000 00000003 eth0\n",
	"proc/net/tcp": "  sl  local_address rem_address   st\n" +
		"   0: 00000000:0016 00000000:0000 0A\n" + // ssh is served
		"   1: 4D0200C0:0016 097100CB:C001 01\n" + // an attacker speaks to it
		"   2: 4D0200C0:C002 0A7100CB:0185 01\n" + // we speak to a directory
		"   3: 4D0200C0:C003 0B7100CB:01BB 06\n", // and spoke to somebody
	"proc/net/tcp6":                   "  sl  local_address rem_address st\n   0: 00000000000000000000000001000000:C005 B80D01200000000000000000AD0B0000:0185 01\n",
	"etc/resolv.conf":                 "# stub\nnameserver 127.0.0.53\nsearch corp.example\n",
	"run/systemd/resolve/resolv.conf": "nameserver 198.51.100.53\nnameserver fe80::1%eth0\nsearch corp.example .\n",
}

func TestDiscoveryFindsWhatThisMachineNeeds(t *testing.T) {
	w := newWorld(t)
	s := surroundings(t, gateway)
	write(t, s.Root, machine)
	s.LookupServers = func(_ context.Context, domain string) ([]string, error) {
		if domain != "corp.example" {
			return nil, errors.New("not asked for")
		}
		return []string{"ns.corp.example"}, nil
	}
	p, err := effect.NewProtected(effect.ProtectedConfig{Hosts: []string{"web-01", "dc01"}}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	discover(t, p, s)
	for address, why := range map[string]string{
		"203.0.114.1": "default gateway", "2001:db8::1": "default gateway", "203.0.113.10": "connected", "2001:db8::bad": "connected",
		"198.51.100.53": "name server", "192.0.2.10": "directory server of corp.example", "2001:db8::10": "directory server",
		"192.0.2.99": "web-01", "192.0.2.77": "this machine", gateway: "pfsense",
	} {
		if err := p.Check(w.block("i1-1-0", address).Action); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want protected as %q", address, err, why)
		}
		if !strings.Contains(strings.Join(p.List(), "\n"), address+" (") {
			t.Errorf("%s is not listed", address)
		}
	}
	for _, address := range []string{"203.0.113.9", "203.0.113.11"} { // whoever says hello to us, and whom we left
		if err := p.Check(w.block("i1-1-0", address).Action); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestHalfADiscoveryIsNone(t *testing.T) {
	tests := map[string]func(s *effect.Surroundings){
		"routes that are not shown":            func(s *effect.Surroundings) { remove(t, s, "proc/net/route") },
		"connections that are not shown":       func(s *effect.Surroundings) { remove(t, s, "proc/net/tcp") },
		"no resolv.conf":                       func(s *effect.Surroundings) { remove(t, s, "etc/resolv.conf") },
		"a stub whose servers are not shown":   func(s *effect.Surroundings) { remove(t, s, "run/systemd/resolve/resolv.conf") },
		"a directory that can't be looked up":  func(s *effect.Surroundings) { s.LookupServers = noServers },
		"a system that can't be looked up":     func(s *effect.Surroundings) { s.Systems["misp"] = "https://slow-01" },
		"a typed host that can't be looked up": func(*effect.Surroundings) {},
		"no own addresses":                     func(s *effect.Surroundings) { s.Interfaces = func() ([]net.Addr, error) { return nil, errCut } },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := surroundings(t, gateway)
			write(t, s.Root, machine)
			typed := effect.ProtectedConfig{}
			if name == "a typed host that can't be looked up" {
				typed.Hosts = []string{"slow-01"}
			}
			spoil(&s)
			p, err := effect.NewProtected(typed, w.now)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Discover(t.Context(), s); err == nil {
				t.Error("half a discovery counts as a whole one")
			}
			if p.Check(w.block("i1-1-0", attacker).Action) == nil {
				t.Error("and it permits")
			}
		})
	}
}

// Outside Linux, or in a container, an operator types what the machine does not show.
func TestTypedGatewaysAreEnough(t *testing.T) {
	w := newWorld(t)
	s := surroundings(t, gateway)
	s.Root = t.TempDir()
	p, err := effect.NewProtected(effect.ProtectedConfig{Gateways: []string{"198.51.100.1"}}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	discover(t, p, s)
	if p.Check(w.block("i1-1-0", "198.51.100.1").Action) == nil {
		t.Error("the typed gateway may be blocked")
	}
	if err := p.Check(w.block("i1-1-0", attacker).Action); err != nil {
		t.Error(err)
	}
}

// A host of ours is compared by its name, by the address that was observed and by those that its name has.
func TestHostsAreProtectedByNameAndAddress(t *testing.T) {
	w := newWorld(t)
	p := w.protect(effect.ProtectedConfig{Networks: []string{"192.0.2.10"}, Hosts: []string{"dc01"}, Agents: []string{"mail-01"}})
	patch := func(host, address string) soar.Action {
		return soar.Action{ID: "1", Kind: soar.Patch, System: "ansible", Target: host, Address: address}
	}
	block := func(agent, name, address string) soar.Action {
		return soar.Action{ID: "1", Kind: soar.BlockAddress, System: "wazuh", Target: attacker, On: agent, OnName: name, Address: address}
	}
	for name, test := range map[string]struct {
		action soar.Action
		want   string
	}{
		"a name with a protected address":            {patch("opensearch-01", ""), "192.0.2.10"},
		"whatever address was observed":              {patch("opensearch-01", "192.0.2.200"), "192.0.2.10"},
		"a protected address under another name":     {patch("shop-01", "192.0.2.10"), "192.0.2.10"},
		"a name that nobody knows, without address":  {patch("shop-01", ""), "can't be looked up"},
		"a look-up that fails":                       {patch("slow-01", "192.0.2.200"), "can't be looked up"},
		"an unreadable address":                      {patch("shop-01", "any"), "can't be read"},
		"an unprotected host":                        {patch("web-01", ""), ""},
		"an observed host that no name server knows": {patch("shop-01", "192.0.2.200"), ""},
		"an agent's host by name":                    {block("007", "dc01.corp.example", "192.0.2.200"), "dc01"},
		"an agent's host by observed address":        {block("007", "shop-01", "192.0.2.10"), "192.0.2.10"},
		"an agent's host by looked-up address":       {block("007", "opensearch-01", "192.0.2.200"), "192.0.2.10"},
		"an agent by name":                           {block("007", "mail-01", "192.0.2.200"), "mail-01"},
		"an agent of which nothing is known":         {block("007", "", ""), "not known"},
		"an agent that may be touched":               {block("007", "shop-01", "192.0.2.200"), ""},
		"an agent known by address alone":            {block("007", "", "192.0.2.200"), ""},
	} {
		err := p.Check(test.action)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func noServers(context.Context, string) ([]string, error) { return nil, errCut }

func remove(t *testing.T, s *effect.Surroundings, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(s.Root, name)); err != nil {
		t.Fatal(err)
	}
}
