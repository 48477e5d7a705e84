package policy_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func TestPeopleAreVerified(t *testing.T) {
	w := newWorld(t)
	asked := w.plan(request(attacker))
	asked.Actions = asked.Actions[1:]
	deny := func(d *soar.Decision) { d.Approve = false }
	override := func(d *soar.Decision) { d.Override = true }
	tests := map[string]struct {
		decision soar.Decision
		refused  string // "" for a decision that counts
	}{
		"ana by CLI":                            {w.decide("ana", "cli", "ana", asked, nil), ""},
		"ana by Slack":                          {w.decide("ana", "slack", "gateway", asked, nil), ""},
		"an auditor may deny":                   {w.decide("cem", "cli", "cem", asked, deny), ""},
		"an auditor may not approve":            {w.decide("cem", "cli", "cem", asked, nil), "groups"},
		"who is in no group may not even deny":  {w.decide("dee", "cli", "dee", asked, deny), "no approver group"},
		"nobody knows zoe":                      {w.decide("zoe", "cli", "ana", asked, nil), "unknown person"},
		"ben signs as ana":                      {w.decide("ana", "cli", "ben", asked, nil), "wrong signature"},
		"ana signs as the gateway":              {w.decide("ana", "slack", "ana", asked, nil), "wrong signature"},
		"the gateway signs as ana's CLI":        {w.decide("ana", "cli", "gateway", asked, nil), "wrong signature"},
		"cem has no Slack account":              {w.decide("cem", "slack", "gateway", asked, deny), "wrong signature"},
		"a way that nobody knows":               {w.decide("ana", "mail", "ana", asked, nil), "unknown method"},
		"an override by Slack":                  {w.decide("ana", "slack", "gateway", asked, override), "CLI only"},
		"an override by CLI":                    {w.decide("ana", "cli", "ana", asked, override), ""},
		"a decision that was changed afterward": {changed(w.decide("ana", "cli", "ana", asked, deny)), "wrong signature"},
		"a decision on nothing":                 {w.decide("ana", "cli", "ana", asked, func(d *soar.Decision) { d.Digest = "" }), "not what"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			who, err := w.VerifyDecision(t.Context(), activities.Claim{Decision: tt.decision, Actions: asked.Actions})
			if tt.refused == "" {
				if err != nil || who.Person != tt.decision.By {
					t.Errorf("got %+v, %v", who, err)
				}
				return
			}
			mark, ok := err.(interface{ Permanent() bool })
			if err == nil || !strings.Contains(err.Error(), tt.refused) || !ok || !mark.Permanent() {
				t.Errorf("got %+v, %v; want a permanent %q", who, err, tt.refused)
			}
		})
	}
}

func changed(d soar.Decision) soar.Decision {
	d.Approve = true
	return d
}

func TestRequesterMayNotApprove(t *testing.T) {
	w := newWorld(t)
	asked := w.plan(request(attacker))
	claim := activities.Claim{Decision: w.decide("ana", "cli", "ana", asked, nil), Actions: asked.Actions, Requester: "ana"}
	if _, err := w.VerifyDecision(t.Context(), claim); err == nil {
		t.Error("ana approved what she asked for")
	}
	claim.Decision = w.decide("ana", "cli", "ana", asked, func(d *soar.Decision) { d.Approve = false })
	if _, err := w.VerifyDecision(t.Context(), claim); err != nil {
		t.Errorf("she may take it back: %v", err)
	}
	claim.Decision = w.decide("ben", "slack", "gateway", asked, nil)
	if _, err := w.VerifyDecision(t.Context(), claim); err != nil {
		t.Errorf("somebody else may approve: %v", err)
	}
}

func TestProtectedAssetIsNeverApprovedBySlack(t *testing.T) {
	w := newWorld(t)
	asked := w.plan(request(gateway))
	for method, signer := range map[string]string{"slack": "gateway", "cli": "ana"} {
		claim := activities.Claim{Decision: w.decide("ana", method, signer, asked, nil), Actions: asked.Actions}
		if _, err := w.VerifyDecision(t.Context(), claim); err == nil || !strings.Contains(err.Error(), "--override-protected") {
			t.Errorf("by %s: %v", method, err)
		}
	}
}

