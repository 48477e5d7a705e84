package rules

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// sourced are rules for several log sources, all with the same selection, and a native one.
var sourced = fstest.MapFS{
	"windows.yml": {Data: []byte("title: W\nid: w\nlogsource: {product: windows, service: security}\ndetection: {s: {a: x}, condition: s}\n")},
	"linux.yml":   {Data: []byte("title: L\nid: l\nlogsource: {product: linux, service: sshd}\ndetection: {s: {a: x}, condition: s}\n")},
	"no-id.yml":   {Data: []byte("title: A rule without an id\nlogsource: {category: test}\ndetection: {s: {a: x}, condition: s}\ntags: [attack.t1110, house.own]\n")},
	"native.yaml": {Data: []byte("id: n\ntitle: N\nlevel: low\nmapping: wazuh4\ncondition: raw(\"a\") == \"x\"\nevents: [{name: a, match: true, event: {a: x}}, {name: b, match: false, event: {a: y}}]\n")},
}

func TestAnUnknownLogSourceIsTriedWithEveryRuleInEveryStream(t *testing.T) {
	library, report := Load(sourced)
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	unknown := []string{"A rule without an id", "l", "w"}
	wazuh, windows := []string{Auto, "wazuh4"}, []string{Auto, "windows", "wazuh4", "wazuh5", "ecs"}
	for _, mapping := range append(Mappings(), Auto) {
		for event, want := range map[string][]string{
			`{"a":"x"}`: unknown, // run and a stream of any mapping say the same
			`{"a":"x","rule":{},"agent":{},"decoder":{"name":"sshd"}}`: seenBy(mapping, wazuh, unknown, "l"),
			`{"a":"x","rule":{},"agent":{},"decoder":{"name":"home"}}`: seenBy(mapping, wazuh, unknown),
			`{"a":"x","Channel":"Security","EventID":1}`:               seenBy(mapping, windows, unknown, "w"),
			`{"a":"y"}`: nil,
		} {
			if mapping == "alertmanager" { // its table says what all of its events are
				want = nil
			}
			matcher, err := library.For(mapping)
			if err != nil {
				t.Fatal(err)
			}
			matches, err := matcher.Match([]byte(event))
			var got []string
			for _, m := range matches {
				if m.Rule.ID != "n" {
					got = append(got, m.Rule.ID)
				}
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("mapping %s, %s: %v, %v; want %v", mapping, event, got, err, want)
			}
		}
	}
}

// seenBy is what an event matches in streams whose mapping tells its log source, and unknown in the others: a mapping that is
// named counts whatever the event looks like.
func seenBy(mapping string, by, unknown []string, want ...string) []string {
	if slices.Contains(by, mapping) {
		return want
	}
	return unknown
}

func TestEveryRuleAsksForNoLogSource(t *testing.T) {
	library, _ := Load(sourced)
	for _, mapping := range append(Mappings(), Auto) {
		for _, event := range []string{
			`{"a":"x"}`, `{"a":"x","rule":{},"agent":{},"decoder":{"name":"sshd"}}`, `{"a":"x","Channel":"Security","EventID":1}`, `{"a":"x","ecs":{"version":"8"}}`,
			`{"a":"x","Event":{"System":{"Channel":"Security","EventID":1}}}`, `{"a":"x","eventSource":"s3","eventName":"Get"}`,
		} {
			matcher, err := library.For(mapping)
			if err != nil {
				t.Fatal(err)
			}
			matcher.EveryRule = true
			matches, err := matcher.Match([]byte(event))
			if err != nil || len(matches) != 4 {
				t.Errorf("mapping %s, %s: %v, %v; want all four rules", mapping, event, matches, err)
			}
			if slices.ContainsFunc(matches, func(m Match) bool {
				return m.Rule.ID == "A rule without an id" && !slices.Equal(m.Tags, []string{"attack.t1110", "house.own"})
			}) {
				t.Errorf("tags are not as written: %v", matches)
			}
		}
	}
}

// TestEveryRuleIsThePlainEvaluatorWithoutLogSources holds the engine without log sources against all rules, one by one.
func TestEveryRuleIsThePlainEvaluatorWithoutLogSources(t *testing.T) {
	library, _ := loadSigma(t)
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	matcher.EveryRule = true
	total, n := 0, 0
	for line := range bytes.Lines(shared.Read(t, "events/sigma-regression-flat.ndjson")) {
		if n++; n%8 != 0 {
			continue
		}
		var labelled struct{ Event json.RawMessage }
		if err := json.Unmarshal(line, &labelled); err != nil {
			t.Fatal(err)
		}
		root, err := decode(labelled.Event)
		if err != nil {
			t.Fatal(err)
		}
		event := sigma.NewEvent(root, newShape(root, library.shapes, "").lookup)
		var want []string
		for _, rule := range library.sigma {
			if rule.Match(event) {
				want = append(want, rule.ID)
			}
		}
		got, err := fast(matcher, labelled.Event)
		if total += len(got); err != nil || !slices.Equal(got, want) {
			t.Errorf("line %d: %v, %v; want %v", n, got, err, want)
		}
	}
	if total < 20 {
		t.Errorf("only %d matches", total)
	}
}
