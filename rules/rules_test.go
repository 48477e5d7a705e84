package rules

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/content"
)

// sigmaHQ loads the public rules once.
var sigmaHQ = sync.OnceValues(func() (map[string]*Library, map[string]*Report) {
	return map[string]*Library{}, map[string]*Report{}
})

func loadDir(dir string) (*Library, *Report) { return Load(os.DirFS(dir)) }

func loadSigma(t testing.TB) (*Library, *Report) {
	t.Helper()
	libraries, reports := sigmaHQ()
	dir := shared.Path(t, "sigma")
	if libraries[dir] == nil {
		libraries[dir], reports[dir] = loadDir(dir)
	}
	return libraries[dir], reports[dir]
}

func TestEveryPublicRuleLoads(t *testing.T) {
	library, report := loadSigma(t)
	for _, fault := range report.Refused {
		t.Error(fault)
	}
	t.Logf("%d rules, %d warnings", library.Len(), len(report.Warnings))
	if library.Len() < 3757 {
		t.Errorf("loaded %d rules, want 3757", library.Len())
	}
}

func TestEveryLabelledEventFiresItsRule(t *testing.T) {
	library, _ := loadSigma(t)
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"events/sigma-regression-flat.ndjson", "events/sigma-regression-nested.ndjson"} {
		fired := map[string]bool{}
		for line := range bytes.Lines(shared.Read(t, name)) {
			var labelled struct {
				Rule  string
				Event json.RawMessage
			}
			if err := json.Unmarshal(line, &labelled); err != nil {
				t.Fatal(err)
			}
			matches, err := matcher.Match(labelled.Event)
			if err != nil {
				t.Fatal(err)
			}
			hit := slices.ContainsFunc(matches, func(m Match) bool { return m.Rule.ID == labelled.Rule })
			fired[labelled.Rule] = fired[labelled.Rule] || hit
		}
		for rule, hit := range fired {
			if !hit {
				t.Errorf("%s: rule %s did not fire", name, rule)
			}
		}
		if len(fired) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
}

