package gvm_test

import (
	"sync"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/gvm"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/internal/rest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// network is the hosts that scans find; a test patches one.
type network struct {
	mu    sync.Mutex
	hosts map[string]gvmtest.Host
}

func (n *network) look(address string) gvmtest.Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[address]
}

func (n *network) set(address string, h gvmtest.Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[address] = h
}

var web = soar.Asset{Name: "web-01", Address: "10.99.0.10"}

func newNetwork() *network {
	return &network{hosts: map[string]gvmtest.Host{web.Address: {
		Ports: []string{"21/tcp", "80/tcp"},
		Vulnerabilities: []gvmtest.Vulnerability{
			{Name: "traversal", CVEs: []string{"CVE-2021-41773", "CVE-2021-42013"}, Score: 7.5, Port: "80/tcp"},
			{Name: "backdoor", CVEs: []string{"CVE-2011-2523"}, Score: 9.8, Port: "21/tcp"},
			{Name: "a guess", CVEs: []string{"CVE-2000-0001"}, Score: 10, Port: "80/tcp", QoD: 30},
		},
	}}}
}

func open(t *testing.T, s *gvmtest.Server, change ...func(*gvm.Config)) *gvm.Scanner {
	t.Helper()
	t.Setenv("GVM_TEST_PASSWORD", gvmtest.Password)
	c := gvm.Config{
		Address: s.Address, User: gvmtest.User, Password: "env:GVM_TEST_PASSWORD",
		TLS: rest.TLS{SHA256: s.SHA256}, Poll: 10 * time.Millisecond,
	}
	for _, f := range change {
		f(&c)
	}
	scanner, err := gvm.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return scanner
}

func exposure() activities.ScanRequest {
	return activities.ScanRequest{Incident: "i-1", Purpose: "exposure", Asset: web, Timeout: time.Minute}
}

func cves(r activities.ScanReport) (list []string) {
	for _, v := range r.Vulnerabilities {
		list = append(list, v.CVE)
	}
	return list
}
