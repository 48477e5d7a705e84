package policy_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

const (
	attacker = "203.0.113.9"
	inside   = "192.168.56.10"
	gateway  = "198.51.100.1"
	incident = "i1"
	key      = "incident/host/web-01"
)

var web01 = soar.Asset{Name: "web-01", AgentID: "001", Address: "10.0.0.5"}

// world is a policy with the shipped content, three people and a ledger.
type world struct {
	*policy.Policy

	t       *testing.T
	keys    map[string]ed25519.PrivateKey // by person; "gateway" is the gateway's
	granter ed25519.PublicKey
	ledger  ledger
}

// ledger is what detections the index has.
type ledger map[soar.DetectionRef]soar.Detection

func (l ledger) Detections(_ context.Context, refs []soar.DetectionRef) (found []soar.Detection, err error) {
	for _, ref := range refs {
		d, ok := l[ref]
		if !ok {
			return nil, errors.New("no such detection")
		}
		found = append(found, d)
	}
	return found, nil
}

// protected are the addresses that nobody may touch.
type protected []string

func (p protected) Check(a soar.Action) error {
	if slices.Contains(p, a.Target) {
		return errors.New(a.Target + " is protected: default gateway")
	}
	return nil
}

func shipped() fs.FS { return os.DirFS("../../rules/content") }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, keys: map[string]ed25519.PrivateKey{}, ledger: ledger{}}
	public := func(name string) ed25519.PublicKey {
		pub, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.keys[name] = private
		return pub
	}
	text := func(name string) string { return base64.StdEncoding.EncodeToString(public(name)) }
	w.granter = public("grant")
	w.Policy = &policy.Policy{
		Sources: []fs.FS{shipped()},
		People: []policy.Person{
			{Name: "ana", Key: text("ana"), Slack: "U1", Groups: []string{"responders"}},
			{Name: "ben", Key: text("ben"), Slack: "U2", Groups: []string{"responders"}},
			{Name: "cem", Key: text("cem"), Groups: []string{"auditors"}},
			{Name: "dee", Key: text("dee")},
		},
		Gateway: public("gateway"), GrantKey: w.keys["grant"], Systems: []string{"pfsense", "wazuh", "ansible"},
		Protected: protected{gateway}, Ledger: w.ledger, Now: time.Now,
	}
	return w
}

// detection is one of the incident's, in the ledger.
func (w *world) detection() soar.DetectionRef {
	ref := soar.DetectionRef{Index: "sallyport-detections-2026.11", ID: "d1"}
	w.ledger[ref] = soar.Detection{
		Rule: soar.Rule{ID: "ssh-success", Title: "Login after brute force", Level: soar.Critical}, EventTime: time.Now(),
		Entity: soar.Entity{Family: "host", Name: "web-01"}, Asset: web01, IncidentID: incident,
		Observables: []soar.Observable{{Type: "ip", Value: attacker}},
	}
	return ref
}

// request asks for the first plan of an incident whose detections name these addresses.
func request(addresses ...string) activities.PlanRequest {
	req := activities.PlanRequest{
		Incident: incident, Key: key, Entity: soar.Entity{Family: "host", Name: "web-01"}, Revision: 1, Phase: activities.PhaseContain,
		Verdict: soar.Verdict{Score: 90, Severity: 4, Confidence: 1},
		Brief:   soar.Brief{Level: soar.Critical, Detections: 3, Assets: []soar.Asset{web01}, Rules: []soar.Rule{{ID: "ssh-success", Level: soar.Critical}}},
	}
	for _, a := range addresses {
		req.Brief.Observables = append(req.Brief.Observables, soar.Observable{Type: "ip", Value: a})
	}
	return req
}

// signed is a verdict that role respond gave on the incident.
func (w *world) signed(v soar.Verdict) soar.Verdict {
	if v.Answers == "" {
		v.Answers = soar.DigestOf(nil)
	}
	v.Signature = ed25519.Sign(w.keys["grant"], v.Signed(incident))
	return v
}

// judged is the verdict of request, as it was given.
func (w *world) judged() soar.Verdict { return w.signed(request().Verdict) }

func (w *world) plan(req activities.PlanRequest) soar.Plan {
	w.t.Helper()
	made, err := w.MakePlan(w.t.Context(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// decide signs a decision on a plan with the key of signer.
func (w *world) decide(by, method, signer string, p soar.Plan, change func(*soar.Decision)) soar.Decision {
	w.t.Helper()
	d := soar.Decision{Request: "r1", Digest: p.Digest(), By: by, Approve: true, Method: method, SignedAt: time.Now()}
	if change != nil {
		change(&d)
	}
	return policy.SignDecision(w.keys[signer], d)
}

// content is the shipped content with the policy's text changed.
func content(t *testing.T, change func(string) string) fs.FS {
	t.Helper()
	text, err := fs.ReadFile(shipped(), "policies/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"policies/policy.yaml": {Data: []byte(change(string(text)))}}
}

func action(p soar.Plan, system, target string) (soar.Action, bool) {
	at := slices.IndexFunc(p.Actions, func(a soar.Action) bool { return a.System == system && a.Target == target })
	if at < 0 {
		return soar.Action{}, false
	}
	return p.Actions[at], true
}
