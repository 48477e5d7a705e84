package response

import "net/netip"

// Networks of addresses that carry an IPv4 address inside, and the first byte of it: NAT64 (RFC 6052), 6to4 (RFC 3056),
// IPv4-compatible (RFC 4291).
var carriers = map[netip.Prefix]int{
	netip.MustParsePrefix("64:ff9b::/96"): 12, netip.MustParsePrefix("2002::/16"): 2, netip.MustParsePrefix("::/96"): 12,
}

// Networks beside loopback, multicast and link-local in which no single host can be blocked.
var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")          // RFC 1122
	broadcast   = netip.MustParsePrefix("255.255.255.255/32") // RFC 919
)

// special reports whether address is no single host's.
func special(address netip.Addr) bool {
	return address.IsLoopback() || address.IsUnspecified() || address.IsMulticast() || address.IsLinkLocalUnicast() ||
		thisNetwork.Contains(address) || broadcast.Contains(address)
}

// forms are the address, and the one inside it.
func forms(address netip.Addr) []netip.Addr {
	all := []netip.Addr{address}
	raw := address.As16()
	for network, first := range carriers {
		if network.Contains(address) {
			all = append(all, netip.AddrFrom4([4]byte(raw[first:first+4])))
		}
	}
	return all
}
