package ansible_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/ansible"
	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
)

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
	l.change(t, func(h *ansibletest.Host) { h.PauseMillis = 1500 }) // long enough to be seen
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
