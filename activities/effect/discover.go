package effect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Surroundings are where discovery looks. Root is "" on a real machine.
type Surroundings struct {
	Root string // folder that holds proc/, etc/ and run/; "" is /
	// Systems are the addresses (URL, host:port or host) of every configured system and of Temporal, by name.
	Systems map[string]string
	// Lookup resolves a host's name.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// LookupServers names the hosts that serve a domain's directory; none is no error.
	LookupServers func(ctx context.Context, domain string) ([]string, error)
	// Interfaces lists this machine's own addresses.
	Interfaces func() ([]net.Addr, error)
}

// found is what one part of a discovery adds.
type found struct {
	addresses []netip.Addr
	why       string
}

// Discover looks around and replaces what was discovered before: default gateways, name servers, this machine's own
// addresses, whom it has opened a connection to, the directory servers of its domains, the addresses of the hosts that
// were typed and those of the configured systems. A part that can't be looked up is an error, the old list stays, and
// it ages. Call it at start and at least hourly, and every minute while it fails.
func (p *Protected) Discover(ctx context.Context, s Surroundings) error {
	var list []network
	parts, err := s.all(ctx, p)
	for _, part := range parts {
		for _, a := range part.addresses {
			a = a.Unmap().WithZone("")
			list = append(list, network{netip.PrefixFrom(a, a.BitLen()), part.why})
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookup = s.Lookup
	if p.failed = err; err != nil {
		return fmt.Errorf("discover protected assets: %w", err)
	}
	p.discovered, p.at = list, p.now()
	return nil
}

// all looks everywhere, whatever fails.
func (s Surroundings) all(ctx context.Context, p *Protected) (parts []found, err error) {
	var errs []error
	look := func(why string, addresses []netip.Addr, err error) {
		parts, errs = append(parts, found{addresses, why}), append(errs, err)
	}
	gateways, err := s.gateways()
	look("default gateway", gateways, p.shown(err))
	peers, err := s.peers()
	look("this machine is connected to it", peers, p.shown(err))
	servers, domains, err := s.resolvers()
	look("name server", servers, p.shown(err))
	for _, domain := range domains {
		directory, err := s.directory(ctx, domain)
		look("directory server of "+domain, directory, err)
	}
	own, err := s.ownAddresses()
	look("this machine", own, err)
	for name, address := range s.Systems {
		reached, err := s.lookup(ctx, address)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
		look(name, reached, err)
	}
	for _, host := range p.hosts {
		typed, err := s.Lookup(ctx, host)
		if unknownName(err) { // a name that no name server has is compared as a name alone
			err = nil
		}
		look(host+", configured", typed, err)
	}
	return parts, errors.Join(errs...)
}

// shown forgives what the machine does not show, where an operator typed it.
func (p *Protected) shown(err error) error {
	if p.byHand {
		return optional(err)
	}
	return err
}

// directory returns the addresses of a domain's directory servers.
func (s Surroundings) directory(ctx context.Context, domain string) (addresses []netip.Addr, err error) {
	if s.LookupServers == nil {
		return nil, nil
	}
	hosts, err := s.LookupServers(ctx, domain)
	if err != nil {
		return nil, fmt.Errorf("look up the directory servers of %s: %w", domain, err)
	}
	for _, host := range hosts {
		found, err := s.lookup(ctx, host)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, found...)
	}
	return addresses, nil
}

// unknownName reports whether the name servers say that there is no such name: an answer, and no failure to look.
func unknownName(err error) bool {
	missing, ok := errors.AsType[*net.DNSError](err)
	return ok && missing.IsNotFound
}

// fresh returns why the last whole discovery does not count: there was none, or it is too old. It names what can't be
// looked up, since an asset whose address nobody knows can't be protected.
func (p *Protected) fresh() error {
	if !p.at.IsZero() && p.now().Sub(p.at) <= maxAge {
		return nil
	}
	since := "was never discovered"
	if !p.at.IsZero() {
		since = "was last discovered at " + p.at.UTC().Format(time.RFC3339) + ", over 24 hours ago"
	}
	if p.failed == nil {
		return errors.New("what is protected " + since)
	}
	return fmt.Errorf("what is protected %s, so nothing may be touched: %w (mend the name server or the address in the config; it is tried again every minute)", since, p.failed)
}

// List tells what is protected and why, one line each, for `sallyport check`.
func (p *Protected) List() (lines []string) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, n := range append(slices.Clone(p.typed), p.discovered...) {
		text := n.prefix.String()
		if n.prefix.IsSingleIP() {
			text = n.prefix.Addr().String()
		}
		lines = append(lines, text+" ("+n.why+")")
	}
	for name, why := range p.names {
		lines = append(lines, name+" ("+why+")")
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// Here are the surroundings of this machine.
func Here(systems map[string]string) Surroundings {
	lookup := func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	return Surroundings{Systems: systems, Lookup: lookup, LookupServers: lookupServers, Interfaces: net.InterfaceAddrs}
}

// lookupServers asks for the service records that every directory of Active Directory's, FreeIPA's or Samba's kind has.
func lookupServers(ctx context.Context, domain string) (hosts []string, err error) {
	for _, service := range []string{"ldap", "kerberos"} {
		_, records, err := net.DefaultResolver.LookupSRV(ctx, service, "tcp", domain)
		if err != nil && !unknownName(err) {
			return nil, err
		}
		for _, record := range records {
			hosts = append(hosts, strings.TrimSuffix(record.Target, "."))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts), nil
}
