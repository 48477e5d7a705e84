package ansible_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
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

func TestCheckChangesNothingAndRunPatchesOnce(t *testing.T) {
	l := newLab(t)
	runner := l.open(t)
	check, err := runner.CheckPlaybook(t.Context(), patch())
	if err != nil || !check.Check || !check.Completed || check.Changed != 1 || !slices.Equal(check.Tasks, []string{"changed: upgrade vsftpd"}) {
		t.Errorf("check says %+v, %v; want one change to come", check, err)
	}
	if h := l.host(t); !h.Packages["vsftpd"].Vulnerable() || h.Started != 0 {
		t.Errorf("check changed the host: %+v", h)
	}
	run, err := runner.RunPlaybook(t.Context(), patch())
	if err != nil || run.Check || !run.Completed || run.Changed != 1 || run.OK != 2 {
		t.Errorf("run says %+v, %v", run, err)
	}
	again, err := l.open(t).RunPlaybook(t.Context(), patch())
	if err != nil || !again.Completed || again.Changed != 1 {
		t.Errorf("asked again: %+v, %v; want the first run's report", again, err)
	}
	h := l.host(t)
	if h.Packages["vsftpd"].Vulnerable() || !h.Packages["apache"].Vulnerable() || h.Started != 1 || h.Completed != 1 {
		t.Errorf("host is %+v after one run for one CVE", h)
	}
	next := patch()
	next.ActionID = "i-1-3"
	if idle, err := runner.RunPlaybook(t.Context(), next); err != nil || !idle.Completed || idle.Changed != 0 {
		t.Errorf("another action's run says %+v, %v; want nothing to change", idle, err)
	}
}

