package response

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
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
	Proc string // "/proc"
}

// Protected is for Program: the agent's own addresses, its default gateways, and its Wazuh managers.
func (h Host) Protected(ctx context.Context, target netip.Addr) string {
	switch {
	case slices.Contains(ownAddresses(), target):
		return RefusedOwn
	case slices.Contains(h.gateways(), target):
		return RefusedGateway
	case slices.Contains(h.managers(ctx), target):
		return RefusedManager
	}
	return ""
}

func ownAddresses() (own []netip.Addr) {
	addresses, _ := net.InterfaceAddrs() // none on an error: the other looks remain
	for _, a := range addresses {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, prefix.Addr().WithZone("").Unmap())
		}
	}
	return own
}

func (h Host) gateways() (all []netip.Addr) {
	for _, fields := range table(filepath.Join(h.Proc, "net/route")) {
		if len(fields) > 2 && fields[1] == "00000000" { // destination, gateway: hex in the host's byte order
			if raw, err := hex.DecodeString(fields[2]); err == nil && len(raw) == 4 {
				all = append(all, netip.AddrFrom4([4]byte(binary.NativeEndian.AppendUint32(nil, binary.BigEndian.Uint32(raw)))))
			}
		}
	}
	for _, fields := range table(filepath.Join(h.Proc, "net/ipv6_route")) {
		if len(fields) > 4 && fields[1] == "00" { // destination, its length, source, its length, next hop
			if raw, err := hex.DecodeString(fields[4]); err == nil && len(raw) == 16 {
				all = append(all, netip.AddrFrom16([16]byte(raw)))
			}
		}
	}
	return slices.DeleteFunc(all, netip.Addr.IsUnspecified)
}

func table(path string) (rows [][]string) {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		rows = append(rows, strings.Fields(lines.Text()))
	}
	return rows
}

var serverAddress = regexp.MustCompile(`<address>\s*([^<\s]+)\s*</address>`)

// managers are the servers of ossec.conf; a name is looked up for at most two seconds.
func (h Host) managers(ctx context.Context) (all []netip.Addr) {
	text, err := os.ReadFile(filepath.Join(h.Home, "etc/ossec.conf"))
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, found := range serverAddress.FindAllSubmatch(text, 16) {
		name := string(found[1])
		if address, err := netip.ParseAddr(name); err == nil {
			all = append(all, address.Unmap())
			continue
		}
		addresses, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		for _, address := range addresses {
			all = append(all, address.Unmap())
		}
	}
	return all
}
