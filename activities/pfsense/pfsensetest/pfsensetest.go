// Package pfsensetest is a pfSense with its REST API package v2, small enough for a test and for the lab: aliases whose
// changes wait for apply, the packet filter's table and states, the configuration's lock, privileges, and faults.
package pfsensetest

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
)

// What a new stand-in has.
const (
	Alias       = "SALLYPORT_BLOCK"
	Placeholder = "192.0.2.255"
	Key         = "a-key-of-the-lab" // the only key that it takes
)

// Firewall is the stand-in: an http.Handler that keeps state. A standing rule drops what its table holds.
type Firewall struct {
	// Faults are what it does wrong for the moment.
	Faults resttest.Faults

	handler http.Handler

	mu       sync.Mutex
	aliases  []alias // an alias's id is its index, and shifts
	table    []string
	pending  []string // subsystems with changes that wait for apply
	states   []state
	locked   bool
	denied   []string // "PATCH /api/v2/firewall/alias": what the key may not do
	applyLag int      // how many looks at apply it takes until changes are in force
	lag      int
	logins   int
	applies  int
}

type alias struct {
	ID      int      `json:"id"`
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Descr   string   `json:"descr"`
	Address []string `json:"address"`
	Detail  []string `json:"detail"`
}

// New returns a stand-in; serve it with any HTTP server.
func New() *Firewall {
	f := &Firewall{
		aliases: []alias{
			{Name: "OFFICE", Type: "network", Descr: "office", Address: []string{"10.77.0.0/24"}, Detail: []string{"lan"}},
			{ID: 1, Name: Alias, Type: "host", Descr: "held by Sallyport", Address: []string{Placeholder}, Detail: []string{"placeholder"}},
		},
		table: []string{Placeholder},
	}
	f.handler = f.Faults.Wrap(f.guard(f.routes()))
	return f
}

// ServeHTTP implements http.Handler.
func (f *Firewall) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// Server is the stand-in on a port of its own.
type Server struct {
	*Firewall
	URL string
	// CA is the file of the certificate that signs the server's, for a TLS one.
	CA string
}

// NewServer starts a stand-in that stops with the test.
func NewServer(tb testing.TB) *Server {
	tb.Helper()
	f := New()
	server := httptest.NewServer(f)
	tb.Cleanup(server.Close)
	return &Server{Firewall: f, URL: server.URL}
}

// NewTLSServer starts one with a self-signed certificate, as a fresh firewall has it.
func NewTLSServer(tb testing.TB) *Server {
	tb.Helper()
	f := New()
	server := httptest.NewTLSServer(f)
	tb.Cleanup(server.Close)
	ca := filepath.Join(tb.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	return &Server{Firewall: f, URL: server.URL, CA: ca}
}

// InForce is what the packet filter drops now.
func (f *Firewall) InForce() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.table)
}

// Details are the descriptions of the alias's entries, "address detail" each.
func (f *Firewall) Details() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	ours := f.ours()
	lines := make([]string, len(ours.Address))
	for i, address := range ours.Address {
		lines[i] = address
		if i < len(ours.Detail) {
			lines[i] += " " + ours.Detail[i]
		}
	}
	return lines
}

// AddForeign adds an administrator's entry and applies it.
func (f *Firewall) AddForeign(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ours := f.ours()
	ours.Address = append(ours.Address, address)
	ours.Detail = append(ours.Detail, "by hand")
	f.applyNow()
}

// RemoveEntry is an administrator who removes an entry of our alias and applies that.
func (f *Firewall) RemoveEntry(address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ours := f.ours()
	if at := slices.Index(ours.Address, address); at >= 0 {
		ours.Address = slices.Delete(ours.Address, at, at+1)
		ours.Detail = slices.Delete(ours.Detail, at, at+1)
	}
	f.applyNow()
}

// EditPending is an administrator's change in a subsystem ("filter", "natconf", "aliases", "shaper") that waits.
func (f *Firewall) EditPending(subsystem string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dirty(subsystem)
}

// ApplyByHand is an administrator who applies all that waits.
func (f *Firewall) ApplyByHand() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applyNow()
}

// InsertAlias puts an alias before ours, so that ours has another id.
func (f *Firewall) InsertAlias(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aliases = slices.Insert(f.aliases, 0, alias{Name: name, Type: "host", Address: []string{}, Detail: []string{}})
	f.renumber()
}

// RemoveAlias removes an alias with all that it holds; the packet filter has it until somebody applies that.
func (f *Firewall) RemoveAlias(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.aliases = slices.DeleteFunc(f.aliases, func(a alias) bool { return a.Name == name })
	f.renumber()
	f.dirty("aliases")
}

// Lock takes the configuration's lock: each write answers 503 until Unlock.
func (f *Firewall) Lock() { f.mu.Lock(); f.locked = true; f.mu.Unlock() }

// Unlock gives the configuration's lock back.
func (f *Firewall) Unlock() { f.mu.Lock(); f.locked = false; f.mu.Unlock() }

// Deny takes a privilege from the key: "PATCH /api/v2/firewall/alias".
func (f *Firewall) Deny(call string) { f.mu.Lock(); f.denied = append(f.denied, call); f.mu.Unlock() }

// SetApplyLag makes apply take that many looks until changes are in force.
func (f *Firewall) SetApplyLag(looks int) { f.mu.Lock(); f.applyLag = looks; f.mu.Unlock() }

// Logins counts refused keys.
func (f *Firewall) Logins() int { f.mu.Lock(); defer f.mu.Unlock(); return f.logins }

// Applies counts how often changes were put in force through the API.
func (f *Firewall) Applies() int { f.mu.Lock(); defer f.mu.Unlock(); return f.applies }

// Connect opens a connection from source to destination ("address:port"); false if the firewall drops it.
func (f *Firewall) Connect(source, destination string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if address, err := netip.ParseAddrPort(source); err == nil && slices.Contains(f.table, address.Addr().String()) {
		return false
	}
	f.states = append(f.states, state{Interface: "wan", Protocol: "tcp", Direction: "in", Source: source, Destination: destination, State: "ESTABLISHED:ESTABLISHED", Age: "00:00:01", Expires: "23:59:59"})
	return true
}

// Connected lists the established connections, as "source destination".
func (f *Firewall) Connected() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := make([]string, len(f.states))
	for i, s := range f.states {
		lines[i] = s.Source + " " + s.Destination
	}
	return lines
}

// ours is the alias of that name; an empty one if an administrator removed it.
func (f *Firewall) ours() *alias {
	for i := range f.aliases {
		if f.aliases[i].Name == Alias {
			return &f.aliases[i]
		}
	}
	return &alias{}
}

func (f *Firewall) renumber() {
	for i := range f.aliases {
		f.aliases[i].ID = i
	}
}

func (f *Firewall) dirty(subsystem string) {
	if !slices.Contains(f.pending, subsystem) {
		f.pending = append(f.pending, subsystem)
	}
}

// applyNow puts the alias in force, as pf shows it: addresses in their canonical form.
func (f *Firewall) applyNow() {
	f.table, f.pending = nil, nil
	if f.ours().Name == "" {
		return // no alias, no table
	}
	f.table = []string{}
	for _, text := range f.ours().Address {
		if address, err := netip.ParseAddr(text); err == nil {
			text = address.String()
		}
		if !slices.Contains(f.table, text) {
			f.table = append(f.table, text)
		}
	}
}

// String names the stand-in in a lab's log.
func (f *Firewall) String() string { return fmt.Sprintf("pfSense stand-in, alias %s", Alias) }
