package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/starter/cli"
)

// demoReport is what --report writes: the first incident in full, and the keys of any others.
type demoReport struct {
	Incident struct {
		ID       string        `json:"id"`
		Key      string        `json:"key"`
		Severity soar.Severity `json:"severity"`
		Status   string        `json:"status"`
	} `json:"incident"`
	Verdict     soar.Verdict                  `json:"verdict"`
	Case        activities.CaseRef            `json:"case"`
	Actions     []activities.ActionRecord     `json:"actions"`
	Exposure    activities.Exposure           `json:"exposure"`
	Remediation []activities.RemediationState `json:"remediation"`
	Timeline    []activities.TimelineEntry    `json:"timeline"`
	Others      []string                      `json:"others,omitempty"`
}

func report(records []activities.IncidentRecord) demoReport {
	first := records[0]
	r := demoReport{
		Verdict: first.Verdict, Case: first.Case, Actions: first.Actions, Exposure: first.Exposure,
		Remediation: first.Remediation, Timeline: first.Timeline,
	}
	r.Incident.ID, r.Incident.Key, r.Incident.Severity, r.Incident.Status = first.ID, first.Key, first.Verdict.Severity, first.Status
	for _, other := range records[1:] {
		r.Others = append(r.Others, other.Key)
	}
	return r
}

// conclude writes the report, and says whether the end state is right: told by the records, and seen in the systems.
func (s *show) conclude(ctx context.Context) error {
	if s.flags.report != "" {
		text, err := json.MarshalIndent(report(s.seen), "", "  ")
		if err != nil {
			return cli.Failed(err)
		}
		if err := os.WriteFile(s.flags.report, append(text, '\n'), 0o644); err != nil { //nolint:gosec // a report for people
			return cli.Failed(fmt.Errorf("report: %w", err))
		}
	}
	var faults []error
	for _, record := range s.seen {
		faults = append(faults, s.faults(record)...)
	}
	if s.flags.yes && s.flags.events == "" {
		faults = append(faults, missing(s.seen[0])...)
	}
	if held := s.office.Blocked(ctx); len(held) > 0 {
		faults = append(faults, fmt.Errorf("still blocked on a system: %v", held))
	}
	if err := errors.Join(faults...); err != nil {
		return cli.Failed(err)
	}
	s.say("Over: every incident is closed, every containment was read back and released.")
	if s.flags.report != "" {
		s.say("The report is in %s.", s.flags.report)
	}
	return nil
}

// missing is what the recorded attack must lead to and did not: nothing done is no good end.
func missing(r activities.IncidentRecord) (faults []error) {
	for system, mode := range map[string]soar.Mode{"pfsense": soar.Auto, "wazuh": soar.Ask, "ansible": soar.Ask} {
		done := func(a activities.ActionRecord) bool {
			return a.System == system && a.Mode == mode && a.ConfirmedAt != nil
		}
		if !slices.ContainsFunc(r.Actions, done) {
			faults = append(faults, fmt.Errorf("%s: nothing of mode %s was done and confirmed on %s", r.Key, mode, system))
		}
	}
	if !slices.ContainsFunc(r.Exposure.Scans, func(scan activities.ScanReport) bool { return scan.Done }) {
		faults = append(faults, fmt.Errorf("%s: no scan came to its end", r.Key))
	}
	return faults
}

// faults are what is not as it should be at the end of an incident. With --yes everything that was asked was approved.
func (s *show) faults(r activities.IncidentRecord) (faults []error) {
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf("%s: %s", r.Key, fmt.Sprintf(format, args...)))
		}
	}
	fault(r.Status != "closed", "status is %s", r.Status)
	fault(r.Case.ID == "", "it has no case")
	for _, a := range r.Actions {
		declined := a.Outcome == soar.Denied || a.Outcome == soar.Expired
		fault(s.flags.yes && declined && !s.spared[a.ID], "%s was %s", a.ID, a.Outcome)
		if a.Kind != soar.BlockAddress || declined || a.Mode == soar.Suggest {
			continue
		}
		fault(a.State != string(soar.Released), "%s on %s is %s: %s", a.Target, a.System, a.State, a.Reason)
		fault(a.ConfirmedAt == nil, "%s on %s was never confirmed", a.Target, a.System)
	}
	for _, m := range r.Remediation {
		done := slices.Contains([]string{"done", "denied", "expired"}, m.Status)
		fault(!done, "remediation %s is %s: %s", m.ActionID, m.Status, m.Reason)
		fault(m.Status == "done" && !m.Proved, "remediation %s is not proved: %s", m.ActionID, m.Reason)
	}
	return faults
}