func unzip(t testing.TB, name string) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(shared.Read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type firing struct {
	Line int
	Rule string
}

func TestExactlyTheExpectedRulesFire(t *testing.T) {
	library, _ := loadSigma(t)
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	for _, lane := range []string{"windows-mixed", "process-creation", "powershell"} {
		t.Run(lane, func(t *testing.T) {
			want := map[firing]bool{}
			for line := range bytes.Lines(unzip(t, "events/expected-"+lane+".ndjson.gz")) {
				var f firing
				if err := json.Unmarshal(line, &f); err != nil {
					t.Fatal(err)
				}
				want[f] = true
			}
			got := map[firing]bool{}
			scanner := bufio.NewScanner(bytes.NewReader(unzip(t, "events/"+lane+".ndjson.gz")))
			scanner.Buffer(nil, 16<<20)
			for n := 1; scanner.Scan() && (n <= 500 || !testing.Short()); n++ {
				matches, err := matcher.Match(scanner.Bytes())
				if err != nil {
					t.Fatal(n, err)
				}
				for _, m := range matches {
					got[firing{n, m.Rule.ID}] = true
				}
			}
			if testing.Short() {
				maps.DeleteFunc(want, func(f firing, _ bool) bool { return f.Line > 500 })
			}
			for f := range want {
				if !got[f] {
					t.Errorf("line %d: rule %s did not fire", f.Line, f.Rule)
				}
			}
			for f := range got {
				if !want[f] {
					t.Errorf("line %d: rule %s fired and should not", f.Line, f.Rule)
				}
			}
		})
	}
}

func TestMatchSaysWhoAndWhere(t *testing.T) {
	library, _ := Load(content.Files)
	matcher, err := library.For("wazuh4")
	if err != nil {
		t.Fatal(err)
	}
	matches, err := matcher.Match([]byte(`{"timestamp":"2026-11-02T06:41:14.000+0000","rule":{"id":"5763","level":10,"description":"brute\nforce"},` +
		`"agent":{"id":"004","name":"shop-01","ip":"10.20.0.14"},"data":{"srcip":"203.0.113.66","dstuser":"deploy"}}`))
	if err != nil || len(matches) != 1 {
		t.Fatalf("%v, %v", matches, err)
	}
	m := matches[0]
	if m.Entity != (soar.Entity{Family: "host", Name: "shop-01"}) || m.Asset != (soar.Asset{Name: "shop-01", AgentID: "004", Address: "10.20.0.14"}) {
		t.Errorf("entity %v, asset %v", m.Entity, m.Asset)
	}
	if !slices.Contains(m.Observables, soar.Observable{Type: "ip", Value: "203.0.113.66"}) || !m.Opens || m.Rule.Level != soar.High || len(m.Rule.Version) != 64 {
		t.Errorf("%+v", m)
	}
	if m.Summary != "Many failed SSH logins from one address: brute force" || m.EventTime.Unix() != 1793601674 || !slices.Equal(m.Techniques, []string{"T1110.001"}) || !slices.Equal(m.Tactics, []string{"credential-access"}) {
		t.Errorf("%+v", m)
	}
}

func TestMalformedEventIsAnErrorWithItsPlace(t *testing.T) {
	library, _ := Load(content.Files)
	matcher, _ := library.For(Auto)
	for _, source := range []string{"", "{", "[1]", "null", `{"a":1} x`, "{\"a\":\x00}"} {
		_, err := matcher.Match([]byte(source))
		if _, ok := errors.AsType[*MalformedError](err); !ok {
			t.Errorf("%q: %v", source, err)
		}
	}
}

func TestNativeRulesAreStrict(t *testing.T) {
	const events = "events:\n  - {name: a, match: true, event: {}}\n  - {name: b, match: false, event: {}}\n"
	head := "id: x\ntitle: X\nlevel: high\nmapping: wazuh4\n"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"unknown key":       {head + "condition: rule_id == \"1\"\n" + events + "colour: red\n", 9},
		"unknown name":      {head + "condition: rule_idd == \"1\"\n" + events, 5},
		"wrong type":        {head + "condition: rule_level == \"1\"\n" + events, 5},
		"no events":         {head + "condition: rule_id == \"1\"\n", 1},
		"unknown mapping":   {"id: x\ntitle: X\nlevel: high\nmapping: wazuh9\ncondition: \"true\"\n" + events, 4},
		"unknown level":     {"id: x\ntitle: X\nlevel: loud\nmapping: wazuh4\ncondition: rule_id == \"1\"\n" + events, 3},
		"list not there":    {head + "condition: listed(\"nosuch\", agent_name)\n" + events, 5},
		"condition no bool": {head + "condition: rule_id\n" + events, 5},
	} {
		_, report := Load(fstest.MapFS{"detections/x.yaml": {Data: []byte(c.text)}})
		if len(report.Refused) != 1 || report.Refused[0].Line != c.line || report.Refused[0].Mend == "" {
			t.Errorf("%s: %v, want one fault at line %d", name, report.Refused, c.line)
		}
	}
}

func TestAbsentIsFalseInEveryComparison(t *testing.T) {
	mapping := &Mapping{ID: "m", Fields: map[string]Field{
		"s": {"s", "string"}, "n": {"n", "int"}, "l": {"l", "list"}, "f": {"f", "float"}, "b": {"b", "bool"},
	}}
	for condition, want := range map[string]bool{
		`s == "x"`: false, `s != "x"`: false, `n > 0`: false, `n <= 0`: false, `s contains ""`: false, `s matches ".*"`: false, `s in ["x"]`: false,
		`"x" in l`: false, `any(l, # == "x")`: false, `s == nil`: true, `n == nil`: true, `not (s == "x")`: true, `within(s, "10.0.0.0/8")`: false,
		`lower(s) == "x"`: false, `raw("q.r") == ""`: true, `s == "x" or n == nil`: true, `f < 1.5`: false, `b == true`: false,
	} {
		program, err := compile(condition, mapping, nil)
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		rule := &Native{program: program}
		if got, err := rule.holds(mapping.env(newShape(map[string]any{"n": "not a number"}, nil, ""), nil)); got != want || err != nil {
			t.Errorf("%s = %v, %v; want %v", condition, got, err, want)
		}
	}
}
