package wazuh

import (
	"cmp"
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// agent is a host as Wazuh knows it. A never connected one has neither OS nor version.
type agent struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	IP     string `json:"ip"`
	Status string `json:"status"` // active, disconnected, never_connected, pending
	OS     struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"os"`
	KeepAlive string `json:"lastKeepAlive"`
}

// maxAgents is how many agents are looked through: a bound, far above what Sallyport is for.
const maxAgents = 20_000

// agents lists what the API user may see. A user without rights sees nothing, and that is no error for Wazuh.
func (w *Wazuh) agents(ctx context.Context) ([]agent, error) {
	return list[agent](ctx, w.api, "/agents", url.Values{"select": {"id,name,ip,status,os.name,os.version,lastKeepAlive"}}, maxAgents)
}

// agentsOf are the agents that an asset may be: by id, else by name, else by address. Two agents may share an address
// behind NAT, so more than one means that nobody can tell.
func agentsOf(all []agent, asset soar.Asset) []agent {
	switch {
	case asset.AgentID != "":
		return pick(all, func(a agent) bool { return a.ID == asset.AgentID })
	case asset.Name != "":
		if named := pick(all, func(a agent) bool { return strings.EqualFold(a.Name, asset.Name) }); len(named) > 0 {
			return named
		}
	}
	return agentsAt(all, asset.Address)
}

func agentsAt(all []agent, address string) []agent {
	want, err := netip.ParseAddr(address)
	if err != nil {
		return nil
	}
	return pick(all, func(a agent) bool {
		has, err := netip.ParseAddr(a.IP)
		return err == nil && has.Unmap() == want.Unmap() && strings.Trim(a.ID, "0") != ""
	})
}

func pick(all []agent, fits func(agent) bool) []agent {
	var some []agent
	for _, a := range all {
		if fits(a) {
			some = append(some, a)
		}
	}
	return some
}

// port is a socket that a host had open at the last scan.
type port struct {
	Local struct {
		IP   string `json:"ip"`
		Port int    `json:"port"`
	} `json:"local"`
	Protocol string `json:"protocol"`
	State    string `json:"state"`
	Process  string `json:"process"`
	Scan     struct {
		Time string `json:"time"`
	} `json:"scan"`
}

// maxPorts is how many sockets of one host are looked through.
const maxPorts = 5000

// listening lists the TCP ports on which a host can be reached from another: those bound to more than loopback. UDP has
// no such state, so it is left out.
func (w *Wazuh) listening(ctx context.Context, id string) ([]port, error) {
	all, err := list[port](ctx, w.api, "/syscollector/"+url.PathEscape(id)+"/ports", url.Values{"state": {"listening"}}, maxPorts)
	if number(err) == neverConnected {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	open := slices.DeleteFunc(all, func(p port) bool {
		address, err := netip.ParseAddr(p.Local.IP)
		return p.State != "listening" || !strings.HasPrefix(p.Protocol, "tcp") || err != nil || address.Unmap().IsLoopback()
	})
	slices.SortFunc(open, func(a, b port) int { return cmp.Compare(a.Local.Port, b.Local.Port) })
	return slices.CompactFunc(open, func(a, b port) bool { return a.Local.Port == b.Local.Port }), nil
}
