// Package catalog is the list: every system is configured, opened, bound and checked here, in one line each.
package catalog

import (
	"github.com/sallyport-soar/sallyport/activities/ansible"
	"github.com/sallyport-soar/sallyport/activities/cortex"
	"github.com/sallyport-soar/sallyport/activities/gvm"
	"github.com/sallyport-soar/sallyport/activities/misp"
	"github.com/sallyport-soar/sallyport/activities/pfsense"
	"github.com/sallyport-soar/sallyport/activities/slack"
	"github.com/sallyport-soar/sallyport/activities/thehive"
	"github.com/sallyport-soar/sallyport/activities/wazuh"
	"github.com/sallyport-soar/sallyport/internal/config"
)

// Config composes the systems' own settings. A system that is left out is not there: the chain goes on without it, and
// says so.
type Config struct {
	Wazuh   *wazuh.Config   `yaml:"wazuh,omitempty" doc:"Wazuh 4: inventory, vulnerabilities, and blocks on agents"`
	MISP    *misp.Config    `yaml:"misp,omitempty" doc:"MISP: what threat intelligence knows"`
	Cortex  *cortex.Config  `yaml:"cortex,omitempty" doc:"Cortex: analyzers"`
	TheHive *thehive.Config `yaml:"thehive,omitempty" doc:"TheHive 5: cases; without it Sallyport keeps its own record"`
	PfSense *pfsense.Config `yaml:"pfsense,omitempty" doc:"pfSense: blocks at the perimeter"`
	GVM     *gvm.Config     `yaml:"gvm,omitempty" doc:"GVM (Greenbone): scans"`
	Ansible *ansible.Config `yaml:"ansible,omitempty" doc:"Ansible: remediation"`
	Slack   *slack.Config   `yaml:"slack,omitempty" doc:"Slack: approvals by button; without it the command line decides"`
}

// Validate says what is wrong with any system that is there.
func (c Config) Validate() (faults config.Faults) {
	for _, part := range c.parts() {
		faults = append(faults, config.Within(part.name, part.validate())...)
	}
	return faults
}

// part is one configured system: its name in the file, its address, and what checks its settings.
type part struct {
	name, address string
	validate      func() config.Faults
}

func (c Config) parts() (parts []part) {
	if c.Wazuh != nil {
		parts = append(parts, part{"wazuh", c.Wazuh.URL, c.Wazuh.Validate})
	}
	if c.MISP != nil {
		parts = append(parts, part{"misp", c.MISP.URL, c.MISP.Validate})
	}
	if c.Cortex != nil {
		parts = append(parts, part{"cortex", c.Cortex.URL, c.Cortex.Validate})
	}
	if c.TheHive != nil {
		parts = append(parts, part{"thehive", c.TheHive.URL, c.TheHive.Validate})
	}
	if c.PfSense != nil {
		parts = append(parts, part{"pfsense", c.PfSense.URL, c.PfSense.Validate})
	}
	if c.GVM != nil {
		parts = append(parts, part{"gvm", c.GVM.Address, c.GVM.Validate})
	}
	if c.Ansible != nil {
		parts = append(parts, part{"ansible", "", c.Ansible.Validate})
	}
	if c.Slack != nil {
		parts = append(parts, part{"slack", "", c.Slack.Validate})
	}
	return parts
}

// Addresses are the systems' addresses by name: protected assets, all of them.
func (c Config) Addresses() map[string]string {
	addresses := map[string]string{}
	for _, part := range c.parts() {
		if part.address != "" {
			addresses[part.name] = part.address
		}
	}
	return addresses
}

// CanAct names the configured systems that can carry an action out.
func (c Config) CanAct() (names []string) {
	for _, system := range []struct {
		name  string
		there bool
	}{{"pfsense", c.PfSense != nil}, {"wazuh", c.Wazuh != nil}, {"ansible", c.Ansible != nil}} {
		if system.there {
			names = append(names, system.name)
		}
	}
	return names
}
