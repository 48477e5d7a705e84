package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/pfsense/pfsensetest"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// The recorded brute force: who was attacked, from where.
const (
	recordedHost, recordedAgent = "ah2", "002"
	recordedAttacker            = "10.98.0.19"
)

// recordedAlerts are alerts that Wazuh 4.14.7's own analysisd made of log lines of real programs: an ssh brute force and
// the login after it on agent 002, and what Suricata saw on agent 001.
func recordedAlerts(t *testing.T) [][]byte {
	t.Helper()
	return lab.Lines(shared.Read(t, "samples/wazuh/alerts-analysisd-4.14.7.ndjson"))
}

// TestRecordedAlerts follows real alerts in a real OpenSearch to closed incidents. Only the systems are stand-ins.
func TestRecordedAlerts(t *testing.T) {
	alerts := recordedAlerts(t)
	address, _ := opensearchtest.Real(t)
	o, systems := newSite(t, lab.Options{OpenSearch: address, Events: alerts})
	o.up()
	o.play()
	records := o.awaitIncidents(2, 5*time.Minute)
	r := records["incident/host/"+recordedHost]
	expectBruteForce(t, r)
	expectBlockOnAgent(t, r)
	if held := systems.Firewall.InForce(); systems.Firewall.Applies() != 0 || fmt.Sprint(held) != "["+pfsensetest.Placeholder+"]" {
		t.Errorf("the perimeter was touched for an attacker inside the house: %d applies, %v", systems.Firewall.Applies(), held)
	}
	expectMended(t, r)
	world := o.look()
	if !slices.ContainsFunc(world.Spans, func(s lab.Span) bool { return s.What == "agent "+recordedHost+" "+recordedAttacker }) {
		t.Errorf("in force were %+v, want the attacker on agent %s", world.Spans, recordedHost)
	}
	closed := func(c string) bool {
		for _, at := range world.Cases {
			if at.ID == c {
				return at.Stage == "Closed" && strings.Contains(at.Summary, recordedAttacker)
			}
		}
		return false
	}
	if len(world.Cases) != 2 || r.Case.System != "thehive" || !closed(r.Case.ID) {
		t.Errorf("case %+v; the hive has %+v", r.Case, world.Cases)
	}
	o.expectAudited(r.ID)
	expectOneOwner(t, o)
}

// expectBruteForce wants both rules of the attack folded into one incident that was judged and is closed.
func expectBruteForce(t *testing.T, r activities.IncidentRecord) {
	t.Helper()
	var rules []string
	for _, rule := range r.Brief.Rules {
		rules = append(rules, rule.ID)
	}
	slices.Sort(rules)
	if fmt.Sprint(rules) != "[ssh-brute-force ssh-success-after-failures]" || r.Brief.Detections != 2 || r.Brief.Level != soar.Critical {
		t.Errorf("rules %v, %d detections of level %s", rules, r.Brief.Detections, r.Brief.Level)
	}
	if r.Status != "closed" || r.Verdict.Severity < 3 || len(r.Verdict.Reasons) == 0 || r.Verdict.Confidence != 1 {
		t.Errorf("status %s, verdict %+v", r.Status, r.Verdict)
	}
}

// expectBlockOnAgent wants one containment: asked, approved by a person's key, carried out on the attacked agent, read
// back, and released.
func expectBlockOnAgent(t *testing.T, r activities.IncidentRecord) {
	t.Helper()
	var blocked []activities.ActionRecord
	for _, a := range r.Actions {
		if a.Kind == soar.BlockAddress {
			blocked = append(blocked, a)
		}
	}
	if len(blocked) != 1 {
		t.Fatalf("blocks %+v, want one", blocked)
	}
	a := blocked[0]
	if a.System != "wazuh" || a.On != recordedAgent || a.Target != recordedAttacker {
		t.Errorf("blocked %s on %s %s, want %s on agent %s", a.Target, a.System, a.On, recordedAttacker, recordedAgent)
	}
	if a.Mode != soar.Ask || a.Outcome != soar.Approved || fmt.Sprint(a.DecidedBy) != "[ben (cli)]" {
		t.Errorf("mode %s, outcome %s by %v; want it asked, and approved by ben", a.Mode, a.Outcome, a.DecidedBy)
	}
	if a.State != string(soar.Released) || a.AppliedAt == nil || a.ConfirmedAt == nil || a.ReleasedAt == nil || a.ConfirmedAt.After(*a.ReleasedAt) {
		t.Errorf("it is %s: applied %v, confirmed %v, released %v", a.State, a.AppliedAt, a.ConfirmedAt, a.ReleasedAt)
	}
}

// expectMended wants the attacked host's vulnerability known, patched, and a scan that proves it.
func expectMended(t *testing.T, r activities.IncidentRecord) {
	t.Helper()
	known := slices.ContainsFunc(r.Exposure.Vulnerabilities, func(v activities.Vulnerability) bool {
		return v.Asset.Name == recordedHost && strings.HasPrefix(v.CVE, "CVE-")
	})
	if !known || len(r.Exposure.Scans) != 1 || !r.Exposure.Scans[0].Done {
		t.Errorf("exposure %+v", r.Exposure)
	}
	if len(r.Remediation) != 1 || r.Remediation[0].Status != "done" || !r.Remediation[0].Proved {
		t.Errorf("remediation %+v, want one that a scan proved", r.Remediation)
	}
}