func TestRunIsJudgedByItsStatistics(t *testing.T) {
	for name, c := range map[string]struct {
		change      func(*ansibletest.Host)
		unreachable int
		failed      int
		line        string
	}{
		"unreachable": {func(h *ansibletest.Host) { h.Unreachable = true }, 1, 0, "unreachable: look at packages"},
		"failed":      {func(h *ansibletest.Host) { h.Fails = true }, 0, 1, "failed: upgrade vsftpd"},
	} {
		l := newLab(t)
		l.change(t, c.change)
		report, err := l.open(t).RunPlaybook(t.Context(), patch())
		if err != nil || report.Completed || report.Interrupted || report.Unreachable != c.unreachable || report.Failed != c.failed || report.Reason == "" || !slices.Contains(report.Tasks, c.line) {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

func TestExactlyOneHostIsReached(t *testing.T) {
	l := newLab(t)
	runner := l.open(t)
	for _, host := range []string{"", " ", "all", "webservers", "web-*", "web-01,web-02", "web-01:web-02", "!web-02", "@hosts", "-i", "ghost", "../x"} {
		req := patch()
		req.Host = host
		for what, run := range map[string]func(context.Context, activities.PlaybookRequest) (activities.PlaybookReport, error){"check": runner.CheckPlaybook, "run": runner.RunPlaybook} {
			report, err := run(t.Context(), req)
			var mark interface{ Permanent() bool }
			if !errors.As(err, &mark) || !mark.Permanent() {
				t.Errorf("%s of %q: %+v, %v; want a permanent error", what, host, report, err)
			}
		}
	}
	for _, change := range []func(*activities.PlaybookRequest){
		func(r *activities.PlaybookRequest) { r.Playbook = "nuke" },
		func(r *activities.PlaybookRequest) { r.Playbook = "lost" },
		func(r *activities.PlaybookRequest) { r.ActionID = "" },
		func(r *activities.PlaybookRequest) { r.Attempt = 2 },
	} {
		req := patch()
		change(&req)
		if report, err := runner.RunPlaybook(t.Context(), req); err == nil {
			t.Errorf("%+v ran: %+v", req, report)
		}
	}
	if h := l.host(t); h.Started != 0 {
		t.Errorf("%d runs began", h.Started)
	}
}

func TestKilledWorkerLeavesNoProcess(t *testing.T) {
	l := newLab(t)
	l.change(t, func(h *ansibletest.Host) { h.PauseMillis = 60_000 })
	worker := startWorker(t, l.config, patch())
	eventually(t, "the run begins", func() bool { return l.host(t).Started == 1 })
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait()
	eventually(t, "the run's process ends with its worker", func() bool { return len(processesOf(l.config.RunDir)) == 0 })
	l.change(t, func(h *ansibletest.Host) { h.PauseMillis = 0 })
	for range 2 {
		report, err := l.open(t).RunPlaybook(t.Context(), patch())
		if err != nil || !report.Interrupted || report.Completed || report.Reason == "" {
			t.Errorf("the next attempt says %+v, %v; want interrupted", report, err)
		}
	}
	if h := l.host(t); h.Started != 1 {
		t.Errorf("%d runs began; an interrupted one is not repeated by itself", h.Started)
	}
	further := patch()
	further.Attempt = 2
	report, err := l.open(t).RunPlaybook(t.Context(), further)
	if h := l.host(t); err != nil || !report.Completed || h.Started != 2 || h.Completed != 1 || h.Beside != 0 {
		t.Errorf("a further attempt that was asked for: %+v, %v, host %+v", report, err, h)
	}
}

// processesOf lists processes whose command line names dir.
func processesOf(dir string) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), dir) {
			found = append(found, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return found
}

func TestSecondWorkerWaitsForTheFirst(t *testing.T) {
	l := newLab(t)
	l.change(t, func(h *ansibletest.Host) { h.PauseMillis = 300 })
	worker := startWorker(t, l.config, patch())
	eventually(t, "the run begins", func() bool { return l.host(t).Started == 1 })
	report, err := l.open(t).RunPlaybook(t.Context(), patch())
	if err != nil || !report.Completed || report.Changed != 1 {
		t.Errorf("the second worker says %+v, %v; want the first one's report", report, err)
	}
	if err := worker.Wait(); err != nil {
		t.Error(err)
	}
	if h := l.host(t); h.Started != 1 || h.Completed != 1 || h.Beside != 0 {
		t.Errorf("host is %+v; want one run", h)
	}
}

func TestRunThatTakesTooLongIsInterrupted(t *testing.T) {
	l := newLab(t)
	l.config.Timeout = 2 * time.Second
	l.change(t, func(h *ansibletest.Host) { h.PauseMillis = 60_000 })
	began := time.Now()
	report, err := l.open(t).RunPlaybook(t.Context(), patch())
	if err != nil || !report.Interrupted || report.Completed {
		t.Errorf("got %+v, %v", report, err)
	}
	if left := processesOf(l.config.RunDir); len(left) != 0 || time.Since(began) > 15*time.Second {
		t.Errorf("after %s these are left: %v", time.Since(began), left)
	}
}

func TestProgramThatIsMissingMayBeTriedAgain(t *testing.T) {
	l := newLab(t)
	whole := l.config.Program
	l.config.Program = "/nowhere/ansible-playbook"
	if report, err := l.open(t).RunPlaybook(t.Context(), patch()); err == nil {
		t.Errorf("no program: %+v", report)
	}
	l.config.Program = whole
	if report, err := l.open(t).RunPlaybook(t.Context(), patch()); err != nil || !report.Completed {
		t.Errorf("the program is back: %+v, %v", report, err)
	}
}

func TestNoSecretReachesTheProgramOrTheFolder(t *testing.T) {
	l := newLab(t)
	t.Setenv("SALLYPORT_VAULT_TEST", "vault-secret")
	l.config.Vault = "env:SALLYPORT_VAULT_TEST"
	l.change(t, func(h *ansibletest.Host) { h.PauseMillis = 300 })
	runner := l.open(t)
	done := make(chan error, 1)
	go func() {
		_, err := runner.RunPlaybook(t.Context(), patch())
		done <- err
	}()
	var environment string
	eventually(t, "the run begins", func() bool {
		pid := l.host(t).Running
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		environment = string(text)
		return pid > 0 && err == nil
	})
	for _, line := range processesOf(l.config.RunDir) {
		if strings.Contains(line, "vault-secret") {
			t.Errorf("the secret is in argv: %s", line)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if environment == "" || strings.Contains(environment, "vault-secret") {
		t.Errorf("the worker's environment reached the program: %q", environment)
	}
	_ = filepath.WalkDir(l.config.RunDir, func(path string, entry os.DirEntry, err error) error {
		if text, readErr := os.ReadFile(path); err == nil && readErr == nil && strings.Contains(string(text), "vault-secret") {
			t.Errorf("%s keeps the secret", path)
		}
		if info, infoErr := entry.Info(); infoErr == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %s", path, info.Mode())
		}
		return nil
	})
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	l := newLab(t)
	if found, err := l.open(t).Check(t.Context()); !strings.HasPrefix(found, "ansible-playbook [core") || err == nil || !strings.Contains(err.Error(), "playbook lost") {
		t.Errorf("found %q, %v; want the version, and the playbook that is not there", found, err)
	}
	delete(l.config.Playbooks, "lost")
	if _, err := l.open(t).Check(t.Context()); err != nil {
		t.Error(err)
	}
	l.config.Program = "/nowhere/ansible-playbook"
	if _, err := l.open(t).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "install ansible-core") {
		t.Errorf("no program: %v", err)
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	good := newLab(t).config
	for name, c := range map[string]struct {
		change func(*ansible.Config)
		fields []string
	}{
		"good":     {func(*ansible.Config) {}, nil},
		"empty":    {func(c *ansible.Config) { *c = ansible.Config{} }, []string{"inventory", "run_dir", "playbooks"}},
		"relative": {func(c *ansible.Config) { c.Playbooks = map[string]string{"patch": "patch.yml"} }, []string{"playbooks.patch"}},
		"option":   {func(c *ansible.Config) { c.Playbooks = map[string]string{"-v": "/patch.yml"} }, []string{"playbooks.-v"}},
		"negative": {func(c *ansible.Config) { c.Timeout = -1 }, []string{"timeout"}},
	} {
		given := good
		c.change(&given)
		var fields []string
		for _, fault := range given.Validate() {
			fields = append(fields, fault.Field)
		}
		if !slices.Equal(fields, c.fields) {
			t.Errorf("%s: faults of %v, want %v", name, fields, c.fields)
		}
	}
}
