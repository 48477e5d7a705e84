package ansible_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/ansible"
)

// realConfig runs the real ansible-playbook on the hosts of deploy/lab/ansible.sh, over ssh.
func realConfig(t *testing.T) ansible.Config {
	t.Helper()
	inventory, playbooks := os.Getenv("SALLYPORT_ANSIBLE_INVENTORY"), os.Getenv("SALLYPORT_ANSIBLE_PLAYBOOKS")
	if inventory == "" || playbooks == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no hosts for Ansible: start deploy/lab/ansible.sh and set what it prints")
		}
		t.Skip("no hosts for Ansible: start deploy/lab/ansible.sh and set what it prints")
	}
	c := ansible.Config{Inventory: inventory, PrivateKey: os.Getenv("SALLYPORT_ANSIBLE_KEY"), RunDir: filepath.Join(t.TempDir(), "runs"), Playbooks: map[string]string{}}
	for _, name := range []string{"change", "slow", "fail", "nobody", "broken"} {
		c.Playbooks[name] = filepath.Join(playbooks, name+".yml")
	}
	return c
}

func openReal(t *testing.T, c ansible.Config) *ansible.Runner {
	t.Helper()
	runner, err := ansible.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return runner
}

// onLab asks for a playbook on a host of the lab, and returns the folder in which that host's files lie.
func onLab(t *testing.T, playbook, action string) (activities.PlaybookRequest, string) {
	t.Helper()
	own := filepath.Join(os.Getenv("SALLYPORT_ANSIBLE_ROOT"), "lab-01")
	for _, name := range []string{"notice", "began"} {
		if err := os.RemoveAll(filepath.Join(own, name)); err != nil {
			t.Fatal(err)
		}
	}
	return activities.PlaybookRequest{Incident: "i-1", ActionID: action, Playbook: playbook, Host: "lab-01"}, own
}

func TestRealAnsibleChecksRunsAndHasNothingLeftToChange(t *testing.T) {
	c := realConfig(t)
	runner := openReal(t, c)
	req, own := onLab(t, "change", "i-1-1")
	check, err := runner.CheckPlaybook(t.Context(), req)
	if err != nil || !check.Completed || !check.Check || check.Changed != 1 || !slices.Equal(check.Tasks, []string{"changed: write the notice"}) {
		t.Errorf("check says %+v, %v", check, err)
	}
	if _, err := os.Stat(filepath.Join(own, "notice")); err == nil {
		t.Error("check mode wrote the file")
	}
	run, err := runner.RunPlaybook(t.Context(), req)
	if text, readErr := os.ReadFile(filepath.Join(own, "notice")); err != nil || readErr != nil || !run.Completed || run.Changed != 1 || !strings.Contains(string(text), "i-1") {
		t.Errorf("run says %+v, %v; the host has %q", run, err, text)
	}
	req.ActionID = "i-1-2"
	second, err := runner.RunPlaybook(t.Context(), req)
	if err != nil || !second.Completed || second.Changed != 0 || second.OK != 1 {
		t.Errorf("second run says %+v, %v; want nothing changed", second, err)
	}
	_ = filepath.WalkDir(c.RunDir, func(path string, _ os.DirEntry, _ error) error {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "secret-content") {
			t.Errorf("%s keeps a diff's content", path)
		}
		return nil
	})
}

func TestRealAnsibleThatDidNotDoItIsNotCompleted(t *testing.T) {
	runner := openReal(t, realConfig(t))
	for name, c := range map[string]struct {
		playbook, host string
		refused        bool
		unreachable    int
		failed         int
	}{
		"host that is gone":          {"change", "lab-gone", false, 1, 0},
		"task that fails":            {"fail", "lab-01", false, 0, 1},
		"a group's name":             {"change", "hosts", true, 0, 0},
		"everything":                 {"change", "all", true, 0, 0},
		"host that nobody knows":     {"change", "lab-99", true, 0, 0},
		"play that reaches no host":  {"nobody", "lab-01", true, 0, 0},
		"playbook that is no list":   {"broken", "lab-01", true, 0, 0},
		"host of another play alone": {"nobody", "lab-02", true, 0, 0},
	} {
		req, _ := onLab(t, c.playbook, "i-2-"+strings.ReplaceAll(name, " ", "-"))
		req.Host = c.host
		report, err := runner.RunPlaybook(t.Context(), req)
		if (err != nil) != c.refused || report.Completed || report.Unreachable != c.unreachable || report.Failed != c.failed {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		if err == nil && (report.Reason == "" || strings.Contains(strings.Join(report.Tasks, " "), "hidden-message")) {
			t.Errorf("%s: reason %q, tasks %q", name, report.Reason, report.Tasks)
		}
	}
}

func TestKilledWorkerLeavesNoProcessOfRealAnsible(t *testing.T) {
	c := realConfig(t)
	req, own := onLab(t, "slow", "i-3-1")
	worker := startWorker(t, c, req)
	eventually(t, "the run begins", func() bool { _, err := os.Stat(filepath.Join(own, "began")); return err == nil })
	eventually(t, "ssh runs the slow task", func() bool { return len(processesOf("sleep\x0015")) > 0 })
	if err := worker.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = worker.Wait()
	eventually(t, "Ansible and ssh end with the worker", func() bool { return len(processesOf(c.RunDir)) == 0 && len(processesOf("10.98.0.11\x00")) == 0 })
	report, err := openReal(t, c).RunPlaybook(t.Context(), req)
	if err != nil || !report.Interrupted || report.Completed {
		t.Errorf("the next attempt says %+v, %v; want interrupted", report, err)
	}
}
