package effect

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Surroundings are where discovery looks. Root is "" on a real machine.
type Surroundings struct {
	Root string // folder that holds proc/ and etc/; "" is /
	// Systems are the addresses (URL, host:port or host) of every configured system and of Temporal, by name.
	Systems map[string]string
	// Lookup resolves a host's name.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Interfaces lists this machine's own addresses.
	Interfaces func() ([]net.Addr, error)
}

// Discover looks around and replaces what was discovered before: default gateways, name servers, this machine's own
// addresses and those of the configured systems. A part that can't be looked up is an error, the old list stays, and
// it ages. Call it at start and at least hourly.
func (p *Protected) Discover(ctx context.Context, s Surroundings) error {
	var list []network
	add := func(addresses []netip.Addr, why string) {
		for _, a := range addresses {
			a = a.Unmap().WithZone("")
			list = append(list, network{netip.PrefixFrom(a, a.BitLen()), why})
		}
	}
	gateways, err := s.gateways()
	add(gateways, "default gateway")
	servers, err2 := s.nameServers()
	add(servers, "name server")
	own, err3 := s.ownAddresses()
	add(own, "this machine")
	errs := []error{err, err2, err3}
	for name, address := range s.Systems {
		found, err := s.lookup(ctx, address)
		add(found, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed = errors.Join(errs...); p.failed != nil {
		return fmt.Errorf("discover protected assets: %w", p.failed)
	}
	p.discovered, p.at = list, p.now()
	return nil
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
		lines = append(lines, n.prefix.String()+": "+n.why)
	}
	for name, why := range p.names {
		lines = append(lines, name+": "+why)
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// gateways reads the kernel's routing tables; a system without /proc has none to read.
func (s Surroundings) gateways() (found []netip.Addr, err error) {
	err = s.lines("proc/net/route", func(line string) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			return
		}
		if raw, err := hex.DecodeString(f[2]); err == nil && len(raw) == 4 && f[2] != "00000000" {
			slices.Reverse(raw) // written in the machine's order: little-endian on all that we build for
			found = append(found, netip.AddrFrom4([4]byte(raw)))
		}
	})
	err6 := s.lines("proc/net/ipv6_route", func(line string) {
		f := strings.Fields(line)
		if len(f) < 5 || f[1] != "00" {
			return
		}
		if raw, err := hex.DecodeString(f[4]); err == nil && len(raw) == 16 {
			if a := netip.AddrFrom16([16]byte(raw)); !a.IsUnspecified() {
				found = append(found, a)
			}
		}
	})
	return found, errors.Join(err, err6)
}

func (s Surroundings) nameServers() (found []netip.Addr, err error) {
	err = s.lines("etc/resolv.conf", func(line string) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			return
		}
		if a, err := netip.ParseAddr(f[1]); err == nil {
			found = append(found, a)
		}
	})
	return found, err
}

// lines calls do for each line of a file; one that is not there has none.
func (s Surroundings) lines(name string, do func(line string)) error {
	file, err := os.Open(filepath.Join("/", s.Root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		do(scanner.Text())
	}
	return scanner.Err()
}

func (s Surroundings) ownAddresses() (found []netip.Addr, err error) {
	addresses, err := s.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("own addresses: %w", err)
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			found = append(found, prefix.Addr())
		}
	}
	return found, nil
}

// lookup returns the addresses of a system that is named by URL, host:port or host.
func (s Surroundings) lookup(ctx context.Context, address string) ([]netip.Addr, error) {
	host := hostOf(address)
	if host == "" {
		return nil, fmt.Errorf("no host in %q", address)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	found, err := s.Lookup(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", host, err)
	}
	return found, nil
}

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Hostname()
	}
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// Here are the surroundings of this machine.
func Here(systems map[string]string) Surroundings {
	lookup := func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	return Surroundings{Systems: systems, Lookup: lookup, Interfaces: net.InterfaceAddrs}
}
