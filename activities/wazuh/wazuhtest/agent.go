package wazuhtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-soar/sallyport/deploy/wazuh/sallyport-response/response"
)

// Agent is a Linux host with a Wazuh agent and our program.
type Agent struct {
	id, name, ip string

	filter  *filter
	program *response.Program

	mu       sync.Mutex
	status   string
	execd    bool // execd answers
	off      bool // active response is switched off
	without  bool // our program is not there
	muted    bool // its log does not reach the manager
	cut      bool // off the network, and the manager does not know yet
	queue    [][]byte
	sockets  []map[string]any
	requests int
}

func newAgent(id, name, ip string, now func() time.Time) *Agent {
	f := &filter{now: now, set: map[netip.Addr]response.Element{}, ends: map[netip.Addr]time.Time{}}
	a := &Agent{id: id, name: name, ip: ip, status: "active", execd: true, filter: f}
	a.program = &response.Program{Firewall: f, Store: &response.Memory{}, Now: now, Protected: a.protected}
	return a
}

// protected is what the real program finds out on its host: own address, gateway, manager.
func (a *Agent) protected(_ context.Context, target netip.Addr) (string, error) {
	if target.String() == a.ip {
		return response.RefusedOwn, nil
	}
	return "", nil
}

// InForce lists the addresses whose packets the host drops now.
func (a *Agent) InForce() []string { return a.filter.inForce() }

// AddForeign is an administrator on the host who adds an address to the set by hand.
func (a *Agent) AddForeign(address string) {
	a.filter.mu.Lock()
	defer a.filter.mu.Unlock()
	a.filter.set[netip.MustParseAddr(address)] = response.Element{Present: true}
}

// Reboot empties the packet filter, and nothing else.
func (a *Agent) Reboot() {
	a.filter.mu.Lock()
	defer a.filter.mu.Unlock()
	clear(a.filter.set)
	clear(a.filter.ends)
}

// BreakFilter makes nftables refuse every look and change on the host, or mends it.
func (a *Agent) BreakFilter(broken bool) {
	a.filter.mu.Lock()
	defer a.filter.mu.Unlock()
	a.filter.broken = broken
}

// SetStatus is what the manager says of the agent: active, disconnected, never_connected, pending.
func (a *Agent) SetStatus(status string) { a.mu.Lock(); a.status = status; a.mu.Unlock() }

// SetExecd says whether the agent's execd lives.
func (a *Agent) SetExecd(alive bool) { a.mu.Lock(); a.execd = alive; a.mu.Unlock() }

// SetResponseOff switches active response off on the agent.
func (a *Agent) SetResponseOff(off bool) { a.mu.Lock(); a.off = off; a.mu.Unlock() }

// SetWithoutProgram takes our program away: the server still says that all is well.
func (a *Agent) SetWithoutProgram(without bool) { a.mu.Lock(); a.without = without; a.mu.Unlock() }

// SetMuted keeps the agent's log from the manager: no decoder, no rule, or no log collector.
func (a *Agent) SetMuted(muted bool) { a.mu.Lock(); a.muted = muted; a.mu.Unlock() }

// Cut takes the agent off the network, unnoticed: the server answers 500 with error 3021, and what was asked runs when
// the agent is Reconnected.
func (a *Agent) Cut() { a.mu.Lock(); a.cut = true; a.mu.Unlock() }

// Listen opens a TCP port on the host, for the inventory.
func (a *Agent) Listen(address string, port int, process string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sockets = append(a.sockets, map[string]any{
		"local": map[string]any{"ip": address, "port": port}, "remote": map[string]any{"ip": "0.0.0.0", "port": 0},
		"scan": map[string]any{"id": 0, "time": "2026-11-23T05:31:19+00:00"}, "rx_queue": 0, "tx_queue": 0, "inode": 1,
		"process": process, "pid": 50, "state": "listening", "protocol": "tcp", "agent_id": a.id,
	})
}

// Requests counts how often our program ran.
func (a *Agent) Requests() int { a.mu.Lock(); defer a.mu.Unlock(); return a.requests }

