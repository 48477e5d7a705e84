package response

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
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Host knows the addresses that the agent can't do without, each time from the host itself.
type Host struct {
	Home string // Wazuh's folder, "/var/ossec"
	Root string // of the host's own files, "/"
	Proc string // "/proc"
}

// Protected is for Program: the agent's own addresses, its default gateways, its resolvers and its Wazuh managers. What
// can't be looked up is an error, and then nothing is blocked: an unread list of what must stay is no empty one.
func (h Host) Protected(ctx context.Context, target netip.Addr) (refused string, err error) {
	for _, look := range []struct {
		word string
		up   func(context.Context) ([]netip.Addr, error)
	}{{RefusedOwn, ownAddresses}, {RefusedGateway, h.gateways}, {RefusedResolver, h.resolvers}, {RefusedManager, h.managers}} {
		found, err := look.up(ctx)
		if err != nil {
			return "", err
		}
		if slices.Contains(found, target) {
			return look.word, nil
		}
	}
	return "", nil
}

func ownAddresses(context.Context) (own []netip.Addr, err error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("own addresses: %w", err)
	}
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr().WithZone("").Unmap())
		}
	}
	return own, nil
}

func (h Host) gateways(context.Context) (all []netip.Addr, err error) {
	routes, err := table(filepath.Join(h.Proc, "net/route"))
	if err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	for _, fields := range routes {
		if len(fields) > 2 && fields[1] == "00000000" { // destination, gateway: hex in the host's byte order
			if raw, err := hex.DecodeString(fields[2]); err == nil && len(raw) == 4 {
				all = append(all, netip.AddrFrom4([4]byte(binary.NativeEndian.AppendUint32(nil, binary.BigEndian.Uint32(raw)))))
			}
		}
	}
	routes, err = table(filepath.Join(h.Proc, "net/ipv6_route"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6 has no such file
		return nil, fmt.Errorf("routes: %w", err)
	}
	for _, fields := range routes {
		if len(fields) > 4 && fields[1] == "00" { // destination, its length, source, its length, next hop
			if raw, err := hex.DecodeString(fields[4]); err == nil && len(raw) == 16 {
				all = append(all, netip.AddrFrom16([16]byte(raw)))
			}
		}
	}
	return slices.DeleteFunc(all, netip.Addr.IsUnspecified), nil
}

// resolvers are the name servers, also those behind systemd-resolved's stub.
func (h Host) resolvers(context.Context) (all []netip.Addr, err error) {
	for _, name := range []string{"etc/resolv.conf", "run/systemd/resolve/resolv.conf"} {
		lines, err := table(filepath.Join(h.Root, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("resolvers: %w", err)
		}
		for _, fields := range lines {
			if len(fields) < 2 || fields[0] != "nameserver" {
				continue
			}
			if address, err := netip.ParseAddr(fields[1]); err == nil {
				all = append(all, address.WithZone("").Unmap())
			}
		}
	}
	return all, nil
}

func table(path string) (rows [][]string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		rows = append(rows, strings.Fields(lines.Text()))
	}
	return rows, lines.Err()
}

var serverAddress = regexp.MustCompile(`<address>\s*([^<\s]+)\s*</address>`)

// maxManagers bounds how many servers of ossec.conf are looked up; more of them are an error.
const maxManagers = 16

// managers are the servers of ossec.conf; their names are looked up within two seconds.
func (h Host) managers(ctx context.Context) (all []netip.Addr, err error) {
	text, err := os.ReadFile(filepath.Join(h.Home, "etc/ossec.conf"))
	if err != nil {
		return nil, fmt.Errorf("managers: %w", err)
	}
	servers := serverAddress.FindAllSubmatch(text, -1)
	if len(servers) == 0 || len(servers) > maxManagers {
		return nil, fmt.Errorf("managers: ossec.conf names %d", len(servers))
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, found := range servers {
		name := string(found[1])
		if address, err := netip.ParseAddr(name); err == nil {
			all = append(all, address.Unmap())
			continue
		}
		addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		if err != nil {
			return nil, fmt.Errorf("managers: %w", err)
		}
		for _, address := range addresses {
			all = append(all, address.Unmap())
		}
	}
	return all, nil
}
