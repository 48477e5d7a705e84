package cortex

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// dataTypes are Cortex's names for what may be asked about. Hosts and accounts are our own: nobody outside is asked.
var dataTypes = map[string]string{"ip": "ip", "domain": "domain", "url": "url", "hash": "hash", "mail": "mail"}

// askable reports whether an observable may leave the house.
func askable(o soar.Observable) bool { return dataTypes[o.Type] != "" && o.Value != "" && !internal(o) }

// internal reports whether an observable names something of ours: addresses that no registry routes, names without a
// public suffix, and links to either.
func internal(o soar.Observable) bool {
	host := o.Value
	switch o.Type {
	case "hash":
		return false
	case "url":
		link, err := url.Parse(o.Value)
		if err != nil || link.User != nil { // a link with a password in it stays here
			return true
		}
		host = link.Hostname()
	case "mail":
		_, host, _ = strings.Cut(o.Value, "@")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return !ip.IsGlobalUnicast() || ip.IsPrivate() || carrierNAT.Contains(ip)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, suffix := range []string{".local", ".lan", ".internal", ".home.arpa", ".localdomain", ".localhost"} {
		if strings.HasSuffix(host, suffix) {
			return true
		}
	}
	return o.Type == "ip" || !strings.Contains(host, ".") // an ip that is none, a bare host name
}

// carrierNAT are the addresses behind a provider's own translation (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")
