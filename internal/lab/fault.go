package lab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
)

// Kinds of faults.
const (
	Outage = "outage" // 503, or what the system has for it, for a while that begins with the first call it meets
	Cut    = "cut"    // carried out, then the connection is cut
	Body   = "body"   // carried out, and something else is answered
	Half   = "half"   // carried out, and half of the answer comes
	Slow   = "slow"   // held back before it is carried out
	Late   = "late"   // carried out, and the answer is held back
	Mend   = "mend"   // ends all faults of the system
)

// Fault is something that goes wrong with a system of the office.
type Fault struct {
	System string        `json:"system"` // opensearch, wazuh, misp, cortex, thehive, pfsense, slack, gvm, ansible
	Kind   string        `json:"kind"`
	Calls  string        `json:"calls,omitempty"` // "POST /api/v1/alert": prefix of method and path; of GVM a command; empty: all
	Count  int           `json:"count,omitempty"` // how many calls; 0: one
	For    time.Duration `json:"for,omitempty"`   // of an outage, or how long a call is held back
	Body   string        `json:"body,omitempty"`
}

// faults are the systems that speak HTTP, each with its faults.
func (l *Lab) faults() map[string]*resttest.Faults {
	return map[string]*resttest.Faults{
		"opensearch": &l.gate, "wazuh": &l.Wazuh.Faults, "misp": &l.MISP.Faults, "cortex": &l.Cortex.Faults,
		"thehive": &l.Hive.Faults, "pfsense": &l.Firewall.Faults, "slack": &l.chat,
	}
}

// Inject makes something go wrong from now on.
func (l *Lab) Inject(f Fault) error {
	f.Count = max(f.Count, 1)
	switch f.System {
	case "gvm":
		return l.injectScanner(f)
	case "ansible":
		return l.injectHosts(f)
	}
	faults := l.faults()[f.System]
	if faults == nil {
		return fmt.Errorf("the office has no system %q with faults", f.System)
	}
	switch f.Kind {
	case Outage:
		faults.Outage(http.StatusServiceUnavailable, f.For, f.Calls)
	case Cut:
		faults.CutAfter(f.Count, f.Calls)
	case Body:
		faults.WrongBody(f.Body, f.Count, f.Calls)
	case Half:
		faults.HalfBody(f.Count, f.Calls)
	case Slow:
		faults.Slow(f.For, f.Count, f.Calls)
	case Late:
		faults.Late(f.For, f.Count, f.Calls)
	case Mend:
		faults.Mend()
	default:
		return unknownKind(f)
	}
	return nil
}

func unknownKind(f Fault) error { return fmt.Errorf("%s knows no fault of kind %q", f.System, f.Kind) }

func (l *Lab) injectScanner(f Fault) error {
	with := map[string]gvmtest.Fault{
		Outage: {Status: http.StatusServiceUnavailable, Lasts: f.For}, Cut: {CutAfter: true}, Body: {WrongBody: true}, Half: {HalfBody: true},
	}
	one, known := with[f.Kind]
	switch {
	case f.Kind == Mend:
		l.Scanner.Mend()
		return nil
	case f.Kind == Slow: // each state of the scans to come lasts as long
		l.Scanner.SetPace(f.For)
		return nil
	case !known:
		return unknownKind(f)
	}
	one.Command, one.Times = f.Calls, f.Count
	l.Scanner.Inject(one)
	return nil
}

// injectHosts breaks every host for Ansible: an outage begins at once.
func (l *Lab) injectHosts(f Fault) error {
	kinds := map[string]func(*ansibletest.Host){
		Outage: func(h *ansibletest.Host) { h.Unreachable = true },
		Cut:    func(h *ansibletest.Host) { h.Dies = true },
		Body:   func(h *ansibletest.Host) { h.Garbles = true },
		Slow:   func(h *ansibletest.Host) { h.PauseMillis = int(f.For.Milliseconds()) },
		Mend: func(h *ansibletest.Host) {
			h.Unreachable, h.Dies, h.Garbles, h.PauseMillis = false, false, false, 0
		},
	}
	change := kinds[f.Kind]
	if change == nil {
		return unknownKind(f)
	}
	if f.Kind == Outage {
		time.AfterFunc(f.For, func() { _ = l.injectHosts(Fault{System: f.System, Kind: Mend}) }) // a folder that is gone has no hosts
	}
	return ansibletest.Update(l.hosts, func(hosts *ansibletest.Hosts) error {
		for _, host := range hosts.Hosts {
			change(host)
		}
		return nil
	})
}

// met counts, by system, the calls that met a fault; held those that are held back at this moment.
func (l *Lab) met(hosts ansibletest.Hosts) (met, held map[string]int) {
	met, held = map[string]int{"gvm": l.Scanner.Met()}, map[string]int{}
	for system, faults := range l.faults() {
		met[system], held[system] = faults.Met(), faults.Held()
	}
	for _, host := range hosts.Hosts {
		met["ansible"] += host.Met
	}
	return met, held
}

// takeFaults answers POST /fault: a list of faults.
func (l *Lab) takeFaults(r *http.Request) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	var list []Fault
	if err := decoder.Decode(&list); err != nil {
		return fmt.Errorf("faults: %w", err)
	}
	for _, f := range list {
		if err := l.Inject(f); err != nil {
			return err
		}
	}
	return nil
}
