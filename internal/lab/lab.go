// Package lab is a small office on loopback: stand-ins of every vendor's system, wired to one another as the real ones
// are, with a recorded attack. The demo and the end-to-end tests run against it; only deploy/allinone and tests import it.
package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
	"github.com/sallyport-soar/sallyport/activities/cortex/cortextest"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/activities/misp/misptest"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/pfsense/pfsensetest"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/activities/thehive/thehivetest"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/rest/resttest"
)

// Options say how the office is set up.
type Options struct {
	Dir        string        // where its files lie: keys, config, state of hosts
	OpenSearch string        // address of a real OpenSearch; empty: the stand-in
	Program    string        // this program's own file: it is the lab's ansible-playbook under another name
	Events     [][]byte      // what will be played: the office has the agents that these name
	Unmoved    bool          // events keep their times when they are played; else the newest is now
	Slack      bool          // people are asked in Slack, too
	Pace       Pace          // how fast things go; zero values are a demonstration's
	Refresh    time.Duration // of the stand-in's indices; 0: half a second
}

// Pace are the lab's times. They are config of the chain, not another chain.
type Pace struct {
	Quiet, ApprovalWindow, ScanStep time.Duration
}

// Person is somebody of the office who may decide.
type Person struct {
	Name string
	Key  string // file of the private key
}

// Lab is the running office. Its stand-ins are open to tests.
type Lab struct {
	Firewall *pfsensetest.Firewall
	Hive     *thehivetest.Hive
	MISP     *misptest.MISP
	Cortex   *cortextest.Cortex
	Scanner  *gvmtest.Server
	Wazuh    *wazuhtest.Manager
	Slack    *slacktest.Server
	Search   *opensearchtest.Cluster // nil with a real OpenSearch

	options   Options
	suffix    string // of the indices of this run
	searchURL string
	gateURL   string          // where the house reaches the cluster: faults stand before it
	gate      resttest.Faults // of the stand-in cluster
	chat      resttest.Faults // of Slack
	held      spans           // what was blocked, and when
	people    []Person
	hosts     string // file of the hosts' state
	servers   []*http.Server
	state     *opensearch.Client
	ours      bool                        // the cluster held no Sallyport when we came
	agents    map[string]*wazuhtest.Agent // by id
}

// Start sets the office up and writes its config file.
func Start(ctx context.Context, o Options) (l *Lab, err error) {
	o.Pace = o.Pace.withDefaults()
	l = &Lab{options: o, suffix: fmt.Sprintf("lab%d", os.Getpid()), hosts: filepath.Join(o.Dir, "hosts.json")}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	steps := []func(context.Context) error{l.startSearch, l.startHosts, l.startScanner, l.seedVulnerabilities, l.makeKeys, l.startSystems}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return l, err
		}
	}
	return l, nil
}

func (p Pace) withDefaults() Pace {
	if p.Quiet == 0 {
		p.Quiet = 14 * time.Second
	}
	if p.ApprovalWindow == 0 {
		p.ApprovalWindow = 10 * time.Minute
	}
	if p.ScanStep == 0 {
		p.ScanStep = 300 * time.Millisecond
	}
	return p
}

