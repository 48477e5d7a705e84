package main

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// kills is how often the process is killed: once in each phase, at a random moment of it, and the rest wherever the
// chain then is, a start that is under way included.
const kills = 10

// The phases that must be hit.
const (
	inEnrich   = "enrich"
	inApply    = "between apply and confirm"
	inScan     = "scan"
	inApproval = "waiting for approval"
	inHold     = "hold"
	inPlaybook = "mid-playbook"
	inRelease  = "release"
)

var phases = []string{inEnrich, inApply, inScan, inApproval, inHold, inPlaybook, inRelease}

// TestKilledAtRandomMoments kills the whole process ten times while an incident runs; the systems around it live on.
// Afterwards there is one case, one block on each system and its release in time, one scan of each purpose, a playbook
// that ran once, and an audit chain without a break. SALLYPORT_KILL_SEED repeats a run.
func TestKilledAtRandomMoments(t *testing.T) {
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			o := newOffice(t)
			if store == "postgres" {
				o.usePostgres()
			}
			k := &killing{office: o, random: rand.New(rand.NewPCG(killSeed(t), 1)), missing: slices.Clone(phases)} //nolint:gosec // repeatable on purpose
			k.slowDown()
			o.play()
			k.all()
			o.mend("misp", "pfsense", "ansible")
			o.up()
			r := o.awaitClosed(6 * time.Minute)
			o.expectOnce(r)
			expectInterrupted(t, r, o.look())
		})
	}
}

func killSeed(t *testing.T) (seed uint64) {
	t.Helper()
	seed = rand.Uint64()
	if text := os.Getenv("SALLYPORT_KILL_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SALLYPORT_KILL_SEED=%d", seed)
	return seed
}

// killing is a run of kills.
type killing struct {
	*office

	random  *rand.Rand
	missing []string // phases in which nobody was killed yet
	hit     []string
}

// slowDown makes each phase last long enough to be hit: the office answers slowly, and blocks end late enough that
// there is a hold between their confirmation and their release.
func (k *killing) slowDown() {
	k.t.Helper()
	k.editPlan("for: 12s", "for: 60s")
	k.editPlan("for: 10s", "for: 45s")
	k.inject(
		lab.Fault{System: "misp", Kind: lab.Slow, For: 8 * time.Second, Count: 1000},
		lab.Fault{System: "pfsense", Kind: lab.Late, Calls: "POST /api/v2/firewall/apply", For: 6 * time.Second, Count: 1000},
		lab.Fault{System: "gvm", Kind: lab.Slow, For: 5 * time.Second},
		lab.Fault{System: "ansible", Kind: lab.Slow, For: 6 * time.Second},
	)
}

// all kills ten times. Which kills wait for a phase, and when in it they come, is random; which phase comes first is the
// chain's own order.
func (k *killing) all() {
	k.t.Helper()
	anywhere := k.random.Perm(kills)[:kills-len(phases)]
	for n := range kills {
		if slices.Contains(anywhere, n) {
			k.killAnywhere()
		} else {
			k.killInPhase()
		}
	}
	k.t.Logf("killed in: %s", strings.Join(k.hit, ", "))
	if len(k.missing) > 0 {
		k.t.Fatalf("no kill in: %s", strings.Join(k.missing, ", "))
	}
}

func (k *killing) killAnywhere() {
	k.t.Helper()
	up := k.launch()
	for end := time.Now().Add(time.Duration(300+k.random.IntN(4700)) * time.Millisecond); time.Now().Before(end); {
		k.approveIfMay()
		k.pause(50 * time.Millisecond)
	}
	up.kill()
	k.hit = append(k.hit, "anywhere ("+lastWord(k.records())+")")
}

