package ansible_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/ansible"
	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
)

// workerVariable makes this test's binary a worker that runs one playbook, so that a test can kill it.
const workerVariable = "SALLYPORT_TEST_WORKER"

// TestMain lets the test's binary be ansible-playbook, or a worker.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(workerVariable) != "":
		os.Exit(work(os.Getenv(workerVariable)))
	case os.Getenv(ansibletest.StateVariable) != "":
		os.Exit(ansibletest.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// order is what a worker of its own is told to do.
type order struct {
	Config  ansible.Config
	Request activities.PlaybookRequest
}

func work(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return 1
	}
	o.Config.Vault = "" // a secret travels as "[secret]"
	runner, err := ansible.Open(context.Background(), o.Config)
	if err == nil {
		_, err = runner.RunPlaybook(context.Background(), o.Request)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startWorker begins a run in a process of its own.
func startWorker(t *testing.T, c ansible.Config, req activities.PlaybookRequest) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(order{c, req})
	if err != nil {
		t.Fatal(err)
	}
	worker := exec.CommandContext(t.Context(), os.Args[0])
	worker.Env = append(os.Environ(), workerVariable+"="+string(text))
	worker.Stderr = os.Stderr
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	return worker
}

// eventually waits until is holds.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if is() {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
	t.Fatal("never: " + what)
}

// lab is a file of hosts, and a config that runs the stand-in on it.
type lab struct {
	path   string
	config ansible.Config
}

func newLab(t *testing.T) lab {
	t.Helper()
	dir := t.TempDir()
	l := lab{path: filepath.Join(dir, "hosts.json")}
	hosts := ansibletest.Hosts{Hosts: map[string]*ansibletest.Host{
		"web-01": {Address: "10.20.0.11", Groups: []string{"webservers"}, Ports: []string{"21/tcp"}, Packages: map[string]*ansibletest.Package{
			"vsftpd": {Installed: "2.3.4", Fixed: "3.0.5", CVEs: []string{"CVE-2011-2523"}, Score: 9.8, Port: "21/tcp"},
			"apache": {Installed: "2.4.49", Fixed: "2.4.62", CVEs: []string{"CVE-2021-41773"}, Score: 7.5, Port: "80/tcp"},
		}},
		"web-02": {Address: "10.20.0.12", Groups: []string{"webservers"}},
	}}
	if err := ansibletest.Write(l.path, hosts); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"patch.yml", "inventory"} {
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.config = ansible.Config{
		Program: os.Args[0], Inventory: filepath.Join(dir, "inventory"), RunDir: filepath.Join(dir, "runs"),
		Playbooks:   map[string]string{"patch": filepath.Join(dir, "patch.yml"), "lost": filepath.Join(dir, "lost.yml")},
		Environment: map[string]string{ansibletest.StateVariable: l.path},
		Timeout:     20 * time.Second,
	}
	return l
}

func (l lab) open(t *testing.T) *ansible.Runner {
	t.Helper()
	runner, err := ansible.Open(t.Context(), l.config)
	if err != nil {
		t.Fatal(err)
	}
	return runner
}

func (l lab) change(t *testing.T, change func(h *ansibletest.Host)) {
	t.Helper()
	if err := ansibletest.Update(l.path, func(h *ansibletest.Hosts) error { change(h.Hosts["web-01"]); return nil }); err != nil {
		t.Fatal(err)
	}
}

func (l lab) host(t *testing.T) *ansibletest.Host {
	t.Helper()
	hosts, err := ansibletest.Read(l.path)
	if err != nil {
		t.Fatal(err)
	}
	return hosts.Hosts["web-01"]
}

func patch() activities.PlaybookRequest {
	return activities.PlaybookRequest{Incident: "i-1", ActionID: "i-1-2", Playbook: "patch", Host: "web-01", CVEs: []string{"CVE-2011-2523"}}
}
