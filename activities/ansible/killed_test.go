package ansible_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
)

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

func TestAKilledWorkersPasswordIsForgotten(t *testing.T) {
	l := newLab(t)
	long := time.Now().Add(-time.Hour)
	for name, age := range map[string]time.Time{"run-killed": long, "run-begins": time.Now()} {
		folder := filepath.Join(l.config.RunDir, name)
		err := os.MkdirAll(folder, 0o700)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, "vault"), []byte("secret"), 0o600)
		}
		if err == nil {
			err = os.Chtimes(filepath.Join(folder, "vault"), age, age)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l.open(t)
	left, err := filepath.Glob(filepath.Join(l.config.RunDir, "*", "vault"))
	if err != nil || len(left) != 1 || !strings.Contains(left[0], "run-begins") {
		t.Errorf("left: %v, %v; want that of the run that may be about to begin", left, err)
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
	if left := processesOf(l.config.RunDir); len(left) != 0 || time.Since(began) > 50*time.Second { // the play would take a minute
		t.Errorf("after %s these are left: %v", time.Since(began), left)
	}
}
