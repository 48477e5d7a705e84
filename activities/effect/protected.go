package effect

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// maxAge is how old a discovery may be; an older one denies everything.
const maxAge = 24 * time.Hour

// ProtectedConfig is what an operator adds to what is discovered.
type ProtectedConfig struct {
	Networks []string `yaml:"networks,omitempty" doc:"addresses and networks that are never touched automatically" example:"192.0.2.10, 10.20.0.0/24"`
	Hosts    []string `yaml:"hosts,omitempty" doc:"names of hosts that are never touched automatically" example:"dc01, dns01.example.org"`
	Accounts []string `yaml:"accounts,omitempty" doc:"names of accounts that are never touched automatically" example:"administrator, svc-backup"`
	Agents   []string `yaml:"agents,omitempty" doc:"ids or names of Wazuh agents on which nothing is done automatically; 000, the manager, is always one" example:"003"`
	Gateways []string `yaml:"gateways,omitempty" doc:"default gateways and name servers, where the worker does not see them: outside Linux, or in a container" example:"192.0.2.1"`
}

// Validate says which networks can't be read.
func (c ProtectedConfig) Validate() (faults config.Faults) {
	for field, list := range map[string][]string{"networks": c.Networks, "gateways": c.Gateways} {
		for i, text := range list {
			if _, err := parseNetwork(text); err != nil {
				faults = append(faults, config.Fault{Field: fmt.Sprintf("%s[%d]", field, i), Problem: err.Error(), Mend: "write an address or a network such as 10.20.0.0/24"})
			}
		}
	}
	return faults
}

// Protected are the assets that are never touched automatically, nor by Slack: those that were typed, and those that
// were discovered (Discover). It is safe for concurrent use.
type Protected struct {
	names  map[string]string // host, account or "agent " and its id or name, normalised, to why
	hosts  []string          // typed, to be looked up
	typed  []network
	byHand bool // gateways and name servers were typed
	now    func() time.Time

	mu         sync.RWMutex
	lookup     func(ctx context.Context, host string) ([]netip.Addr, error)
	discovered []network
	at         time.Time // of the last whole discovery
	failed     error     // of the last discovery; nil when it was whole
}

// network is a network and why it is protected.
type network struct {
	prefix netip.Prefix
	why    string
}

// NewProtected returns the typed assets; until the first whole discovery it denies everything. c must be valid.
func NewProtected(c ProtectedConfig, now func() time.Time) (*Protected, error) {
	p := &Protected{names: map[string]string{"agent 000": "the Wazuh manager"}, now: now, typed: alwaysProtected(), hosts: c.Hosts, byHand: len(c.Gateways) > 0}
	for why, list := range map[string][]string{"configured": c.Networks, "gateway or name server, configured": c.Gateways} {
		for _, text := range list {
			prefix, err := parseNetwork(text)
			if err != nil {
				return nil, fmt.Errorf("protected: %w", err)
			}
			p.typed = append(p.typed, network{prefix, why})
		}
	}
	for _, name := range append(append([]string{}, c.Hosts...), c.Accounts...) {
		p.names[normalName(name)] = "configured"
	}
	for _, id := range c.Agents {
		p.names["agent "+normalName(id)] = "configured"
	}
	return p, nil
}

// alwaysProtected are networks in which no attacker that can be blocked has an address.
func alwaysProtected() (list []network) {
	for text, why := range map[string]string{
		"0.0.0.0/8": "this network", "127.0.0.0/8": "loopback", "169.254.0.0/16": "link-local", "224.0.0.0/4": "multicast", "255.255.255.255/32": "broadcast",
		"::/128": "unspecified", "::1/128": "loopback", "fe80::/10": "link-local", "ff00::/8": "multicast",
	} {
		list = append(list, network{netip.MustParsePrefix(text), why})
	}
	return list
}

