package engine

import (
	"bytes"
	"net/netip"
)

// address reads an address as netip.ParseAddr does, without a string that would be an allocation for each value. The zone
// of an address does not count.
func address(text []byte) (at netip.Addr, ok bool) {
	if bytes.IndexByte(text, ':') < 0 {
		four, ok := address4(text)
		return netip.AddrFrom4(four), ok
	}
	if zone := bytes.IndexByte(text, '%'); zone >= 0 {
		if zone == len(text)-1 {
			return at, false
		}
		text = text[:zone]
	}
	sixteen, ok := address16(text)
	return netip.AddrFrom16(sixteen).Unmap(), ok
}

// parseNetwork reads a network, or an address as the network of it alone. One of IPv4 addresses written as IPv6
// (::ffff:10.0.0.0/104) is one of IPv4, as address reads them.
func parseNetwork(text string) (network netip.Prefix, ok bool) {
	network, err := netip.ParsePrefix(text)
	if alone, wrong := netip.ParseAddr(text); wrong == nil && alone.Zone() == "" {
		network, err = netip.PrefixFrom(alone, alone.BitLen()), nil
	}
	if err != nil || network != network.Masked() {
		return network, false
	}
	if network.Addr().Is4In6() {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network, true
}

// address4 reads four numbers with dots between them.
func address4(text []byte) (at [4]byte, ok bool) {
	for i := range at {
		n, digits := 0, 0
		for len(text) > digits && text[digits] >= '0' && text[digits] <= '9' && digits < 4 {
			n = 10*n + int(text[digits]-'0')
			digits++
		}
		if digits == 0 || n > 255 || digits > 1 && text[0] == '0' {
			return at, false
		}
		at[i], text = byte(n), text[digits:]
		if i < 3 {
			if len(text) == 0 || text[0] != '.' {
				return at, false
			}
			text = text[1:]
		}
	}
	return at, len(text) == 0
}

// address16 reads groups of four digits, of which one row of zeros may be left out, and four bytes may end in dots.
func address16(text []byte) (at [16]byte, ok bool) {
	n, gap := 0, -1
	if bytes.HasPrefix(text, []byte("::")) {
		gap, text = 0, text[2:]
	}
	for len(text) > 0 && n < 16 {
		group, digits := 0, 0
		for digits < len(text) && digits < 5 && hexDigits[text[digits]] >= 0 {
			group = group<<4 | int(hexDigits[text[digits]])
			digits++
		}
		if digits < len(text) && text[digits] == '.' {
			four, ok := address4(text)
			if !ok || n > 12 || gap < 0 && n != 12 {
				return at, false
			}
			n, text = n+copy(at[n:], four[:]), nil
			break
		}
		if digits == 0 || digits > 4 {
			return at, false
		}
		at[n], at[n+1] = byte(group>>8), byte(group)
		n, text = n+2, text[digits:]
		if len(text) == 0 {
			break
		}
		if text[0] != ':' || len(text) == 1 {
			return at, false
		}
		if text = text[1:]; text[0] == ':' {
			if gap >= 0 {
				return at, false
			}
			gap, text = n, text[1:]
		}
	}
	return spread16(at, n, gap, len(text) == 0)
}

// spread16 puts the zeros that were left out where they belong.
func spread16(at [16]byte, n, gap int, whole bool) ([16]byte, bool) {
	if !whole || n < 16 == (gap < 0) {
		return at, false
	}
	if gap >= 0 {
		var made [16]byte
		copy(made[:], at[:gap])
		copy(made[16-(n-gap):], at[gap:n])
		at = made
	}
	return at, true
}
