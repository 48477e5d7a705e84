package cli_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/effect"
	"github.com/sallyport-soar/sallyport/activities/frontend/frontendtest"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/policy"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/worker/daemon"
)

// question is an incident that asks whether a protected address may be blocked: two people, each by command line. The
// policy that judges their decisions, and grants or refuses, is the real one.
type question struct {
	t      *testing.T
	policy *policy.Policy
	plan   soar.Plan
	file   string // config of the command
	heard  []soar.Decision
}

func newQuestion(t *testing.T) *question {
	t.Helper()
	dir, public := t.TempDir(), map[string]string{}
	for _, name := range []string{"ana", "ben", "grant"} {
		var err error
		if public[name], err = policy.NewKeyFile(filepath.Join(dir, name+".key")); err != nil {
			t.Fatal(err)
		}
	}
	frontend, state := frontendtest.Start(t), opensearchtest.NewServer(t)
	q := &question{t: t, file: filepath.Join(dir, "sallyport.yaml")}
	text := fmt.Sprintf("temporal: {address: \"%s\"}\nopensearch: {url: \"%s\"}\npeople:\n  - {name: ana, key: \"%s\", groups: [responders]}\n  - {name: ben, key: \"%s\", groups: [responders]}\n",
		frontend.Address, state.URL, public["ana"], public["ben"])
	if err := os.WriteFile(q.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := daemon.LoadConfig(q.file)
	if err != nil {
		t.Fatal(err)
	}
	q.policy = q.newPolicy(c, filepath.Join(dir, "grant.key"))
	q.write(c)
	frontend.Query = func(string) (any, error) { return q.record(), nil }
	frontend.Decide = func(_ string, read func(any) error) (any, error) { return q.decide(read) }
	return q
}

// newPolicy is the shipped one, in a house that protects the address.
func (q *question) newPolicy(c daemon.Config, grantKey string) *policy.Policy {
	q.t.Helper()
	protected, err := effect.NewProtected(effect.ProtectedConfig{Networks: []string{"203.0.113.66"}}, time.Now)
	if err == nil {
		err = protected.Discover(q.t.Context(), effect.Here(nil))
	}
	if err != nil {
		q.t.Fatal(err)
	}
	p := &policy.Policy{Sources: c.Sources(), People: c.People, Systems: []string{"pfsense"}, Protected: protected, Now: time.Now}
	if p.GrantKey, err = policy.LoadPrivateKey(grantKey); err != nil {
		q.t.Fatal(err)
	}
	q.plan = soar.Plan{Incident: "i1", Key: "incident/host/shop-01", Actions: []soar.Action{{
		ID: "i1-0-0", Kind: soar.BlockAddress, System: "pfsense", Target: "203.0.113.66", For: time.Hour, Mode: soar.Ask, RequiresPeople: 2, Groups: []string{"responders"},
	}}}
	return p
}

func (q *question) record() activities.IncidentRecord {
	return activities.IncidentRecord{ID: "i1", Key: q.plan.Key, Status: "open", Revision: 1, Opened: time.Now(), Updated: time.Now(), Pending: []activities.PendingApproval{{
		Request: "i1-0-0", Workflow: q.plan.Key, Digest: q.plan.Digest(), Actions: q.plan.Actions, Expires: time.Now().Add(time.Hour), Needs: 2,
	}}}
}

func (q *question) write(c daemon.Config) {
	q.t.Helper()
	state, err := opensearch.Open(q.t.Context(), c.OpenSearch)
	if err == nil {
		_, err = state.EnsureTemplates(q.t.Context())
	}
	if err == nil {
		_, err = opensearch.NewRecords(state).WriteRecord(q.t.Context(), q.record())
	}
	if err != nil {
		q.t.Fatal(err)
	}
}

// decide is what the incident does: it lets the policy verify, and counts people.
func (q *question) decide(read func(any) error) (any, error) {
	var d soar.Decision
	if err := read(&d); err != nil {
		return nil, err
	}
	for _, earlier := range q.heard {
		if earlier.By == d.By {
			return nil, errors.New("decided already")
		}
	}
	if _, err := q.policy.VerifyDecision(q.t.Context(), activities.Claim{Decision: d, Actions: q.plan.Actions, At: time.Now()}); err != nil {
		return nil, err
	}
	if q.heard = append(q.heard, d); len(q.heard) < 2 {
		return soar.Outcome(""), nil
	}
	return soar.Approved, nil
}

// granted reports whether the policy lets the action be carried out on the decisions so far.
func (q *question) granted() bool {
	grant, err := q.policy.GrantAction(q.t.Context(), activities.GrantRequest{Plan: q.plan, ActionID: "i1-0-0", Decisions: q.heard, Verdict: soar.Verdict{Severity: 3}})
	return err == nil && grant.Override
}

func (q *question) approve(who string, flags ...string) (code int, said string) {
	q.t.Helper()
	args := append([]string{"approve", "i1-0-0", "--config", q.file, "--as", who, "--key", filepath.Join(filepath.Dir(q.file), who+".key")}, flags...)
	code, out, errs := call(args...)
	return code, out + errs
}

func TestOverrideNeedsSecondPerson(t *testing.T) {
	q := newQuestion(t)
	for _, step := range []struct {
		who     string
		flags   []string
		code    int
		says    string
		granted bool
	}{
		{"ana", nil, 1, "--override-protected, by two people", false},
		{"ana", []string{"--override-protected"}, 0, "it needs more approvals", false},
		{"ana", []string{"--override-protected"}, 1, "decided already", false},
		{"ben", nil, 1, "--override-protected, by two people", false},
		{"ben", []string{"--override-protected"}, 0, "recorded: approved", true},
	} {
		code, said := q.approve(step.who, step.flags...)
		if code != step.code || !strings.Contains(said, step.says) {
			t.Errorf("%s %v: exit %d, want %d and %q:\n%s", step.who, step.flags, code, step.code, step.says, said)
		}
		if q.granted() != step.granted {
			t.Errorf("after %s %v: granted is %v", step.who, step.flags, !step.granted)
		}
	}
}
