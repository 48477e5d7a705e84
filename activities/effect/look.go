package effect

import (
	"bufio"
	"context"
	"encoding/binary"
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
	"strconv"
	"strings"
)

// errByHand is the mend where a machine does not show what is around it.
var errByHand = errors.New("type gateways and name servers under protected.gateways")

// gateways reads the kernel's routing tables. IPv6 may be switched off.
func (s Surroundings) gateways() (found []netip.Addr, err error) {
	err = s.lines("proc/net/route", func(line string) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			return
		}
		if a, ok := kernelAddress(f[2]); ok && !a.IsUnspecified() {
			found = append(found, a)
		}
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this system does not show its routes: %w: %w", err, errByHand)
	}
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
	return found, errors.Join(err, optional(err6))
}

// States of a connection, as the kernel writes them.
const (
	established = "01"
	listening   = "0A"
)

// peers are the other ends of the connections that this machine has opened. Those that others opened to it are not: an
// attacker would be protected by saying hello.
func (s Surroundings) peers() (found []netip.Addr, err error) {
	served := map[uint16]bool{}
	type connection struct {
		local  uint16
		remote netip.Addr
	}
	var open []connection
	read := func(line string) {
		f := strings.Fields(line)
		if len(f) < 4 {
			return
		}
		_, local, ok := kernelAddressPort(f[1])
		remote, _, ok2 := kernelAddressPort(f[2])
		switch {
		case !ok || !ok2:
		case f[3] == listening:
			served[local] = true
		case f[3] == established:
			open = append(open, connection{local, remote})
		}
	}
	err = s.lines("proc/net/tcp", read)
	err = errors.Join(err, optional(s.lines("proc/net/tcp6", read)))
	for _, c := range open {
		if !served[c.local] {
			found = append(found, c.remote)
		}
	}
	return found, err
}

// stubs are where systemd-resolved listens; whom it asks stands in a file of its own.
var stubs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 53}), netip.AddrFrom4([4]byte{127, 0, 0, 54})}

// resolvers are the name servers that this machine asks in the end, and the domains in which it looks names up.
func (s Surroundings) resolvers() (servers []netip.Addr, domains []string, err error) {
	read := func(line string) {
		f := strings.Fields(line)
		if len(f) < 2 {
			return
		}
		switch f[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(f[1]); err == nil {
				servers = append(servers, a)
			}
		case "search", "domain":
			domains = append(domains, f[1:]...)
		}
	}
	if err := s.lines("etc/resolv.conf", read); err != nil {
		return nil, nil, fmt.Errorf("name servers: %w: %w", err, errByHand)
	}
	if slices.ContainsFunc(servers, func(a netip.Addr) bool { return slices.Contains(stubs, a) }) {
		if err := s.lines("run/systemd/resolve/resolv.conf", read); err != nil {
			return nil, nil, fmt.Errorf("name servers behind systemd-resolved: %w: %w", err, errByHand)
		}
	}
	domains = slices.DeleteFunc(domains, func(d string) bool { return strings.Trim(d, ".") == "" })
	slices.Sort(domains)
	return servers, slices.Compact(domains), nil
}

// kernelAddress reads an address as the kernel prints it: words in the machine's order, little-endian on all that we
// build for.
func kernelAddress(text string) (netip.Addr, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw)%4 != 0 {
		return netip.Addr{}, false
	}
	for word := 0; word < len(raw); word += 4 {
		binary.BigEndian.PutUint32(raw[word:], binary.LittleEndian.Uint32(raw[word:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return a.Unmap(), ok
}

func kernelAddressPort(text string) (a netip.Addr, port uint16, ok bool) {
	address, number, _ := strings.Cut(text, ":")
	n, err := strconv.ParseUint(number, 16, 16)
	a, ok = kernelAddress(address)
	return a, uint16(n), ok && err == nil
}

// lines calls do for each line of a file.
func (s Surroundings) lines(name string, do func(line string)) error {
	file, err := os.Open(filepath.Join("/", s.Root, name))
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

// optional forgives a file that is not there.
func optional(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
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
