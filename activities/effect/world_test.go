package effect_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// firewall is a system small enough to stand in a test: it enforces addresses and remembers who wanted each.
type firewall struct {
	mu        sync.Mutex
	wants     map[string][]string  // address to action ids; "admin" is a person's
	blind     bool                 // it accepts and enforces nothing
	dark      bool                 // nobody can look at it
	deaf      bool                 // it keeps everything that it should let go
	ends      map[string]time.Time // of addresses, if the firewall ends its entries by itself; nil: it does not
	stubborn  bool                 // an entry that is there keeps its end
	now       func() time.Time
	cutBefore int    // so many calls lose their connection before the effect
	cutAfter  int    // so many lose it after
	down      int    // so many find nobody who takes them
	applied   func() // called when a change has taken effect
}

var errCut = errors.New("connection cut")

func (f *firewall) Apply(_ context.Context, batch []soar.Action) error {
	return f.change(batch, func(a soar.Action) {
		if !f.blind && !slices.Contains(f.wants[a.Target], a.ID) {
			f.wants[a.Target] = append(f.wants[a.Target], a.ID)
		}
		if f.ends != nil && (f.ends[a.Target].IsZero() || !f.stubborn) {
			f.ends[a.Target] = f.now().Add(a.For)
		}
	})
}

func (f *firewall) Undo(_ context.Context, batch []soar.Action) error {
	return f.change(batch, func(a soar.Action) {
		if !f.deaf {
			f.wants[a.Target] = slices.DeleteFunc(f.wants[a.Target], func(id string) bool { return id == a.ID })
		}
	})
}

func (f *firewall) change(batch []soar.Action, change func(soar.Action)) error {
	if err := activities.CheckBatch(batch); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down > 0 {
		f.down--
		return activities.NotAsked(errCut)
	}
	if f.cutBefore > 0 {
		f.cutBefore--
		return errCut
	}
	for _, a := range batch {
		change(a)
	}
	if f.applied != nil {
		f.applied()
	}
	if f.cutAfter > 0 {
		f.cutAfter--
		return errCut
	}
	return nil
}

func (f *firewall) Observe(_ context.Context, batch []soar.Action) ([]activities.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dark {
		return nil, errCut
	}
	seen := make([]activities.Observation, len(batch))
	for i, a := range batch {
		ours := slices.Contains(f.wants[a.Target], a.ID)
		seen[i] = activities.Observation{InForce: len(f.wants[a.Target]) > 0, Ours: ours, Shared: len(f.wants[a.Target]) > 1 || len(f.wants[a.Target]) == 1 && !ours}
		if f.ends != nil {
			seen[i].Left = f.ends[a.Target].Sub(f.now())
		}
	}
	return seen, nil
}

// inForce lists what the firewall enforces.
func (f *firewall) inForce() (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for address, ids := range f.wants {
		if len(ids) > 0 {
			list = append(list, address)
		}
	}
	slices.Sort(list)
	return list
}

// house is where limits and kill switch stand.
type house struct {
	room     int
	reserved map[string]bool
	halted   bool
	silent   bool
}

func (h *house) Reserve(_ context.Context, r activities.Reservation) (activities.Reserved, error) {
	if h.silent {
		return activities.Reserved{}, errCut
	}
	if !h.reserved[r.ActionID] && len(h.reserved) >= h.room {
		return activities.Reserved{Reason: "the window is full"}, nil
	}
	h.reserved[r.ActionID] = true
	return activities.Reserved{Granted: true}, nil
}

func (h *house) Return(_ context.Context, r activities.Reservation) error {
	delete(h.reserved, r.ActionID)
	return nil
}

func (h *house) State(context.Context) (activities.SwitchState, error) {
	if h.silent {
		return activities.SwitchState{}, errCut
	}
	return activities.SwitchState{Halted: h.halted, By: "ana", Reason: "maintenance"}, nil
}

func (h *house) Cap(kind string) (activities.Cap, time.Duration, error) {
	if kind != soar.BlockAddress && kind != soar.Patch {
		return activities.Cap{}, 0, errors.New("unknown kind")
	}
	return activities.Cap{Actions: h.room}, time.Hour, nil
}

// world is an envelope and all that it touches.
type world struct {
	*effect.Envelope

	t        *testing.T
	firewall *firewall
	house    *house
	key      ed25519.PrivateKey
	clock    time.Time
	log      []activities.AuditEntry
	register *opensearch.Register
}

const gateway = "192.0.2.1"

