package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func TestBruteForceIsBlockedAtOnceAndAskedOnTheAgent(t *testing.T) {
	w := newWorld(t)
	made := w.plan(request(attacker))
	if len(made.Actions) != 2 || made.Name != "attacked-host" || made.Version == "" || made.PolicyVersion == "" || made.Key != key {
		t.Fatalf("planned %+v", made)
	}
	wall, agent := made.Actions[0], made.Actions[1]
	if wall.System != "pfsense" || wall.Mode != soar.Auto || wall.For != time.Hour || wall.Target != attacker || wall.ID != "i1-1-0" || wall.RequiresPeople != 0 {
		t.Errorf("at the perimeter: %+v", wall)
	}
	if agent.System != "wazuh" || agent.Mode != soar.Ask || agent.On != "001" || agent.OnName != "web-01" || agent.RequiresPeople != 1 || agent.Groups[0] != "responders" {
		t.Errorf("on the agent: %+v", agent)
	}
	if again := w.plan(request(attacker)); again.Digest() != made.Digest() {
		t.Error("the same question has two answers")
	}
}

func TestInternalAddressIsNeverAuto(t *testing.T) {
	w := newWorld(t)
	bold := content(t, func(text string) string {
		return strings.Replace(text, "internal: []", "internal: [203.0.113.0/24]", 1)
	})
	for _, address := range []string{inside, "10.1.2.3", "172.16.9.9", "100.64.1.1", "fd00::5", "169.254.1.1", "127.0.0.1", "::ffff:192.168.1.9"} {
		for _, a := range w.plan(request(address)).Actions {
			if a.System == "pfsense" || a.Mode != soar.Ask {
				t.Errorf("%s: planned %+v", address, a)
			}
		}
	}
	careless := fstest.MapFS{"plans/attacked-host.yaml": {Data: []byte("id: attacked-host\ntitle: Careless\nwhen: true\ncontain:\n" +
		"  - {kind: block_address, system: pfsense, when: true, mode: auto, for: 1h, reason: r}\n  - {kind: block_address, system: wazuh, when: true, mode: auto, for: 1h, reason: r}\n")}}
	w.Sources = append(w.Sources, careless)
	for _, a := range w.plan(request(inside)).Actions {
		if a.System == "pfsense" || a.Mode != soar.Ask {
			t.Errorf("a careless plan makes it %+v", a)
		}
	}
	made := w.plan(request(inside))
	if a, ok := action(made, "wazuh", inside); !ok || a.RequiresPeople < 1 {
		t.Errorf("on the agent people are asked: %+v, %v", a, ok)
	}
	w.Sources = append(w.Sources, bold)
	if a, ok := action(w.plan(request(attacker)), "pfsense", attacker); ok {
		t.Errorf("an address that the policy calls internal: %+v", a)
	}
}

func TestWarninglistForbidsAuto(t *testing.T) {
	w := newWorld(t)
	req := request(attacker)
	req.Answers = []soar.Answer{{Source: "misp", Answered: true, Readings: []soar.Reading{
		{Source: "misp", About: soar.Observable{Type: "ip", Value: "::ffff:" + attacker}, Opinion: soar.Malicious, Warninglist: "List of known Cloudflare IP ranges"},
	}}}
	a, ok := action(w.plan(req), "pfsense", attacker)
	if !ok || a.Mode != soar.Ask || a.RequiresPeople != 1 || !strings.Contains(a.Reason, "Cloudflare") {
		t.Errorf("planned %+v", a)
	}
}

