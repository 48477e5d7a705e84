package ansible_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/ansible"
	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
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

// TestStandInTellsWhatRealAnsibleTells holds the stand-in's event lines against the plug-in's: the same events, with the
// same facts.
func TestStandInTellsWhatRealAnsibleTells(t *testing.T) {
	c := realConfig(t)
	req, _ := onLab(t, "change", "i-4-1")
	bad, _ := onLab(t, "fail", "i-4-2")
	gone, _ := onLab(t, "change", "i-4-3")
	gone.Host = "lab-gone"
	l := newLab(t)
	unwell := patch()
	unwell.ActionID, unwell.CVEs = "i-4-5", []string{"CVE-2021-41773"}
	lost := patch()
	lost.ActionID = "i-4-6"
	for _, r := range []activities.PlaybookRequest{req, bad, gone} {
		if _, err := openReal(t, c).RunPlaybook(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		change func(*ansibletest.Host)
		req    activities.PlaybookRequest
	}{
		{func(*ansibletest.Host) {}, patch()},
		{func(h *ansibletest.Host) { h.Fails = true }, unwell},
		{func(h *ansibletest.Host) { h.Unreachable = true }, lost},
	} {
		l.change(t, step.change)
		if _, err := l.open(t).RunPlaybook(t.Context(), step.req); err != nil {
			t.Fatal(err)
		}
	}
	want, got := shapes(t, c.RunDir), shapes(t, l.config.RunDir)
	if len(want) != 6 || !maps.Equal(want, got) {
		t.Errorf("real Ansible tells %v, the stand-in %v", want, got)
	}
}

// shapes lists the facts of each event in the runs below dir.
func shapes(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(dir, "run-*", "events.jsonl"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var facts map[string]any
			if err := json.Unmarshal([]byte(line), &facts); err != nil {
				t.Fatalf("%s: %q: %v", file, line, err)
			}
			name, _ := facts["event"].(string)
			if hosts, ok := facts["hosts"].(map[string]any); ok {
				for _, own := range hosts {
					facts["counts"] = slices.Sorted(maps.Keys(own.(map[string]any)))
				}
			}
			found[name] = fmt.Sprint(slices.Sorted(maps.Keys(facts)), facts["counts"])
		}
	}
	return found
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
