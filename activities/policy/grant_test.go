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
		"a weak verdict":      {func(_ *world, r *activities.GrantRequest) { r.Verdict.Score = 10 }, false},
		"longer than planned": {func(_ *world, r *activities.GrantRequest) { r.Plan.Actions[0].For = 24 * time.Hour }, false},
		"without an end":      {func(_ *world, r *activities.GrantRequest) { r.Plan.Actions[0].For = 0 }, false},
		"another plan":        {func(_ *world, r *activities.GrantRequest) { r.Plan.Name = "mine" }, false},
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
			req := activities.GrantRequest{Plan: made, ActionID: made.Actions[0].ID, Verdict: request().Verdict, Detections: []soar.DetectionRef{w.detection("d1", attacker)}}
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