func newWorld(t *testing.T) *world {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, firewall: &firewall{wants: map[string][]string{}}, house: &house{room: 10, reserved: map[string]bool{}}, key: private, clock: time.Now().UTC()}
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: opensearchtest.NewServer(t).URL})
	if err != nil {
		t.Fatal(err)
	}
	w.register = opensearch.NewRegister(client)
	w.Envelope = &effect.Envelope{
		Drivers:   map[string]activities.Driver{"pfsense": w.firewall},
		Protected: w.protect(effect.ProtectedConfig{Networks: []string{"192.0.2.53"}, Hosts: []string{"dc01"}}),
		Register:  w.register, Limits: w.house, Rules: w.house, GrantKey: public, Audit: w.audit, Now: w.now,
	}
	return w
}

func (w *world) now() time.Time { return w.clock }

func (w *world) audit(_ context.Context, e activities.AuditEntry) (activities.None, error) {
	w.log = append(w.log, e)
	return activities.None{}, nil
}

// protect returns protected assets whose discovery saw the gateway.
func (w *world) protect(c effect.ProtectedConfig) *effect.Protected {
	w.t.Helper()
	p, err := effect.NewProtected(c, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := p.Discover(w.t.Context(), surroundings(w.t, gateway)); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func surroundings(t *testing.T, gateway string) effect.Surroundings {
	t.Helper()
	root := t.TempDir()
	write(t, root, map[string]string{"proc/net/route": "Iface\tDestination\tGateway\n", "proc/net/tcp": "", "etc/resolv.conf": ""})
	return effect.Surroundings{
		Root:    root,
		Systems: map[string]string{"pfsense": "https://" + gateway + ":8443/api"},
		Interfaces: func() ([]net.Addr, error) {
			return []net.Addr{&net.IPNet{IP: net.IPv4(192, 0, 2, 77), Mask: net.CIDRMask(24, 32)}}, nil
		},
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			switch host {
			case "hive.example":
				return []netip.Addr{netip.MustParseAddr("198.51.100.20")}, nil
			case "opensearch-01", "ns.corp.example":
				return []netip.Addr{netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("2001:db8::10")}, nil
			case "web-01":
				return []netip.Addr{netip.MustParseAddr("192.0.2.99")}, nil
			case "slow-01":
				return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
			}
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		},
	}
}

// write puts files under root.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// block is a granted order to block target for an hour.
func (w *world) block(id, target string) activities.Order {
	action := soar.Action{ID: id, Kind: soar.BlockAddress, System: "pfsense", Target: target, For: time.Hour, Mode: soar.Auto}
	return w.grant(activities.Order{Action: action, Incident: "i1", IncidentKey: "incident/host/web-01", Expires: w.clock.Add(time.Hour)}, false)
}

// grant signs the order's action anew.
func (w *world) grant(o activities.Order, override bool) activities.Order {
	o.Grant = soar.Grant{ActionDigest: o.Action.Digest(), Incident: o.Incident, Mode: o.Action.Mode, Override: override, At: w.clock, NotAfter: w.clock.Add(time.Hour), Until: w.clock.Add(time.Hour + o.Action.For)}
	if o.Action.Mode == soar.Ask {
		o.Grant.Decisions = []soar.Decision{{By: "ana", Approve: true}} // who they are was checked when it was granted
	}
	o.Grant.Signature = ed25519.Sign(w.key, o.Grant.Signed())
	return o
}

func (w *world) admit(o activities.Order) soar.Containment {
	w.t.Helper()
	held, err := w.Admit(w.t.Context(), o)
	if err != nil {
		w.t.Fatal("admit:", err)
	}
	return held
}

func (w *world) carryOut(orders ...activities.Order) []soar.Containment {
	w.t.Helper()
	settled, err := w.CarryOut(w.t.Context(), activities.Batch{System: "pfsense", Orders: orders})
	if err != nil {
		w.t.Fatal("carry out:", err)
	}
	return settled.Containments
}

func (w *world) release(orders ...activities.Order) []soar.Containment {
	w.t.Helper()
	settled, err := w.Release(w.t.Context(), activities.Batch{System: "pfsense", Orders: orders})
	if err != nil {
		w.t.Fatal("release:", err)
	}
	return settled.Containments
}

// inForce fails unless the firewall enforces exactly these addresses.
func (w *world) inForce(want ...string) {
	w.t.Helper()
	if got := w.firewall.inForce(); !slices.Equal(got, want) {
		w.t.Fatalf("in force: %v, want %v", got, want)
	}
}

// registered returns the register's word on an order.
func (w *world) registered(o activities.Order) (soar.Containment, bool) {
	w.t.Helper()
	entry, err := w.register.Get(w.t.Context(), o.Action.Key())
	if err != nil {
		w.t.Fatal(err)
	}
	return entry.Holder(o.Action.ID)
}

// said lists what the audit log says was done, in order.
func (w *world) said() (what []string) {
	for _, e := range w.log {
		what = append(what, e.What)
	}
	return what
}