func TestThePolicyLessensAPlan(t *testing.T) {
	tests := map[string]struct {
		world   func(w *world)
		request func(r *activities.PlanRequest)
		mode    soar.Mode
		says    string
	}{
		"sure enough":                  {nil, nil, soar.Auto, ""},
		"a low score asks":             {nil, func(r *activities.PlanRequest) { r.Verdict.Score = 59 }, soar.Ask, "score 59"},
		"silent sources ask":           {nil, func(r *activities.PlanRequest) { r.Verdict.Confidence = 0.4 }, soar.Ask, "confidence 0.40"},
		"a harmless address asks":      {nil, harmless, soar.Ask, "harmless"},
		"a protected asset asks two":   {func(w *world) { w.Protected = protected{attacker} }, nil, soar.Ask, "--override-protected"},
		"unknown protection asks two":  {func(w *world) { w.Protected = nil }, nil, soar.Ask, "not known"},
		"no such system: people do it": {func(w *world) { w.Systems = []string{"wazuh"} }, nil, soar.Suggest, "by hand"},
		"the policy says ask at most": {func(w *world) {
			w.Sources = append(w.Sources, content(w.t, func(s string) string { return strings.Replace(s, "most: auto", "most: ask", 1) }))
		}, nil, soar.Ask, "no more than ask"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, req := newWorld(t), request(attacker)
			if tt.world != nil {
				tt.world(w)
			}
			if tt.request != nil {
				tt.request(&req)
			}
			a, ok := action(w.plan(req), "pfsense", attacker)
			if !ok || a.Mode != tt.mode || !strings.Contains(a.Reason, tt.says) {
				t.Errorf("planned %+v", a)
			}
			if want := map[bool]int{true: 2, false: 1}[strings.Contains(name, "two")]; a.Mode == soar.Ask && a.RequiresPeople != want {
				t.Errorf("wants %d people, not %d", a.RequiresPeople, want)
			}
		})
	}
}

func harmless(r *activities.PlanRequest) {
	r.Answers = []soar.Answer{{Source: "cortex", Answered: true, Readings: []soar.Reading{{Source: "cortex/x", About: soar.Observable{Type: "ip", Value: attacker}, Opinion: soar.Harmless}}}}
}

func TestNothingIsPlannedTwiceNorOnOurselves(t *testing.T) {
	w := newWorld(t)
	req := request(attacker, "::ffff:"+attacker, web01.Address, "not an address", "")
	req.Brief.Assets = append(req.Brief.Assets, web01, soar.Asset{Name: "manager", AgentID: "000"}, soar.Asset{Name: "printer"})
	made := w.plan(req)
	if len(made.Actions) != 2 {
		t.Fatalf("planned %+v", made.Actions)
	}
	req.Earlier, req.Revision = made.Actions, 2
	if again := w.plan(req); len(again.Actions) != 0 {
		t.Errorf("planned again: %+v", again.Actions)
	}
	for _, level := range []soar.Level{soar.Medium, ""} {
		quiet := request(attacker)
		quiet.Brief.Level = level
		if made := w.plan(quiet); len(made.Actions) != 0 || made.Name != "" {
			t.Errorf("level %q plans %+v", level, made)
		}
	}
}

func TestAPlanIsBounded(t *testing.T) {
	w := newWorld(t)
	req := request()
	for i := range 50 {
		req.Brief.Observables = append(req.Brief.Observables, soar.Observable{Type: "ip", Value: "203.0.113." + string(rune('1'+i/10)) + string(rune('0'+i%10))})
	}
	made := w.plan(req)
	if len(made.Actions) != 20 || !strings.Contains(made.Actions[19].Reason, "max_actions") {
		t.Errorf("%d actions, the last: %+v", len(made.Actions), made.Actions[len(made.Actions)-1])
	}
}

func TestOpenVulnerabilitiesArePatchedWhenPeopleSaySo(t *testing.T) {
	w := newWorld(t)
	req := request(attacker)
	req.Phase = activities.PhaseRemediate
	vulnerable := func(cve, severity string, score float64) activities.Vulnerability {
		return activities.Vulnerability{CVE: cve, Asset: web01, Severity: severity, Score: score, Source: "wazuh"}
	}
	req.Exposure = activities.Exposure{Vulnerabilities: []activities.Vulnerability{vulnerable("CVE-2021-44228", "Critical", 10), vulnerable("CVE-2020-1", "Low", 2)}}
	made := w.plan(req)
	if len(made.Actions) != 1 {
		t.Fatalf("planned %+v", made.Actions)
	}
	a := made.Actions[0]
	if a.Kind != soar.Patch || a.System != "ansible" || a.Target != "web-01" || a.Mode != soar.Ask || a.Playbook != "patch" || a.RequiresPeople != 1 || a.ID != "i1-1-r0" {
		t.Errorf("planned %+v", a)
	}
	req.Exposure.Vulnerabilities = req.Exposure.Vulnerabilities[1:]
	if made := w.plan(req); len(made.Actions) != 0 {
		t.Errorf("a low one plans %+v", made.Actions)
	}
}
