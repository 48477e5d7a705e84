package plan_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/plan"
)

const good = `id: block
title: Block it
when: entity.family == "host"
contain:
  - kind: block_address
    system: pfsense
    when: address.external and verdict.score >= 60
    mode: auto
    for: 1h
    reason: it attacks us
`

func load(text string) ([]plan.Plan, error) {
	return plan.Load(fstest.MapFS{"plans/p.yaml": {Data: []byte(text)}})
}

func TestUnknownKindIsLoadError(t *testing.T) {
	tests := map[string]struct{ from, to, want string }{
		"an unknown kind":              {"block_address", "nuke_host", `plans/p.yaml:5: unknown kind "nuke_host": known are block_address, patch`},
		"a kind in the wrong part":     {"block_address", "patch", "p.yaml:5: kind \"patch\" does not belong"},
		"an unknown system":            {"pfsense", "fortigate", `p.yaml:5: system "fortigate" can't block_address`},
		"a system of another kind":     {"pfsense", "ansible", "p.yaml:5:"},
		"an unknown mode":              {"mode: auto", "mode: always", `p.yaml:5: unknown mode "always"`},
		"an unknown key of a step":     {"reason:", "raeson:", "p.yaml:10:5: unknown key raeson; did you mean reason?"},
		"an unknown key of the plan":   {"title:", "titel:", "p.yaml:2:"},
		"an unknown name":              {"verdict.score", "verdict.scor", "p.yaml:5: when:"},
		"a name of another part":       {"address.external", "asset.nothing", "p.yaml:5: when:"},
		"a condition that is no truth": {"entity.family == \"host\"", "entity.family", "p.yaml:1: when:"},
		"a wrong type":                 {">= 60", ">= 'sixty'", "p.yaml:5: when:"},
		"no condition of a step":       {"    when: address.external and verdict.score >= 60\n", "", "p.yaml:5: a step needs a condition"},
		"no condition of the plan":     {"when: entity.family == \"host\"\n", "", "p.yaml:1: a plan needs a condition"},
		"no expiry":                    {"    for: 1h\n", "", "p.yaml:5: a containment needs `for`"},
		"no reason":                    {"    reason: it attacks us\n", "", "p.yaml:5: a step needs a reason"},
		"a word as duration":           {"1h", "soon", "p.yaml:9:10: contain[0].for is a text, not a duration; write it as for: 24h"},
		"broken YAML":                  {"id: block", "id: [block", "p.yaml:"},
		"no id":                        {"id: block\n", "", "p.yaml:1: a plan needs an id"},
		"no step":                      {good[strings.Index(good, "contain:"):], "", "p.yaml:1: a plan without a step"},
	}
	if _, err := load(good); err != nil {
		t.Fatal("the good plan:", err)
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, tt.from, tt.to, 1)
			if text == good {
				t.Fatal("nothing was spoiled")
			}
			if _, err := load(text); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestAPatchIsNeverAutomatic(t *testing.T) {
	const patch = "id: p\ntitle: P\nwhen: true\nremediate:\n  - {kind: patch, system: ansible, when: asset.cvss >= 7, mode: ask, playbook: patch, reason: r}\n"
	if _, err := load(patch); err != nil {
		t.Fatal(err)
	}
	for _, spoil := range []string{strings.Replace(patch, "ask", "auto", 1), strings.Replace(patch, "ask", "hold", 1), strings.Replace(patch, "playbook: patch, ", "", 1), strings.Replace(patch, "asset.cvss", "address.value", 1)} {
		if _, err := load(spoil); err == nil {
			t.Errorf("loaded\n%s", spoil)
		}
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := plan.Load(fstest.MapFS{
		"plans/a.yaml": {Data: []byte(strings.Replace(good, "pfsense", "x", 1))},
		"plans/b.yaml": {Data: []byte(strings.Replace(good, "auto", "y", 1))},
		"plans/c.yaml": {Data: []byte(good)},
	})
	if err == nil || !strings.Contains(err.Error(), "a.yaml:5") || !strings.Contains(err.Error(), "b.yaml:5") || strings.Contains(err.Error(), "c.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestALaterSourceReplaces(t *testing.T) {
	shipped := fstest.MapFS{"plans/block.yaml": {Data: []byte(good)}, "plans/z.yaml": {Data: []byte(strings.Replace(good, "id: block", "id: z\norder: 10", 1))}}
	own := fstest.MapFS{"plans/mine.yml": {Data: []byte(strings.Replace(good, "Block it", "My own", 1))}}
	plans, err := plan.Load(shipped, own)
	if err != nil || len(plans) != 2 {
		t.Fatalf("%d plans, %v", len(plans), err)
	}
	if plans[0].Title != "My own" || plans[1].ID != "z" || plans[0].Version == plans[1].Version {
		t.Errorf("got %q (%s), then %q", plans[0].Title, plans[0].ID, plans[1].ID)
	}
}

func TestConditions(t *testing.T) {
	plans, err := load(good)
	if err != nil {
		t.Fatal(err)
	}
	p := plans[0]
	for family, want := range map[string]bool{"host": true, "account": false} {
		if got, err := p.Holds(plan.Env{Entity: plan.Entity{Family: family}}); err != nil || got != want {
			t.Errorf("family %s: %v, %v", family, got, err)
		}
	}
	for score, want := range map[int]bool{59: false, 60: true} {
		env := plan.AddressEnv{Env: plan.Env{Verdict: plan.Verdict{Score: score}}, Address: plan.Address{External: true}}
		if got, err := p.Contain[0].WantsAddress(env); err != nil || got != want {
			t.Errorf("score %d: %v, %v", score, got, err)
		}
	}
	if _, err := (&plan.Step{Kind: soar.BlockAddress}).WantsAddress(plan.AddressEnv{}); err == nil {
		t.Error("a step that was never loaded wants something")
	}
}

func TestShippedPlansLoad(t *testing.T) {
	plans, err := plan.Load(os.DirFS("../content"))
	if err != nil || len(plans) < 2 {
		t.Fatalf("%d plans, %v", len(plans), err)
	}
}
