// Package ansibletest is an ansible-playbook small enough to run inside a test or a lab: Main behaves as the program
// does, with its exit codes and the lines of Sallyport's callback, on hosts that stand in a file. A program that calls
// Main when it is started under another name can be its own ansible-playbook.
//
// The file is shared: a scanner's stand-in that reads it sees what a run patched.
package ansibletest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// StateVariable is the environment variable that names the file of hosts.
const StateVariable = "SALLYPORT_ANSIBLETEST_HOSTS"

// Hosts is the file: every host by its inventory name.
type Hosts struct {
	Hosts map[string]*Host `json:"hosts"`
}

// Host is a host as it is now.
type Host struct {
	Address  string              `json:"address"`
	Groups   []string            `json:"groups,omitempty"`
	Ports    []string            `json:"ports,omitempty"` // open ones: "22/tcp"
	Packages map[string]*Package `json:"packages,omitempty"`

	Unreachable bool `json:"unreachable,omitempty"` // for ssh
	Fails       bool `json:"fails,omitempty"`       // the upgrade fails
	Holds       bool `json:"holds,omitempty"`       // packages are on hold: the upgrade ends well and changes nothing
	PauseMillis int  `json:"pause_ms,omitempty"`    // each task takes as long
	Dies        bool `json:"dies,omitempty"`        // the next real run is killed once its tasks are done, before its statistics
	Garbles     bool `json:"garbles,omitempty"`     // the next real run prints what no callback of ours wrote
	Met         int  `json:"met,omitempty"`         // runs that met one of these faults

	Started   int `json:"started,omitempty"`   // real runs that began, check mode not counted
	Completed int `json:"completed,omitempty"` // real runs that came to their statistics without a failure
	Running   int `json:"running,omitempty"`   // process id of the run that is at it, 0 for none
	Beside    int `json:"beside,omitempty"`    // runs that began while another was alive: must stay 0
}

// Package is an installed package, and what is wrong with it until it is upgraded.
type Package struct {
	Installed string   `json:"installed"`
	Fixed     string   `json:"fixed"` // the version that an upgrade installs
	CVEs      []string `json:"cves,omitempty"`
	Score     float64  `json:"score,omitempty"` // CVSS base, 0-10
	Port      string   `json:"port,omitempty"`  // "21/tcp"
}

// Vulnerable reports whether the package awaits its upgrade.
func (p Package) Vulnerable() bool { return p.Installed != p.Fixed && len(p.CVEs) > 0 }

// ByAddress returns the host that has the address, or nil.
func (h Hosts) ByAddress(address string) *Host {
	for _, host := range h.Hosts {
		if host.Address == address {
			return host
		}
	}
	return nil
}

// outdated lists the packages that a run upgrades: those of the CVEs, or all where none is named.
func (h Host) outdated(cves []string) (names []string) {
	for name, p := range h.Packages {
		wanted := len(cves) == 0 || slices.ContainsFunc(p.CVEs, func(cve string) bool { return slices.Contains(cves, cve) })
		if p.Installed != p.Fixed && wanted {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Read reads the file of hosts.
func Read(path string) (Hosts, error) {
	var hosts Hosts
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &hosts)
	}
	if err != nil {
		return hosts, fmt.Errorf("ansibletest: %w", err)
	}
	return hosts, nil
}

// Write replaces the file of hosts whole.
func Write(path string, hosts Hosts) error {
	text, err := json.MarshalIndent(hosts, "", "  ")
	if err != nil {
		return fmt.Errorf("ansibletest: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".hosts-")
	if err != nil {
		return fmt.Errorf("ansibletest: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("ansibletest: %w", err)
	}
	return nil
}

// Update changes the file of hosts; of several processes one does at a time.
func Update(path string, change func(*Hosts) error) error {
	release, err := hold(path + ".lock")
	if err != nil {
		return fmt.Errorf("ansibletest: %w", err)
	}
	defer release()
	hosts, err := Read(path)
	if err != nil {
		return err
	}
	if err := change(&hosts); err != nil {
		return err
	}
	return Write(path, hosts)
}
