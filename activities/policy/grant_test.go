package policy_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func testKey(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestAutomaticActionIsAskedOfTheLedgerAgain(t *testing.T) {
	tests := map[string]struct {
		spoil   func(w *world, req *activities.GrantRequest)
		granted bool
	}{
		"as the ledger says": {func(*world, *activities.GrantRequest) {}, true},
		"no detection":       {func(_ *world, r *activities.GrantRequest) { r.Detections = nil }, false},
		"an unknown detection": {func(_ *world, r *activities.GrantRequest) {
			r.Detections = append(r.Detections, soar.DetectionRef{Index: "x", ID: "y"})
		}, false},
		"another incident's detection": {func(w *world, r *activities.GrantRequest) {
			d := w.ledger[r.Detections[0]]
			d.IncidentID = "i2"
			w.ledger[r.Detections[0]] = d
		}, false},
		"another host's detection": {func(w *world, r *activities.GrantRequest) {
			d := w.ledger[r.Detections[0]]
			d.Entity.Name = "web-02"
			w.ledger[r.Detections[0]] = d
		}, false},
		"a target that no detection names": {func(_ *world, r *activities.GrantRequest) { r.Plan.Actions[0].Target = "203.0.113.66" }, false},
		"a weak detection": {func(w *world, r *activities.GrantRequest) {
			d := w.ledger[r.Detections[0]]
			d.Rule.Level = soar.Low
			w.ledger[r.Detections[0]] = d
		}, false},
		"a weak verdict": {func(w *world, r *activities.GrantRequest) {
			r.Verdict = w.signed(soar.Verdict{Score: 10, Confidence: 1})
		}, false},
		"a verdict that nobody gave": {func(_ *world, r *activities.GrantRequest) {
			r.Verdict.Signature = nil
		}, false},
		"a verdict that was changed":    {func(_ *world, r *activities.GrantRequest) { r.Verdict.Score = 100 }, false},
		"a verdict on another incident": {func(w *world, r *activities.GrantRequest) { r.Plan.Incident = "i2" }, false},
		"answers that were left out":    {func(w *world, r *activities.GrantRequest) { r.Answers = []soar.Answer{{Source: "misp"}} }, false},
		"longer than planned":           {func(_ *world, r *activities.GrantRequest) { r.Plan.Actions[0].For = 24 * time.Hour }, false},
		"without an end":                {func(_ *world, r *activities.GrantRequest) { r.Plan.Actions[0].For = 0 }, false},
		"another plan":                  {func(_ *world, r *activities.GrantRequest) { r.Plan.Name = "mine" }, false},
		"what should be asked": {func(_ *world, r *activities.GrantRequest) {
			r.Plan.Actions[1].Mode = soar.Auto
			r.ActionID = r.Plan.Actions[1].ID
		}, false},
		"what is only suggested":       {func(_ *world, r *activities.GrantRequest) { r.Plan.Actions[0].Mode = soar.Suggest }, false},
		"a protected target":           {func(w *world, _ *activities.GrantRequest) { w.Protected = protected{attacker} }, false},
		"an action that is not there":  {func(_ *world, r *activities.GrantRequest) { r.ActionID = "i1-9-9" }, false},
		"a role without the grant key": {func(w *world, _ *activities.GrantRequest) { w.GrantKey = nil }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			made := w.plan(request(attacker))
			req := activities.GrantRequest{Plan: made, ActionID: made.Actions[0].ID, Verdict: w.judged(), Detections: []soar.DetectionRef{w.detection()}}
			tt.spoil(w, &req)
			grant, err := w.GrantAction(t.Context(), req)
			if tt.granted != (err == nil) || tt.granted != (len(grant.Signature) > 0) {
				t.Fatalf("got %+v, %v", grant, err)
			}
			if tt.granted && (grant.ActionDigest != made.Actions[0].Digest() || grant.Incident != incident || !ed25519.Verify(w.granter, grant.Signed(), grant.Signature)) {
				t.Errorf("the grant is %+v", grant)
			}
		})
	}
}

// A warninglist that the plan knew of counts when the grant is asked for, too; and one that could not be asked is no yes.
func TestNothingHappensByItselfPastAWarninglist(t *testing.T) {
	about := soar.Observable{Type: "ip", Value: attacker}
	for name, tt := range map[string]struct {
		answers []soar.Answer
		auto    bool
	}{
		"no source of warninglists": {[]soar.Answer{{Source: "cortex", Answered: true}}, true},
		"not listed":                {[]soar.Answer{{Source: "misp", Answered: true, Readings: []soar.Reading{{Source: "misp", About: about, Opinion: soar.Unknown}}}}, true},
		"listed":                    {[]soar.Answer{{Source: "misp", Answered: true, Readings: []soar.Reading{{Source: "misp", About: about, Warninglist: "Public DNS"}}}}, false},
		"MISP is down":              {[]soar.Answer{{Source: "misp"}, {Source: "cortex", Answered: true}, {Source: "wazuh", Answered: true}}, false},
		"it was not asked about it": {[]soar.Answer{{Source: "misp", Answered: true}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			req := request(attacker)
			req.Answers = tt.answers
			made := w.plan(req)
			if wall, _ := action(made, "pfsense", attacker); (wall.Mode == soar.Auto) != tt.auto {
				t.Errorf("planned as %s: %s", wall.Mode, wall.Reason)
			}
			made.Actions[0].Mode = soar.Auto
			verdict := request().Verdict
			verdict.Answers = soar.DigestOf(tt.answers)
			_, err := w.GrantAction(t.Context(), activities.GrantRequest{
				Plan: made, ActionID: made.Actions[0].ID, Verdict: w.signed(verdict), Answers: tt.answers, Detections: []soar.DetectionRef{w.detection()},
			})
			if (err == nil) != tt.auto {
				t.Errorf("granted: %v", err)
			}
		})
	}
}

