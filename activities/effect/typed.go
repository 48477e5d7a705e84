package effect

import (
	"net/netip"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// CheckTyped is Check by what was typed alone: without a discovery, and without looking a name up. What it lets pass may
// be protected all the same, so it admits nothing: it is for telling people beforehand.
func (p *Protected) CheckTyped(action soar.Action) error {
	if err := p.checkForm(action); err != nil {
		return err
	}
	host := action.OnName
	for _, text := range []string{action.Target, action.Address} {
		address, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		if err := p.checkAddress(address); err != nil {
			return err
		}
	}
	if _, err := netip.ParseAddr(action.Target); err != nil {
		host = action.Target
	}
	if err := p.checkAgent(action); err != nil || host == "" {
		return err
	}
	return p.checkName(host)
}
