package workflows_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/ansible/ansibletest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// hosts is the file of the office's hosts.
func (w *world) hosts() string {
	return filepath.Join(filepath.Dir(w.office.ConfigFile()), "hosts.json")
}

// host is the attacked host as it is now.
func (w *world) host() ansibletest.Host {
	w.t.Helper()
	hosts, err := ansibletest.Read(w.hosts())
	if err != nil {
		w.t.Fatal(err)
	}
	return *hosts.Hosts["shop-01"]
}

func (w *world) change(change func(*ansibletest.Host)) {
	w.t.Helper()
	if err := ansibletest.Update(w.hosts(), func(h *ansibletest.Hosts) error { change(h.Hosts["shop-01"]); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

func TestRemediate(t *testing.T) {
	approves := func(w *world) { w.decides(10*time.Minute, "ana", "ansible") }
	tests := map[string]struct {
		play   func(w *world)
		status string
		reason string
		proved bool
		runs   int // real ones
	}{
		"a scan proves it": {approves, "done", "a scan proves that what was to be mended is gone", true, 1},
		"check mode fails": {func(w *world) { w.change(func(h *ansibletest.Host) { h.Unreachable = true }) }, "failed", "check mode did not complete", false, 0},
		"denied":           {func(w *world) { w.decides(10*time.Minute, "ana", "ansible", denies) }, "denied", "", false, 0},
		"silence means no": {func(*world) {}, "expired", "", false, 0},
		"the upgrade fails": {func(w *world) {
			w.at(5*time.Minute, func() { w.change(func(h *ansibletest.Host) { h.Fails = true }) })
			approves(w)
		}, "failed", "a task failed", false, 1},
		"the run is cut off":   {func(w *world) { approves(w); w.cutsOff() }, "interrupted", "the run was cut off", false, 1},
		"the CVE is there yet": {func(w *world) { approves(w); w.weakens() }, "failed", "the scan still finds CVE-2011-2523", false, 1},
		"the rescan sees a dead host": {func(w *world) {
			w.at(5*time.Minute, func() { w.change(func(h *ansibletest.Host) { h.Ports = nil }) })
			approves(w)
		}, "unproved", "the host does not answer the scan", false, 1},
		"nothing may begin": {func(w *world) { w.throws(5*time.Minute, activities.HaltUpdate, "ana", "maintenance"); approves(w) }, "refused", "halted by ana: maintenance", false, 0},
	}
	for name, tt := range tests {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			w := newWorld(t, planOf(nil, patch))
			w.attacked(time.Second)
			tt.play(w)

			w.plays(3 * day)

			r := w.record()
			if len(r.Remediation) != 1 {
				t.Fatalf("remediation %+v", r.Remediation)
			}
			m := r.Remediation[0]
			if m.Status != tt.status || m.Proved != tt.proved || !strings.Contains(m.Reason, tt.reason) {
				t.Errorf("it ends as %s, proved %v: %s", m.Status, m.Proved, m.Reason)
			}
			if h := w.host(); h.Started != tt.runs || h.Beside != 0 {
				t.Errorf("%d runs began, %d beside another", h.Started, h.Beside)
			}
			if a := w.action(r, "ansible", "shop-01"); a.State != tt.status || r.Closed == nil || len(r.Pending) != 0 {
				t.Errorf("the incident is %s, its action %+v, and %+v waits", r.Status, a, r.Pending)
			}
		})
	}
}

// weakens installs the old package again once it was upgraded, before the workflow hears of that and asks for the scan.
func (w *world) weakens() {
	w.env.SetOnActivityCompletedListener(func(info *activity.Info, _ converter.EncodedValue, _ error) {
		if info.ActivityType.Name == activities.RunPlaybook.Name && w.host().Completed == 1 {
			w.change(func(h *ansibletest.Host) { h.Packages["vsftpd"].Installed = "2.3.4-1" })
		}
	})
}

// cutsOff kills the playbook of the real run once it is at it, as a machine that goes down does.
func (w *world) cutsOff() {
	w.at(5*time.Minute, func() { w.change(func(h *ansibletest.Host) { h.PauseMillis = 30_000 }) })
	w.once(func(h *ansibletest.Host) bool { return h.Running != 0 }, func(h *ansibletest.Host) {
		if process, err := os.FindProcess(h.Running); err == nil {
			_ = process.Kill()
		}
	})
}

// once looks at the host beside the play, and does something when it is so.
func (w *world) once(is func(*ansibletest.Host) bool, do func(*ansibletest.Host)) {
	file := w.hosts()
	go func() {
		for {
			select {
			case <-w.t.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
			if hosts, err := ansibletest.Read(file); err == nil && is(hosts.Hosts["shop-01"]) {
				do(hosts.Hosts["shop-01"])
				return
			}
		}
	}()
}

func TestARemediationIsAskedShownAndAudited(t *testing.T) {
	w := newWorld(t, twoPeople(), policyWith(
		"  - {kinds: [patch], from_severity: 4, people: 1, groups: [responders]}", "  - {kinds: [patch], people: 2, groups: [responders]}"), planOf(nil, patch))
	w.attacked(time.Second)
	first := w.decides(10*time.Minute, "ana", "ansible")
	again := w.decides(11*time.Minute, "ana", "ansible")
	w.at(12*time.Minute, func() {
		p := w.now().Pending
		if len(p) != 1 || p[0].Needs != 2 || len(p[0].Approved) != 1 || !strings.HasPrefix(p[0].Workflow, "remediate/") {
			t.Errorf("the incident's record says that %+v waits", p)
		}
	})
	other := w.decides(13*time.Minute, "ben", "ansible")

	w.plays(3 * day)

	if first.refused() != nil || again.refused() == nil || other.outcome != soar.Approved {
		t.Errorf("ana: %v, ana again: %v, ben: %v", first.refused(), again.refused(), other.outcome)
	}
	r := w.record()
	a := w.action(r, "ansible", "shop-01")
	if a.Outcome != soar.Approved || len(a.DecidedBy) != 2 {
		t.Errorf("the action was %s by %v", a.Outcome, a.DecidedBy)
	}
	did := map[string]string{}
	for _, e := range w.chain() {
		did[e.Actor] += e.What + " "
	}
	want := map[string]string{
		"ana": "decided ", "ben": "decided ", activities.ActorRemediation: "asked granted ", activities.ActorEnvelope: "playbook begun playbook completed ",
	}
	for actor, what := range want {
		if did[actor] != what {
			t.Errorf("the audit log says that %s did %q, want %q", actor, did[actor], what)
		}
	}
	w.told(r, "decided by ana (cli), ben (cli)")
}