// A grant is no standing permission: it says until when it may begin, and how long the effect may last.
func TestAGrantEnds(t *testing.T) {
	w := newWorld(t)
	made := w.plan(request(attacker))
	auto := made.Actions[0]
	grant, err := w.GrantAction(t.Context(), activities.GrantRequest{Plan: made, ActionID: auto.ID, Verdict: w.judged(), Detections: []soar.DetectionRef{w.detection()}})
	if err != nil {
		t.Fatal(err)
	}
	if begin, last := grant.NotAfter.Sub(grant.At), grant.Until.Sub(grant.At); begin != time.Hour || last != time.Hour+auto.For {
		t.Errorf("it may begin for %s and last for %s, want an hour and %s", begin, last, time.Hour+auto.For)
	}
}

func TestAnApprovalIsCheckedAgainBeforeItGrants(t *testing.T) {
	w := newWorld(t)
	asked := w.plan(request(attacker))
	asked.Actions = asked.Actions[1:]
	other := w.plan(request("203.0.113.66"))
	no := func(d *soar.Decision) { d.Approve = false }
	ana, ben := w.decide("ana", "cli", "ana", asked, nil), w.decide("ben", "slack", "gateway", asked, nil)
	tests := map[string]struct {
		decisions []soar.Decision
		people    int
		granted   bool
	}{
		"one of one":                      {[]soar.Decision{ana}, 1, true},
		"two of two":                      {[]soar.Decision{ana, ben}, 2, true},
		"one of two":                      {[]soar.Decision{ana}, 2, false},
		"the same person twice":           {[]soar.Decision{ana, w.decide("ana", "slack", "gateway", asked, nil)}, 2, false},
		"nobody":                          {nil, 1, false},
		"one approves and one denies":     {[]soar.Decision{ana, w.decide("ben", "cli", "ben", asked, no)}, 1, false},
		"nobody of the group":             {[]soar.Decision{w.decide("cem", "cli", "cem", asked, nil)}, 1, false},
		"the second may be of any group":  {[]soar.Decision{ana, w.decide("cem", "cli", "cem", asked, nil)}, 2, true},
		"who is in no group":              {[]soar.Decision{ana, w.decide("dee", "cli", "dee", asked, nil)}, 2, false},
		"an approval of another plan":     {[]soar.Decision{w.decide("ana", "cli", "ana", other, nil)}, 1, false},
		"a forged approval":               {[]soar.Decision{w.decide("ana", "cli", "ben", asked, nil)}, 1, false},
		"a forged one beside a true one":  {[]soar.Decision{ana, w.decide("ben", "cli", "ana", asked, nil)}, 1, false},
		"an unknown person as the second": {[]soar.Decision{ana, w.decide("zoe", "cli", "ana", asked, nil)}, 2, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := asked
			p.Actions = append([]soar.Action{}, asked.Actions...)
			decisions := tt.decisions
			if tt.people != p.Actions[0].RequiresPeople { // what was asked, and so its digest, is another then
				p.Actions[0].RequiresPeople = tt.people
				decisions = w.signAgain(decisions, asked, p)
			}
			grant, err := w.GrantAction(t.Context(), activities.GrantRequest{Plan: p, ActionID: p.Actions[0].ID, Decisions: decisions, Verdict: request().Verdict})
			if tt.granted != (err == nil) || tt.granted != (len(grant.Signature) > 0) || grant.Override {
				t.Errorf("got %+v, %v", grant, err)
			}
		})
	}
}

// signAgain makes each true decision on one plan a true one on another.
func (w *world) signAgain(decisions []soar.Decision, from, to soar.Plan) (again []soar.Decision) {
	for _, d := range decisions {
		signer := map[string]string{"cli": d.By, "slack": "gateway"}[d.Method]
		if key, ok := w.keys[signer]; ok && d.Digest == from.Digest() {
			d.Digest = to.Digest()
			d.Signature = ed25519.Sign(key, d.Signed())
		}
		again = append(again, d)
	}
	return again
}

func TestTwoPeopleOverrideAProtectedAsset(t *testing.T) {
	w := newWorld(t)
	asked := w.plan(request(gateway))
	a, ok := action(asked, "pfsense", gateway)
	if !ok || a.RequiresPeople != 2 {
		t.Fatalf("planned %+v", asked.Actions)
	}
	override := func(d *soar.Decision) { d.Override = true }
	ana, ben := w.decide("ana", "cli", "ana", asked, override), w.decide("ben", "cli", "ben", asked, override)
	tests := map[string]struct {
		decisions []soar.Decision
		granted   bool
	}{
		"two override":                     {[]soar.Decision{ana, ben}, true},
		"one overrides":                    {[]soar.Decision{ana}, false},
		"one overrides, the other only ok": {[]soar.Decision{ana, w.decide("ben", "cli", "ben", asked, nil)}, false},
		"one overrides twice":              {[]soar.Decision{ana, w.decide("ana", "cli", "ana", asked, override), w.decide("ben", "cli", "ben", asked, nil)}, false},
		"one overrides by Slack":           {[]soar.Decision{ana, w.decide("ben", "slack", "gateway", asked, override)}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			grant, err := w.GrantAction(t.Context(), activities.GrantRequest{Plan: asked, ActionID: a.ID, Decisions: tt.decisions, Verdict: request().Verdict})
			if tt.granted != (err == nil) || grant.Override != tt.granted {
				t.Errorf("got %+v, %v", grant, err)
			}
		})
	}
}