// killInPhase lets the house run until it is in a phase that is missing, and kills it at a random moment of that.
func (k *killing) killInPhase() {
	k.t.Helper()
	up := k.up()
	later := time.Duration(k.random.IntN(700)) * time.Millisecond
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); k.pause(20 * time.Millisecond) {
		k.approveIfMay()
		phase := k.phase()
		if phase == "" {
			continue
		}
		k.pause(later)
		if k.phase() != phase { // it was over too soon
			continue
		}
		up.kill()
		k.hit = append(k.hit, phase)
		k.missing = slices.DeleteFunc(k.missing, func(name string) bool { return name == phase })
		switch phase {
		case inEnrich:
			k.mend("misp")
		case inApply: // from now on the wall is slow before a change, so that a release can be cut off while the block stands
			k.mend("pfsense")
			k.inject(lab.Fault{System: "pfsense", Kind: lab.Slow, Calls: "PATCH /api/v2/firewall/alias", For: 6 * time.Second, Count: 1000})
		}
		return
	}
	k.t.Fatalf("after kills in %v: none of %v came:\n%s", k.hit, k.missing, told(k.records()))
}

// approveIfMay approves once the wait for approval was hit.
func (k *killing) approveIfMay() {
	if !slices.Contains(k.missing, inApproval) {
		k.approve()
	}
}

// phase is the first missing phase that the chain is in now, by what the systems and the record show; or "".
func (k *killing) phase() string {
	k.t.Helper()
	world := k.look()
	var r activities.IncidentRecord
	if records := k.records(); len(records) > 0 {
		r = records[0]
	}
	for _, name := range k.missing {
		if within(name, world, r) {
			return name
		}
	}
	return ""
}

func within(phase string, world lab.State, r activities.IncidentRecord) bool {
	wall := blockOn(r, "pfsense")
	switch phase {
	case inEnrich:
		return world.Held["misp"] > 0
	case inApply: // in force, and the firewall has not answered yet
		return world.Held["pfsense"] > 0 && onWall(world) && wall.State == string(soar.Planned)
	case inScan:
		return slices.ContainsFunc(world.Scans, func(s gvmtest.Scan) bool { return s.Status != "Done" })
	case inApproval:
		return len(r.Pending) > 0
	case inHold:
		host := blockOn(r, "wazuh")
		return host.State == string(soar.Contained) && time.Until(*host.Expires) > 2*time.Second
	case inPlaybook:
		for _, host := range world.Hosts.Hosts {
			if host.Running != 0 && host.Completed == 0 {
				return true
			}
		}
	case inRelease: // asked for, and not done yet
		return world.Held["pfsense"] > 0 && onWall(world) && wall.State == string(soar.Contained) && time.Now().After(*wall.Expires)
	}
	return false
}

func blockOn(r activities.IncidentRecord, system string) activities.ActionRecord {
	for _, a := range r.Actions {
		if a.System == system && a.Kind == soar.BlockAddress {
			return a
		}
	}
	return activities.ActionRecord{}
}

func onWall(world lab.State) bool {
	return slices.ContainsFunc(world.Blocked, func(what string) bool { return strings.HasPrefix(what, "pfsense ") })
}

func lastWord(records []activities.IncidentRecord) string {
	if len(records) == 0 || len(records[0].Timeline) == 0 {
		return "no incident yet"
	}
	return records[0].Timeline[len(records[0].Timeline)-1].Text
}

// expectInterrupted wants the playbook's run that was killed told as such, never as done, and never run again.
func expectInterrupted(t *testing.T, r activities.IncidentRecord, world lab.State) {
	t.Helper()
	if len(r.Remediation) != 1 || r.Remediation[0].Status != "interrupted" || r.Remediation[0].Reason == "" {
		t.Errorf("remediation %+v, want one that was interrupted, and says so", r.Remediation)
	}
	for name, host := range world.Hosts.Hosts {
		if host.Started != 1 || host.Completed != 0 {
			t.Errorf("host %s: playbook started %d times and completed %d times, want one start that was cut off", name, host.Started, host.Completed)
		}
	}
	if len(world.Cases) != 1 {
		t.Errorf("%d cases, want one", len(world.Cases))
	}
}