// expectOneOwner wants every detection in the ledger claimed by exactly the incident of its entity.
func expectOneOwner(t *testing.T, o *office) {
	t.Helper()
	owners := map[string]string{}
	for _, r := range o.records() {
		owners[r.Entity.Name] = r.ID
	}
	for _, d := range o.ledger() {
		if d.Late || d.IncidentID == "" || d.IncidentID != owners[d.Entity.Name] {
			t.Errorf("%s on %s: late %v, claimed by %q, want %q", d.Rule.ID, d.Entity.Name, d.Late, d.IncidentID, owners[d.Entity.Name])
		}
	}
}

// TestRecordedAlertsThatAreLate leaves the alerts their times, as a restore from a snapshot does: their detections are
// kept, and nothing is opened.
func TestRecordedAlertsThatAreLate(t *testing.T) {
	alerts := recordedAlerts(t)
	address, _ := opensearchtest.Real(t)
	o, _ := newSite(t, lab.Options{OpenSearch: address, Events: alerts, Unmoved: true})
	o.edit(o.file, "poll: 250ms", "late_after: 24h, poll: 250ms")
	o.up()
	o.play()
	o.await(time.Minute, "the dispatcher has passed all five detections", func() bool {
		held, err := opensearch.NewCursors(o.state).Load(t.Context(), "dispatcher")
		if err != nil && !making(err) {
			t.Fatal(err)
		}
		return slices.ContainsFunc(held.Shards, func(p opensearch.Position) bool {
			return strings.HasPrefix(p.Index, "sallyport-detections-") && p.Seq >= 4
		})
	})
	rules := map[string]int{}
	for _, d := range o.ledger() {
		rules[d.Rule.ID]++
		if !d.Late || d.IncidentID != "" {
			t.Errorf("%s: late %v, incident %q", d.Rule.ID, d.Late, d.IncidentID)
		}
	}
	if rules["ssh-brute-force"] != 1 || rules["ssh-success-after-failures"] != 1 || len(o.ledger()) != 5 {
		t.Errorf("the ledger has %v", rules)
	}
	everybody := func(context.Context, soar.Entity) (bool, error) { return true, nil }
	sweep, err := opensearch.NewLedger(o.state).Unclaimed(t.Context(), time.Now().Add(time.Hour), everybody)
	if err != nil || len(sweep.Unclaimed) != 0 {
		t.Errorf("the sweep would signal %+v, %v", sweep, err)
	}
	if records, world := o.records(), o.look(); len(records) != 0 || len(world.Cases) != 0 || len(world.Scans) != 0 {
		t.Errorf("opened: %+v, cases %v, scans %v", records, world.Cases, world.Scans)
	}
}

// TestDemoOnARealOpenSearch leaves the server as it was: the same indices and templates before and after.
func TestDemoOnARealOpenSearch(t *testing.T) {
	address, _ := opensearchtest.Real(t)
	before := contents(t, address)
	r, _ := played(t, "--opensearch", address)
	if r.Incident.Status != "closed" || r.Incident.Key != "incident/host/shop-01" {
		t.Errorf("incident %+v", r.Incident)
	}
	if got := blocks(t, r); got["pfsense"] == "" || got["wazuh"] == "" {
		t.Errorf("blocked %v", got)
	}
	if after := contents(t, address); after != before {
		t.Errorf("it left something behind:\n%s\nbefore:\n%s", after, before)
	}
}

// contents lists a server's indices and templates.
func contents(t *testing.T, address string) string {
	t.Helper()
	var lists []string
	for _, path := range []string{"/_cat/indices?h=index&s=index&expand_wildcards=all", "/_index_template?filter_path=index_templates.name"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s %v", path, resp.StatusCode, text, err)
		}
		lists = append(lists, string(text))
	}
	return strings.Join(lists, "\n")
}

// ledger is every detection that is kept.
func (o *office) ledger() (list []soar.Detection) {
	o.t.Helper()
	var found opensearch.Result
	if err := o.state.Refresh(o.t.Context(), opensearch.LedgerPattern); err != nil {
		o.t.Fatal(err)
	}
	if err := o.state.Search(o.t.Context(), opensearch.LedgerPattern, map[string]any{"size": 500}, &found); err != nil {
		o.t.Fatal(err)
	}
	for _, hit := range found.Hits.Hits {
		var d soar.Detection
		if err := json.Unmarshal(hit.Source, &d); err != nil {
			o.t.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}

// await waits for a fact.
func (o *office) await(within time.Duration, what string, fact func() bool) {
	o.t.Helper()
	for end := time.Now().Add(within); !fact(); {
		if time.Now().After(end) {
			o.t.Fatalf("not within %s: %s", within, what)
		}
		o.pause(200 * time.Millisecond)
	}
}
