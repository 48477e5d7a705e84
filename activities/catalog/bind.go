package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/activities/frontend"
	"github.com/sallyport-soar/sallyport/activities/hunting"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// House is what stands around the systems: policy, envelope, state.
type House struct {
	Policy   *policy.Policy
	Envelope *effect.Envelope
	Frontend *frontend.Activities
	Ledger   *opensearch.Ledger
	Records  *opensearch.Records
	Audits   *opensearch.Audits
	Tokens   *opensearch.Tokens // of new incidents; nil: none may begin
	Hunting  *hunting.Hunting
	Watched  func(context.Context) ([]opensearch.Index, error) // indices of every stream; nil: nobody knows, no month is dropped
}

// BindRespond says who carries out each step of role respond.
func (s *Systems) BindRespond(b activities.Binder, h House) {
	activities.Bind(b, activities.ClaimDetections, h.Ledger.Claim)
	activities.Bind(b, activities.FreeClaims, h.freeClaims)
	activities.Bind(b, activities.ListUnclaimed, h.sweep)
	activities.Bind(b, activities.DropOld, h.dropOld)
	activities.Bind(b, activities.SignalIncident, h.Frontend.SignalIncident)

	activities.Bind(b, activities.ReadSettings, h.Policy.ReadSettings)
	activities.Bind(b, activities.ListSources, s.listSources)
	activities.Bind(b, activities.AskSource, s.ask)
	activities.Bind(b, activities.Judge, h.Policy.Judge)
	activities.Bind(b, activities.MakePlan, h.Policy.MakePlan)
	activities.Bind(b, activities.VerifyDecision, h.Policy.VerifyDecision)
	activities.Bind(b, activities.GrantAction, h.Policy.GrantAction)

	cases := s.casework(h)
	activities.Bind(b, activities.OpenCase, cases.OpenCase)
	activities.Bind(b, activities.NoteCase, cases.NoteCase)
	activities.Bind(b, activities.CloseCase, cases.CloseCase)

	activities.Bind(b, activities.Admit, h.Envelope.Admit)
	activities.Bind(b, activities.CarryOut, h.Envelope.CarryOut)
	activities.Bind(b, activities.Confirm, h.Envelope.Confirm)
	activities.Bind(b, activities.Release, h.Envelope.Release)
	activities.Bind(b, activities.Forget, h.forget)
	activities.Bind(b, activities.ListContainments, h.Envelope.ListContainments)
	activities.Bind(b, activities.ListStrays, h.Envelope.ListStrays)
	activities.Bind(b, activities.ReadLimits, h.Envelope.ReadLimits)
	activities.Bind(b, activities.KeepLimits, h.Envelope.KeepLimits)
	activities.Bind(b, activities.StartLimits, h.Frontend.StartLimits)
	activities.Bind(b, activities.SendWish, h.Frontend.SendWish)
	activities.Bind(b, activities.RunningContainments, h.Frontend.RunningContainments)

	activities.Bind(b, activities.FindVulnerabilities, s.findVulnerabilities)
	activities.Bind(b, activities.Scan, s.scan)
	activities.Bind(b, activities.CheckPlaybook, h.Envelope.CheckPlaybook(s.checkPlaybook))
	activities.Bind(b, activities.RunPlaybook, h.Envelope.RunPlaybook(s.runPlaybook))

	activities.Bind(b, activities.WriteRecord, h.Records.WriteRecord)
	activities.Bind(b, activities.LastEpisode, h.Records.LastEpisode)
	activities.Bind(b, activities.Audit, h.Audits.Audit)
	activities.Bind(b, activities.ReadHunt, h.Hunting.ReadHunt)
	activities.Bind(b, activities.RunHunt, h.Hunting.RunHunt)
	activities.Bind(b, activities.RecordHunt, h.Hunting.RecordHunt)
}

func (s *Systems) listSources(context.Context, activities.None) (list activities.Sources, err error) {
	for _, source := range s.sources {
		list.Names = append(list.Names, source.name)
	}
	return list, nil
}

func (s *Systems) ask(ctx context.Context, in activities.Inquiry) (soar.Answer, error) {
	for _, source := range s.sources {
		if source.name == in.Source {
			return source.source.Ask(ctx, in)
		}
	}
	return soar.Answer{}, activities.Permanent(fmt.Errorf("no source %q is configured", in.Source))
}

func (s *Systems) casework(h House) Casework {
	if s.Cases != nil {
		return s.Cases
	}
	return h.Records
}

// findVulnerabilities without an inventory says so: nobody looked, which is not "nothing found".
func (s *Systems) findVulnerabilities(ctx context.Context, req activities.ExposureRequest) (activities.Exposure, error) {
	if s.wazuh == nil {
		return activities.Exposure{Note: "no inventory is configured: nobody looked for vulnerabilities"}, nil
	}
	return s.wazuh.FindVulnerabilities(ctx, req)
}

// scan without a scanner is a report that is not done: it proves nothing.
func (s *Systems) scan(ctx context.Context, req activities.ScanRequest) (activities.ScanReport, error) {
	if s.scanner == nil {
		return activities.ScanReport{Purpose: req.Purpose, Asset: req.Asset, Status: "no scanner is configured"}, nil
	}
	return s.scanner.Scan(ctx, req)
}

var errNoAnsible = errors.New("ansible is not configured: nothing can be remediated")

func (s *Systems) checkPlaybook(ctx context.Context, req activities.PlaybookRequest) (activities.PlaybookReport, error) {
	if s.ansible == nil {
		return activities.PlaybookReport{}, activities.Permanent(errNoAnsible)
	}
	return s.ansible.CheckPlaybook(ctx, req)
}

func (s *Systems) runPlaybook(ctx context.Context, req activities.PlaybookRequest) (activities.PlaybookReport, error) {
	if s.ansible == nil {
		return activities.PlaybookReport{}, activities.Permanent(errNoAnsible)
	}
	return s.ansible.RunPlaybook(ctx, req)
}

// forget verifies the people anew: that a workflow says so is not enough.
func (h House) forget(ctx context.Context, req activities.ForgetRequest) (soar.Containment, error) {
	action := req.Order.Action
	var people []string
	for _, d := range req.Decisions {
		if d.Request != activities.ForgetID(action.ID) || d.Digest != action.Digest() || d.Method != policy.MethodCLI || !d.Approve {
			return soar.Containment{}, activities.Permanent(errors.New("a decision about something else"))
		}
		verified, err := h.Policy.VerifyDecision(ctx, activities.Claim{Decision: d, Actions: []soar.Action{action}, Approved: people, At: d.SignedAt})
		if err != nil {
			return soar.Containment{}, err
		}
		if !slices.Contains(people, verified.Person) {
			people = append(people, verified.Person)
		}
	}
	if len(people) < activities.ForgetPeople {
		return soar.Containment{}, activities.Permanent(fmt.Errorf("%d of %d people gave it up", len(people), activities.ForgetPeople))
	}
	return h.Envelope.Forget(ctx, action, people)
}