// Check returns why an action may not touch its target, nor the host that it runs on: each by its name, by the address
// that was observed, and by the addresses that its name has. What can't be read or looked up, and a list that was never
// discovered or is older than 24 hours, says no.
func (p *Protected) Check(action soar.Action) error {
	if err := p.checkForm(action); err != nil {
		return err
	}
	p.mu.RLock()
	stale, lookup := p.fresh(), p.lookup
	p.mu.RUnlock()
	if stale != nil {
		return stale
	}
	host := action.OnName
	if address, err := netip.ParseAddr(action.Target); err == nil {
		if err := p.checkAddress(address); err != nil {
			return err
		}
	} else {
		host = action.Target
	}
	if err := p.checkAgent(action); err != nil || host == "" && action.On == "" { // at the perimeter there is no host
		return err
	}
	return p.checkHost(lookup, host, action.Address)
}

// lookupWithin bounds one look-up of a host's name.
const lookupWithin = 5 * time.Second

// checkHost refuses a host of ours that is protected. A name that no name server knows is enough where the host's
// address was observed.
func (p *Protected) checkHost(lookup func(context.Context, string) ([]netip.Addr, error), host, observed string) error {
	if err := p.checkName(host); err != nil {
		return err
	}
	switch {
	case host == "" && observed == "":
		return errors.New("neither name nor address is known of the host: whether it is protected is not known")
	case observed != "":
		address, err := netip.ParseAddr(observed)
		if err != nil {
			return fmt.Errorf("the address of %s can't be read", host)
		}
		if err := p.checkAddress(address); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
	}
	if host == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupWithin)
	defer cancel()
	addresses, err := lookup(ctx, host)
	if err != nil && (observed == "" || !unknownName(err)) {
		return fmt.Errorf("whether %s is protected is not known: its name can't be looked up", host)
	}
	for _, address := range addresses {
		if err := p.checkAddress(address); err != nil {
			return fmt.Errorf("%s: %w", host, err)
		}
	}
	return nil
}

// checkAgent compares a Wazuh agent by its id and by its name.
func (p *Protected) checkAgent(action soar.Action) error {
	for _, known := range []string{action.On, action.OnName} {
		if why, ok := p.names["agent "+normalName(known)]; ok && known != "" {
			return fmt.Errorf("agent %s is protected: %s", known, why)
		}
	}
	return nil
}

// checkForm refuses a target that is not written in its normal form: what is compared must be what is carried out.
func (p *Protected) checkForm(action soar.Action) error {
	normal, err := soar.NormalTarget(action.Kind, action.Target)
	if err != nil {
		return err
	}
	if normal != action.Target {
		return fmt.Errorf("target %q is not in its normal form %q", action.Target, normal)
	}
	return nil
}

func (p *Protected) checkAddress(address netip.Addr) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, form := range embedded(address) {
		for _, list := range [][]network{p.typed, p.discovered} {
			for _, n := range list {
				if n.prefix.Contains(form) {
					return fmt.Errorf("%s is protected: %s", address, n.why)
				}
			}
		}
	}
	return nil
}

// checkName compares a host or account by its whole name and by its first label: dc01 protects dc01.example.org.
func (p *Protected) checkName(given string) error {
	name := normalName(given)
	short, _, _ := strings.Cut(name, ".")
	for protected, why := range p.names {
		label, _, _ := strings.Cut(protected, ".")
		if name != "" && (protected == name || protected == short || label == name) {
			return fmt.Errorf("%s is protected: %s", given, why)
		}
	}
	return nil
}

func normalName(name string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".")
}

// embedded are the address and, where it carries one, the IPv4 address inside (NAT64, 6to4, IPv4-compatible).
func embedded(address netip.Addr) []netip.Addr {
	address = address.Unmap()
	forms := []netip.Addr{address}
	if address.Is4() {
		return forms
	}
	raw := address.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(address), netip.MustParsePrefix("::/96").Contains(address):
		forms = append(forms, netip.AddrFrom4([4]byte(raw[12:])))
	case netip.MustParsePrefix("2002::/16").Contains(address):
		forms = append(forms, netip.AddrFrom4([4]byte(raw[2:6])))
	}
	return forms
}

func parseNetwork(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if address, err := netip.ParseAddr(text); err == nil {
		address = address.Unmap().WithZone("")
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("%q is no address or network", text)
	}
	return prefix.Masked(), nil
}
