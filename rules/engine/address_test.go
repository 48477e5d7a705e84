package engine

import (
	"net/netip"
	"testing"
)

// FuzzAddress holds our reading of addresses against netip's.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{
		"10.1.2.3", "010.1.2.3", "256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.", "", ":", "::", "::1", "1::", "fe80::1%eth0", "fe80::1%", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
		"1:2:3:4:5:6:7:8:9", "::ffff:10.0.0.1", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4", "1::2::3", "12345::", "1:2:3:4:5:6:7:", ":1::2", "::g", "2001:DB8::8A2e:0370:7334",
		"1:2:3:4::5:6:7:8", "::1.2.3", "::1.2.3.4:5", "1.2.3.4%eth0", "1.2.3.1000",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := netip.ParseAddr(text)
		got, ok := address([]byte(text))
		if ok != (err == nil) || ok && got != want.WithZone("").Unmap() {
			t.Errorf("%q: %v %v, want %v %v", text, got, ok, want, err)
		}
	})
}