// serve answers with handler on a free port of loopback.
func (l *Lab) serve(ctx context.Context, handler http.Handler) (url string, err error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	l.servers = append(l.servers, server)
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

// The package that is wrong on every host of the office until it is patched, and what it has open.
const (
	weakPackage = "vsftpd"
	weakCVE     = "CVE-2011-2523"
	weakScore   = 9.8
)

// startHosts writes the state of the hosts that the events name: the ansible-playbook of the lab patches it, and the
// scanner of the lab looks at it.
func (l *Lab) startHosts(context.Context) error {
	hosts := ansibletest.Hosts{Hosts: map[string]*ansibletest.Host{}}
	for _, agent := range agentsOf(l.options.Events) {
		hosts.Hosts[agent.Name] = &ansibletest.Host{
			Address: agent.IP, Ports: []string{"21/tcp", "22/tcp"},
			Packages: map[string]*ansibletest.Package{weakPackage: {Installed: "2.3.4-1", Fixed: "3.0.5-2", CVEs: []string{weakCVE}, Score: weakScore, Port: "21/tcp"}},
		}
	}
	return ansibletest.Write(l.hosts, hosts)
}

func (l *Lab) startScanner(ctx context.Context) (err error) {
	l.Scanner, err = gvmtest.Start(ctx, "127.0.0.1:0", l.look)
	if err == nil {
		l.Scanner.SetPace(l.options.Pace.ScanStep)
	}
	return err
}

// look is what a scan finds on an address now.
func (l *Lab) look(address string) (found gvmtest.Host) {
	hosts, err := ansibletest.Read(l.hosts)
	if err != nil {
		return found
	}
	host := hosts.ByAddress(address)
	if host == nil {
		return found
	}
	found.Ports = host.Ports
	for name, p := range host.Packages {
		if p.Vulnerable() {
			found.Vulnerabilities = append(found.Vulnerabilities, gvmtest.Vulnerability{Name: name, CVEs: p.CVEs, Score: p.Score, Port: p.Port})
		}
	}
	return found
}

// makeKeys makes the house's keys and those of two people.
func (l *Lab) makeKeys(context.Context) error {
	for _, name := range []string{"grant", "gateway", "ana", "ben"} {
		file := filepath.Join(l.options.Dir, name+".key")
		public, err := policy.NewKeyFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file+".pub", []byte(public), 0o600); err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		if name == "ana" || name == "ben" {
			l.people = append(l.people, Person{Name: name, Key: file})
		}
	}
	return nil
}

// First is the person at the prompt, Second another one.
func (l *Lab) First() Person { return l.people[0] }

// Second is the lab's other person, who signs with --yes.
func (l *Lab) Second() Person { return l.people[1] }

// ConfigFile is the office's sallyport.yaml.
func (l *Lab) ConfigFile() string { return filepath.Join(l.options.Dir, "sallyport.yaml") }

// Blocked lists what is blocked on any system of the office now, "system address".
func (l *Lab) Blocked(context.Context) (held []string) {
	for _, address := range l.Firewall.InForce() {
		if address != pfsensetest.Placeholder {
			held = append(held, "pfsense "+address)
		}
	}
	for _, agent := range agentsOf(l.options.Events) {
		for _, address := range l.agents[agent.ID].InForce() {
			held = append(held, "agent "+agent.Name+" "+address)
		}
	}
	slices.Sort(held)
	return held
}

// Close ends the stand-ins, and takes what was put into a real OpenSearch away again.
func (l *Lab) Close() error {
	var err error
	if l.options.OpenSearch != "" && l.ours {
		err = l.cleanSearch()
	}
	if l.Scanner != nil {
		l.Scanner.Close()
	}
	for _, server := range l.servers {
		err = errors.Join(err, server.Close())
	}
	return err
}

// enrol starts the Wazuh manager with an agent per host, each with an ftp server that the inventory sees.
func (l *Lab) enrol() {
	l.Wazuh, l.agents = wazuhtest.New(l.agentWrites), map[string]*wazuhtest.Agent{}
	for _, agent := range agentsOf(l.options.Events) {
		l.agents[agent.ID] = l.Wazuh.AddAgent(agent.ID, agent.Name, agent.IP)
		l.agents[agent.ID].Listen("0.0.0.0", 21, weakPackage)
		l.agents[agent.ID].Listen("0.0.0.0", 22, "sshd")
	}
}

// linkProgram puts this program into dir under the name ansible-playbook: it behaves as that when called so.
func (l *Lab) linkProgram() (string, error) {
	path := filepath.Join(l.options.Dir, "ansible-playbook")
	if err := os.Symlink(l.options.Program, path); err != nil {
		return "", fmt.Errorf("lab: %w", err)
	}
	return path, nil
}

// HostsFile is where the state of the office's hosts stands, for tests that break one (ansibletest.Update).
func (l *Lab) HostsFile() string { return l.hosts }
