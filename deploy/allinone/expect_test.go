package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// releasedWithin is how long after its expiry, or after the last start of the house, a block may still be in force.
const releasedWithin = 30 * time.Second

// expectOnce compares the systems with what one incident may have done: nothing twice.
func (o *office) expectOnce(r activities.IncidentRecord) {
	o.t.Helper()
	world := o.look()
	if len(world.Cases) > 1 {
		o.t.Errorf("%d cases, want one: %+v", len(world.Cases), world.Cases)
	}
	var tasks, keys []string
	for _, scan := range world.Scans {
		tasks = append(tasks, scan.Task)
	}
	for _, note := range world.Notes {
		keys = append(keys, note[strings.LastIndex(note, "\n")+1:])
	}
	o.expectDifferent("scan", tasks)
	o.expectDifferent("note of the case", keys)
	o.expectDifferent("card", requests(world.Cards))
	for name, host := range world.Hosts.Hosts {
		if host.Started > 1 || host.Completed > 1 || host.Beside > 0 {
			o.t.Errorf("host %s: playbook started %d times, completed %d times, %d beside another", name, host.Started, host.Completed, host.Beside)
		}
	}
	if len(r.Remediation) > 1 || len(r.Remediation) == 1 && len(r.Remediation[0].Runs) > 1 {
		o.t.Errorf("remediation %+v, want one with one run", r.Remediation)
	}
	o.expectReleased(r)
	o.expectLedger(r)
	o.expectAudit()
}

// requests are what Slack's cards ask about.
func requests(cards []string) (asked []string) {
	for _, card := range cards {
		var mark struct {
			Payload struct {
				Request string `json:"request"`
			} `json:"event_payload"`
		}
		if json.Unmarshal([]byte(card), &mark) == nil {
			asked = append(asked, mark.Payload.Request)
		}
	}
	return asked
}

func (o *office) expectDifferent(what string, names []string) {
	o.t.Helper()
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			o.t.Errorf("%s %s is there twice", what, name)
		}
		seen[name] = true
	}
}

// expectReleased compares what the register says of the incident's blocks with when they were in force, by the systems' own
// clock.
func (o *office) expectReleased(r activities.IncidentRecord) {
	o.t.Helper()
	held := map[string]soar.Containment{} // by system
	systems := map[string]int{}
	for _, a := range r.Actions {
		if a.Kind == soar.BlockAddress {
			systems[a.System]++
			held[a.System] = o.awaitOver(a)
		}
	}
	if systems["pfsense"] != 1 || systems["wazuh"] != 1 {
		o.t.Errorf("blocks by system: %v, want one each", systems)
	}
	var blocked []string
	for _, span := range o.look().Spans {
		blocked = append(blocked, span.What)
		expires := held[systemOf(span)].Expires
		from := expires
		for _, start := range o.starts {
			if start.After(from) && start.Before(span.To) {
				from = start
			}
		}
		if late := span.To.Sub(from); late > releasedWithin || span.To.IsZero() {
			o.t.Errorf("%s was in force for %s after its expiry and the last start, want %s at most", span.What, late, releasedWithin)
		}
		o.t.Logf("%s: in force for %s, until %s after its expiry", span.What, span.To.Sub(span.From).Round(time.Millisecond), span.To.Sub(expires).Round(time.Millisecond))
	}
	o.expectDifferent("block", blocked)
}

// awaitOver waits until the register says that a block is over: released, or refused with nothing of it left. An incident
// may close while a block is held.
func (o *office) awaitOver(a activities.ActionRecord) (held soar.Containment) {
	o.t.Helper()
	for end := time.Now().Add(releasedWithin); time.Now().Before(end); o.pause(100 * time.Millisecond) {
		entry, err := opensearch.NewRegister(o.state).Get(o.t.Context(), soar.Action{System: a.System, On: a.On, Target: a.Target}.Key())
		if err != nil {
			o.t.Fatal(err)
		}
		held, _ = entry.Holder(a.ID)
		if held.State == soar.Released || held.State == soar.Refused {
			return held
		}
	}
	o.t.Errorf("%s on %s is %q in the register: %s", a.Target, a.System, held.State, held.Reason)
	return held
}

func systemOf(s lab.Span) string {
	if strings.HasPrefix(s.What, "pfsense ") {
		return "pfsense"
	}
	return "wazuh"
}

// expectLedger wants each detection once, and all of them claimed by the incident.
func (o *office) expectLedger(r activities.IncidentRecord) {
	o.t.Helper()
	var found opensearch.Result
	if err := o.state.Search(o.t.Context(), opensearch.LedgerPattern, map[string]any{"size": 1000}, &found); err != nil {
		o.t.Fatal(err)
	}
	var keys []string
	for _, doc := range found.Documents() {
		var d soar.Detection
		if err := json.Unmarshal(doc.Source, &d); err != nil {
			o.t.Fatal(err)
		}
		keys = append(keys, d.Event.IndexUUID+"/"+d.Event.ID+" by "+d.Rule.ID)
		if d.IncidentID != r.ID {
			o.t.Errorf("detection %s belongs to incident %q, want %s", doc.ID, d.IncidentID, r.ID)
		}
	}
	o.expectDifferent("detection", keys)
	if len(keys) != r.Brief.Detections || len(keys) == 0 {
		o.t.Errorf("the ledger has %d detections, the incident counts %d", len(keys), r.Brief.Detections)
	}
}

func (o *office) expectAudit() {
	o.t.Helper()
	reports, err := opensearch.NewAudits(o.state).Verify(o.t.Context(), "")
	if err != nil || len(reports) == 0 {
		o.t.Fatalf("audit: %v, %d chains", err, len(reports))
	}
	for _, report := range reports {
		if report.Broken != "" {
			o.t.Errorf("audit chain %s: %s", report.Chain, report.Broken)
		}
	}
}
