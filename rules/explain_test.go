package rules

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules/content"
)

// explained holds an explanation against the engine's answer: the verdict, and the marks that lead to it.
func explained(t *testing.T, m *Matcher, event []byte, rule RuleRef, matched bool) *Explanation {
	t.Helper()
	x, err := m.Explain(event, rule)
	if err != nil {
		t.Errorf("%s: %v", rule.ID, err)
		return &Explanation{}
	}
	if x.Matched != matched {
		t.Errorf("%s: explained as %v, the engine says %v\n%s", rule.ID, x.Matched, matched, event)
	}
	if !reasoned(x.Condition) {
		text, _ := json.Marshal(x.Condition)
		t.Errorf("%s: the marked parts do not lead to the answer: %s", rule.ID, text)
	}
	return x
}

// reasoned reports whether a part's answer follows from the parts in it that are marked.
func reasoned(p Part) bool {
	marked := 0
	for _, kid := range p.Parts {
		if kid.Decides {
			marked++
		}
		if p.Decides && kid.Decides && (kid.Holds == p.Holds) == (p.Kind == "not") || kid.Decides && !reasoned(kid) {
			return p.Fault != ""
		}
	}
	return !p.Decides || len(p.Parts) == 0 || marked > 0
}

// TestExplainSaysWhatTheEngineSays explains every labelled event beside its rule, beside each rule that matches, and
// beside others of which most do not.
func TestExplainSaysWhatTheEngineSays(t *testing.T) {
	library, _ := loadSigma(t)
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	all, byID := library.Rules(), map[string]RuleRef{}
	for _, rule := range all {
		byID[rule.ID] = rule
	}
	pick := rand.New(rand.NewPCG(1, 2))
	pairs, matching, near := 0, 0, 0
	for _, name := range []string{"events/sigma-regression-flat.ndjson", "events/sigma-regression-nested.ndjson"} {
		for line := range bytes.Lines(shared.Read(t, name)) {
			var labelled struct {
				Rule  string
				Event json.RawMessage
			}
			if err := json.Unmarshal(line, &labelled); err != nil {
				t.Fatal(err)
			}
			ids, err := fast(matcher, labelled.Event)
			if err != nil {
				t.Fatal(err)
			}
			beside := []RuleRef{byID[labelled.Rule]}
			for _, id := range ids {
				beside = append(beside, byID[id])
			}
			for range 40 {
				beside = append(beside, all[pick.IntN(len(all))])
			}
			for _, rule := range beside {
				x := explained(t, matcher, labelled.Event, rule, slices.Contains(ids, rule.ID))
				if pairs++; x.Matched {
					matching++
				} else if x.Applies {
					near++
				}
			}
		}
	}
	if t.Logf("%d pairs, %d match, %d apply and do not", pairs, matching, near); matching < 500 || near < 1000 {
		t.Error("too few of one kind")
	}
}

// TestExplainSaysWhatNativeRulesSay does the same for native rules on their own events, and on each with a value changed.
func TestExplainSaysWhatNativeRulesSay(t *testing.T) {
	const more = "id: more\ntitle: More\nlevel: low\nmapping: wazuh4\n" +
		"condition: not (rule_id == \"1\" or rule_level > 5) and (agent_name in [\"a\"] or raw(\"data.x\") != \"y\" and int(split(full_log, \" \")[1]) > 7)\n" +
		"events:\n  - {name: a, match: true, event: {rule: {id: \"2\", level: 3}, agent: {name: a}, full_log: port 22}}\n" +
		"  - {name: b, match: false, event: {rule: {id: \"1\"}, agent: {name: b}, data: {x: y}, full_log: port}}\n"
	library, report := Load(content.Files, fstest.MapFS{"detections/more.yaml": {Data: []byte(more)}})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	matching, faults := 0, 0
	for _, rule := range library.Native() {
		for _, sample := range rule.Events {
			for _, event := range variants(sample.Event) {
				text, err := json.Marshal(event)
				if err != nil {
					t.Fatal(err)
				}
				ids, err := fast(matcher, text)
				if err != nil {
					t.Fatal(err)
				}
				for _, ref := range library.Rules() {
					x := explained(t, matcher, text, ref, slices.Contains(ids, ref.ID))
					if x.Matched {
						matching++
					}
					if x.Condition.Fault != "" {
						faults++
					}
				}
			}
		}
	}
	if matching < 50 || faults == 0 {
		t.Errorf("%d match, %d fail", matching, faults)
	}
}

// TestExplainKnowsWhatARuleIsFor: a condition that holds on an event of another log source or mapping is no match.
func TestExplainKnowsWhatARuleIsFor(t *testing.T) {
	library, _ := Load(sourced)
	foreign := 0
	for _, mapping := range append(Mappings(), Auto) {
		matcher, err := library.For(mapping)
		if err != nil {
			t.Fatal(err)
		}
		for _, event := range []string{
			`{"a":"x"}`, `{"a":"x","rule":{},"agent":{},"decoder":{"name":"sshd"}}`, `{"a":"x","rule":{},"agent":{},"decoder":{"name":"home"}}`, `{"a":"x","Channel":"Security","EventID":1}`,
		} {
			ids, err := fast(matcher, []byte(event))
			if err != nil {
				t.Fatal(err)
			}
			for _, rule := range library.Rules() {
				if x := explained(t, matcher, []byte(event), rule, slices.Contains(ids, rule.ID)); x.Condition.Holds && !x.Matched {
					foreign++
				}
			}
		}
	}
	if foreign == 0 {
		t.Error("no condition held on a foreign event")
	}
}