func TestUnreadablePolicyDenies(t *testing.T) {
	w := newWorld(t)
	ref := w.detection()
	made := w.plan(request(attacker))
	broken := map[string]fstest.MapFS{
		"no content":    {},
		"broken YAML":   {"policies/policy.yaml": {Data: []byte("score: [")}},
		"an empty file": {"policies/policy.yaml": {Data: nil}},
		"a list of people": content(t, func(s string) string {
			return strings.Replace(s, "override: {people: 2}", "override: {people: [2]}", 1)
		}).(fstest.MapFS),
		"an unknown key":     content(t, func(s string) string { return s + "kill_switch: off\n" }).(fstest.MapFS),
		"an unknown mode":    content(t, func(s string) string { return strings.Replace(s, "most: auto", "most: always", 1) }).(fstest.MapFS),
		"an automatic patch": content(t, func(s string) string { return strings.Replace(s, "patch: {most: ask", "patch: {most: auto", 1) }).(fstest.MapFS),
		"an override by one": content(t, func(s string) string { return strings.Replace(s, "override: {people: 2}", "override: {people: 1}", 1) }).(fstest.MapFS),
		"nobody asked": content(t, func(s string) string {
			return strings.Replace(s, "{people: 1, groups: [responders]}", "{people: 0, groups: []}", 1)
		}).(fstest.MapFS),
		"falling severities":    content(t, func(s string) string { return strings.Replace(s, "high: 50", "high: 10", 1) }).(fstest.MapFS),
		"a weight for no level": content(t, func(s string) string { return strings.Replace(s, "low: 10", "lo: 10", 1) }).(fstest.MapFS),
	}
	for name, files := range broken {
		t.Run(name, func(t *testing.T) {
			w.Sources = nil
			if name != "no content" {
				w.Sources = append(w.Sources, shipped())
			}
			w.Sources = append(w.Sources, files)
			if v, err := w.Judge(t.Context(), activities.JudgeRequest{}); err == nil || strings.Contains(err.Error(), "unmarshal") {
				t.Errorf("judged %+v, %v", v, err)
			}
			if p, err := w.MakePlan(t.Context(), request(attacker)); err == nil {
				t.Errorf("planned %+v", p)
			}
			if g, err := w.GrantAction(t.Context(), activities.GrantRequest{Plan: made, ActionID: made.Actions[0].ID, Detections: []soar.DetectionRef{ref}, Verdict: request().Verdict}); err == nil || len(g.Signature) > 0 {
				t.Errorf("granted %+v", g)
			}
			if limit, _, err := w.Cap(soar.BlockAddress); err == nil {
				t.Errorf("a limit of %+v", limit)
			}
		})
	}
}

func TestCheckRefusesWhatPeopleCannotSatisfy(t *testing.T) {
	w := newWorld(t)
	if lines, err := w.Check(); err != nil || len(lines) != 0 {
		t.Errorf("three people: %v, %v", lines, err)
	}
	tests := map[string]struct {
		people []policy.Person
		says   string
	}{
		"nobody":                        {nil, "nobody who can decide is in responders"},
		"one person can't override":     {w.People[:1], "override: wants 2 people"},
		"nobody in the group":           {w.People[2:], "nobody who can decide is in responders"},
		"a person who has no way to us": {[]policy.Person{{Name: "eve", Groups: []string{"responders"}}}, "nobody who can decide"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.People = tt.people
			lines, err := w.Check()
			if err != nil || !strings.Contains(strings.Join(lines, "\n"), tt.says) {
				t.Errorf("check says %v, %v", lines, err)
			}
		})
	}
}

func TestPeopleAreValidated(t *testing.T) {
	people := policy.People{{Name: "ana", Slack: "U1"}, {Name: "ana", Slack: "U1", Key: "AAAA"}, {}}
	if faults := people.Validate(); len(faults) != 4 {
		t.Errorf("faults: %v", faults)
	}
}

func TestPrivateKeyIsForItsOwnerAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ana.key")
	for mode, fine := range map[os.FileMode]bool{0o600: true, 0o644: false, 0o640: false} {
		if err := os.WriteFile(file, []byte(testKey(t)), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		private, err := policy.LoadPrivateKey(file)
		if fine != (err == nil) || fine && len(private) != ed25519.PrivateKeySize {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	for _, text := range []string{"", "hunter2", "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"} {
		if _, err := policy.ParsePrivateKey([]byte(text)); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVu") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestANewKeySignsWhatItsPublicHalfVerifies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ana.key")
	text, err := policy.NewKeyFile(file)
	if err != nil {
		t.Fatal(err)
	}
	private, err := policy.LoadPrivateKey(file)
	if err != nil {
		t.Fatal(err)
	}
	public, err := policy.ParsePublicKey(text + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if d := policy.SignDecision(private, soar.Decision{By: "ana"}); !ed25519.Verify(public, d.Signed(), d.Signature) {
		t.Error("the public half does not verify")
	}
	if _, err := policy.NewKeyFile(file); err == nil {
		t.Error("a key was overwritten")
	}
}

// A number that is full without anybody of the group would be an approval that nothing can be done with.
func TestTheLastApprovalBringsTheGroup(t *testing.T) {
	w := newWorld(t)
	fay, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.keys["fay"] = private
	w.People = append(w.People, policy.Person{Name: "fay", Key: base64.StdEncoding.EncodeToString(fay), Groups: []string{"auditors"}})
	asked := w.plan(request(attacker))
	asked.Actions = asked.Actions[1:]
	asked.Actions[0].RequiresPeople, asked.Actions[0].Groups = 2, []string{"responders"}
	for name, tt := range map[string]struct {
		by       string
		approved []string
		counts   bool
	}{
		"the first may be of any group":   {"fay", nil, true},
		"the last of the group":           {"ana", []string{"fay"}, true},
		"the last after one of the group": {"fay", []string{"ana"}, true},
		"two, and none of the group":      {"fay", []string{"cem"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			claim := activities.Claim{Decision: w.decide(tt.by, "cli", tt.by, asked, nil), Actions: asked.Actions, Approved: tt.approved, At: time.Now()}
			if _, err := w.VerifyDecision(t.Context(), claim); (err == nil) != tt.counts {
				t.Errorf("%v", err)
			}
		})
	}
}