// state is the agent as GET /agents shows it.
func (a *Agent) state() map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	item := map[string]any{
		"id": a.id, "name": a.name, "ip": a.ip, "registerIP": "any", "status": a.status, "status_code": 0,
		"group_config_status": "synced", "node_name": "node01", "manager": "wazuh-manager", "dateAdd": "2026-11-23T05:30:44+00:00",
	}
	if a.status == "never_connected" {
		item["node_name"], item["group_config_status"] = "unknown", "not synced"
		return item
	}
	item["lastKeepAlive"], item["version"], item["group"] = "2026-11-23T05:31:54+00:00", "Wazuh v4.14.7", []string{"default"}
	item["os"] = map[string]any{"arch": "x86_64", "codename": "bookworm", "major": "12", "name": "Debian GNU/Linux", "platform": "debian", "uname": "Linux |" + a.name, "version": "12"}
	return item
}

// line is what execd writes to a program's stdin when the API started it.
func line(program string, args []string, alert any) []byte {
	if args == nil {
		args = []string{}
	}
	if alert == nil {
		alert = map[string]any{}
	}
	text, _ := json.Marshal(map[string]any{
		"version": 1, "origin": map[string]any{"name": nil, "module": "wazuh-execd"}, "command": "add",
		"parameters": map[string]any{"extra_args": args, "alert": alert, "program": "active-response/bin/" + program},
	})
	return append(text, '\n')
}

// execute runs our program with that line, and returns what it logged: nothing, where it is not there.
func (a *Agent) execute(stdin []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.without {
		return nil
	}
	a.requests++
	logged := a.program.Run(context.Background(), stdin).Line()
	if a.muted {
		return nil
	}
	return logged
}

// alert is what the manager makes of a line of our program: every decoded value is a text.
func (a *Agent) alert(logged []byte, now time.Time, serial int) json.RawMessage {
	var decoded map[string]map[string]any
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(logged, []byte(response.Prefix))))
	decoder.UseNumber()
	if decoder.Decode(&decoded) != nil {
		return nil
	}
	for name, value := range decoded["sallyport"] {
		decoded["sallyport"][name] = fmt.Sprint(value)
	}
	rule, level := "100852", 3
	if decoded["sallyport"]["in_force"] == "true" {
		rule = "100851"
	}
	if decoded["sallyport"]["error"] != nil {
		rule, level = "100853", 5
	}
	text, _ := json.Marshal(map[string]any{
		"timestamp": now.UTC().Format("2006-01-02T15:04:05.000+0000"), "@timestamp": now.UTC().Format("2006-01-02T15:04:05.000Z"),
		"id": fmt.Sprintf("%d.%d", now.Unix(), serial), "manager": map[string]any{"name": "wazuh-manager"},
		"agent":   map[string]any{"id": a.id, "name": a.name, "ip": a.ip},
		"rule":    map[string]any{"id": rule, "level": level, "description": "sallyport-response", "firedtimes": 1, "mail": false, "groups": []string{"sallyport", "active_response"}},
		"decoder": map[string]any{"name": "sallyport-response"}, "location": "/var/ossec/logs/active-responses.log",
		"full_log": strings.TrimSuffix(string(logged), "\n"), "data": decoded,
	})
	return text
}

// filter is a packet filter in memory; its elements end by the clock, as the kernel's do.
type filter struct {
	mu     sync.Mutex
	now    func() time.Time
	set    map[netip.Addr]response.Element
	ends   map[netip.Addr]time.Time
	broken bool
}

// Look implements response.Firewall.
func (f *filter) Look(_ context.Context, target netip.Addr) (response.Element, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return response.Element{}, fmt.Errorf("nft: exit status 1")
	}
	f.expire()
	element := f.set[target]
	element.Enforced = true
	if end, ends := f.ends[target]; ends {
		element.Left = end.Sub(f.now())
	}
	return element, nil
}

// Put implements response.Firewall.
func (f *filter) Put(_ context.Context, target netip.Addr, last time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return fmt.Errorf("nft: exit status 1")
	}
	f.set[target] = response.Element{Present: true, Ours: true}
	f.ends[target] = f.now().Add(last)
	return nil
}

// Remove implements response.Firewall.
func (f *filter) Remove(_ context.Context, target netip.Addr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return fmt.Errorf("nft: exit status 1")
	}
	delete(f.set, target)
	delete(f.ends, target)
	return nil
}

func (f *filter) expire() {
	for target, end := range f.ends {
		if !end.After(f.now()) {
			delete(f.set, target)
			delete(f.ends, target)
		}
	}
}

func (f *filter) inForce() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expire()
	for target := range f.set {
		all = append(all, target.String())
	}
	slices.Sort(all)
	return all
}
