package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// trouble is faults that come when the chain is at some point. What comes when nothing is named is there from the start.
type trouble struct {
	when   func(activities.IncidentRecord, lab.State) bool
	faults []lab.Fault
}

// TestEverySystemFails lets every system of the chain fail in one way, in the midst of the chain. The house must come to
// a right end each time, or say what is unconfirmed, and nothing may happen twice.
func TestEverySystemFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		holds    string // how long blocks are to last
		troubles []trouble
	}{
		"503 for half a minute":             {"60s", outages()},
		"a connection cut after the effect": {"40s", cuts()},
		"a wrong body":                      {"40s", wrongBodies()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each in an office of its own, most of the time waiting
			o := newOffice(t, "--slack")
			o.editPlan("for: 12s", "for: "+tt.holds)
			o.editPlan("for: 10s", "for: "+tt.holds)
			o.up()
			o.play()
			r := o.suffer(tt.troubles, 8*time.Minute)
			o.expectOnce(r)
			o.expectTrue(r)
			o.expectAsked(r)
			for system := range named(tt.troubles) {
				if met := o.look().Met[system]; met == 0 {
					t.Errorf("no call to %s met its fault", system)
				}
			}
			t.Logf("met %v\n%s", o.look().Met, told([]activities.IncidentRecord{r}))
		})
	}
}

// named are the systems that are to fail: every one that the chain has.
func named(troubles []trouble) map[string]bool {
	systems := map[string]bool{}
	for _, one := range troubles {
		for _, f := range one.faults {
			systems[f.System] = true
		}
	}
	return systems
}

func TestFaultsNameEverySystem(t *testing.T) {
	want := []string{"ansible", "cortex", "gvm", "misp", "opensearch", "pfsense", "slack", "thehive", "wazuh"}
	for name, troubles := range map[string][]trouble{"outages": outages(), "cuts": cuts(), "wrong bodies": wrongBodies()} {
		if got := slices.Sorted(maps.Keys(named(troubles))); !slices.Equal(got, want) {
			t.Errorf("%s break %v, want %v", name, got, want)
		}
	}
}

// suffer lets the faults come, approves what waits, and returns the incident once it is over.
func (o *office) suffer(troubles []trouble, within time.Duration) activities.IncidentRecord {
	o.t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); o.pause(100 * time.Millisecond) {
		var r activities.IncidentRecord
		if records := o.records(); len(records) > 0 {
			r = records[0]
		}
		world := o.look()
		troubles = slices.DeleteFunc(troubles, func(one trouble) bool {
			due := one.when == nil || one.when(r, world)
			if due {
				o.inject(one.faults...)
			}
			return due
		})
		if r.Closed != nil && len(world.Blocked) == 0 {
			return r
		}
		o.approveOf(r)
	}
	o.t.Fatalf("not over after %s: %s\nmet %v", within, told(o.records()), o.look().Met)
	return activities.IncidentRecord{}
}

// expectTrue compares the incident's words with the world: what it calls confirmed was in force, what was in force is told
// as contained or as unconfirmed, and what it calls proved is patched.
func (o *office) expectTrue(r activities.IncidentRecord) {
	o.t.Helper()
	world := o.look()
	for _, a := range r.Actions {
		if a.Kind != soar.BlockAddress {
			continue
		}
		seen := slices.ContainsFunc(world.Spans, func(s lab.Span) bool { return systemOf(s) == a.System })
		confirmed := a.ConfirmedAt != nil
		if confirmed && !seen {
			o.t.Errorf("%s on %s is called confirmed, and never was in force", a.Target, a.System)
		}
		if !confirmed && !tells(r, "on "+a.System, "unconfirmed") && !tells(r, "on "+a.System, "is undone") {
			o.t.Errorf("%s on %s was not confirmed, and nothing says so: %s", a.Target, a.System, told([]activities.IncidentRecord{r}))
		}
	}
	for _, m := range r.Remediation {
		for _, host := range world.Hosts.Hosts {
			for name, p := range host.Packages {
				if m.Proved && p.Vulnerable() {
					o.t.Errorf("remediation is proved, and %s is still vulnerable", name)
				}
			}
		}
		if !m.Proved && m.Reason == "" {
			o.t.Errorf("remediation %+v is not proved, and does not say why", m)
		}
	}
	if len(world.Cases) != 1 || world.Cases[0].Stage != "Closed" {
		o.t.Errorf("cases %+v, want one that is closed", world.Cases)
	}
}

// expectAsked wants a card in Slack for each block that people were asked about.
func (o *office) expectAsked(r activities.IncidentRecord) {
	o.t.Helper()
	asked := requests(o.look().Cards)
	for _, a := range r.Actions {
		if a.Kind == soar.BlockAddress && a.Outcome != "" && !slices.Contains(asked, a.ID) {
			o.t.Errorf("%s on %s was asked for, and Slack has no card of it: %v", a.Target, a.System, asked)
		}
	}
}

// tells reports whether a line of the timeline has all these words.
func tells(r activities.IncidentRecord, words ...string) bool {
	return slices.ContainsFunc(r.Timeline, func(e activities.TimelineEntry) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(e.Text, word) })
	})
}
