package rules

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/rules/content"
)

func TestARuleOfTheTaxonomyMatchesEveryShape(t *testing.T) {
	files, at := fstest.MapFS{}, map[string]int{}
	for name, c := range everyShape {
		at[name] = len(at)
		files[fmt.Sprintf("%d.yml", at[name])] = &fstest.MapFile{Data: []byte(c.rule(at[name]))}
	}
	library, report := Load(files)
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	served := map[string]bool{}
	for name, c := range everyShape {
		served[c.mapping] = true
		for _, mapping := range []string{Auto, c.mapping} {
			matcher, err := library.For(mapping)
			if err != nil {
				t.Fatal(err)
			}
			oracle := &plain{library: library}
			if mapping != Auto {
				oracle.mapping = library.mappings[mapping]
			}
			for event, want := range map[string]bool{c.event: true, c.near: false} {
				ids, err := fast(matcher, []byte(event))
				got := slices.Contains(ids, fmt.Sprintf("case-%d", at[name]))
				if err != nil || got != want {
					t.Errorf("%s, mapping %s: match is %v, want %v (%v)\n%s", name, mapping, got, want, err, event)
				}
				if difference := agree(matcher, oracle, []byte(event)); difference != "" {
					t.Errorf("%s, mapping %s: %s\n%s", name, mapping, difference, event)
				}
			}
		}
	}
	for _, shape := range library.shapes {
		if !served[shape.ID] {
			t.Errorf("mapping %s has no case", shape.ID)
		}
	}
}

// TestARuleForAnotherSourceIsNotTried: the event's fields would do, its log source does not.
func TestARuleForAnotherSourceIsNotTried(t *testing.T) {
	all := fstest.MapFS{}
	for n, source := range []string{"product: windows", "product: zeek, service: http", "category: proxy", "product: linux, service: auditd", "category: dns", "product: linux"} {
		rule := seen{source: source, detection: "anything|exists: false"}
		all[fmt.Sprintf("%d.yml", n)] = &fstest.MapFile{Data: []byte(rule.rule(n))}
	}
	library, _ := Load(all)
	for event, want := range map[string]string{
		`{"ts":1.5,"uid":"C1","id.orig_h":"10.1.1.1","trans_depth":1,"method":"GET"}`:                                    "case-1 case-2",
		`{"timestamp":"x","flow_id":1,"event_type":"dns","dns":{}}`:                                                      "case-4",
		`{"timestamp":"x","event_type":"stats","stats":{}}`:                                                              "",
		`{"type":"EXECVE","a0":"nc"}`:                                                                                    "case-3 case-5",
		`{"SYSLOG_IDENTIFIER":"kernel","MESSAGE":"x"}`:                                                                   "case-5",
		`{"Channel":"Security","EventID":1}`:                                                                             "case-0",
		`{"rule":{},"agent":{},"decoder":{"name":"json"}}`:                                                               "",
		`{"wazuh":{"agent":{"id":"1"}},"event":{"kind":"event","dataset":"wazuh.fim"}}`:                                  "",
		`{"nothing":"known"}`:                                                                                            "case-0 case-1 case-2 case-3 case-4 case-5",
		`{"winlog":{"channel":"Security","event_id":4688},"agent":{"type":"winlogbeat"},"rule":{"name":"x"},"ecs":true}`: "case-0",
	} {
		matcher, oracle := both(t, library)
		ids, err := fast(matcher, []byte(event))
		if got := strings.Join(ids, " "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", event, got, err, want)
		}
		if difference := agree(matcher, oracle, []byte(event)); difference != "" {
			t.Errorf("%s: %s", event, difference)
		}
	}
}

func TestMappingsThatCannotBeAreRefusedWithTheirLine(t *testing.T) {
	const head = "id: mine\nfields:\n  a: {path: a, type: string}\n"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"a source without a name": {head + "sigma:\n  marks: [{a: x}]\n  sources:\n    - {when: {a: x}}\n", 6},
		"none and one":            {head + "sigma:\n  sources:\n    - {none: true, product: linux}\n", 5},
		"an empty line of marks":  {head + "sigma:\n  marks: [{}]\n", 5},
		"a field without a place": {head + "sigma:\n  fields:\n    Image: []\n", 5},
		"a place with many dots":  {head + "sigma:\n  fields:\n    Image: a.b.c.d.e.f.g.h.i.j\n", 5},
		"channels of nobody":      {head + "sigma:\n  channels: solaris\n", 5},
		"an unknown key":          {head + "sigma:\n  field: {Image: a}\n", 5},
		"a use of what is not":    {head + "time: [b]\n", 4},
		"an entity of nothing":    {head + "entity:\n  - {family: host, field: aa}\n", 5},
		"an unknown observable":   {head + "observables:\n  - {type: ipp, field: a}\n", 5},
		"an unknown type":         {head + "  b: {path: b, type: text}\n", 4},
		"no id":                   {"fields:\n  a: {path: a, type: string}\n", 1},
	} {
		_, report := Load(fstest.MapFS{"mappings/mine.yaml": {Data: []byte(c.text)}})
		if len(report.Refused) != 1 || report.Refused[0].Line != c.line || report.Refused[0].Column == 0 || report.Refused[0].Mend == "" {
			t.Errorf("%s: %v, want line %d", name, report.Refused, c.line)
		}
	}
}

func TestOnesOwnMappingIsTriedBeforeTheShippedOnes(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"mappings/door.yaml": "id: door\nfields:\n  card: {path: CardId, type: string}\nsigma:\n  marks: [{kind: door}]\n  sources: [{when: {kind: door}, product: door, service: access}]\n" +
			"  fields: {CardId: [card.number, badge]}\n",
		"rule.yml":    seen{source: "product: door", detection: "CardId: 7"}.rule(1),
		"native.yaml": "id: native\ntitle: N\nlevel: low\nmapping: door\ncondition: card == \"7\"\nevents:\n  - {name: a, match: true, event: {kind: door, badge: 7}}\n  - {name: b, match: false, event: {kind: door}}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	library, report := Load(content.Files, os.DirFS(folder))
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	matcher, oracle := both(t, library)
	for event, want := range map[string]string{
		`{"kind":"door","Channel":"x","EventID":1,"badge":"7"}`:         "case-1 native",
		`{"kind":"door","card":{"number":7},"badge":8}`:                 "case-1 native",
		`{"kind":"door","card":[{"number":1},{"number":7}],"badge":8}`:  "case-1",
		`{"kind":"door","card.number":null,"badge":7}`:                  "",
		`{"kind":"window","badge":7,"rule":{},"agent":{}}`:              "",
		`{"kind":"door","badge":7,"CardId":8}`:                          "case-1 native", // the table before the rule's own name
		`{"kind":"door","badge":8,"CardId":7}`:                          "",
		`{"kind":"door","CardId":7}`:                                    "case-1 native",
		`{"kind":"door","card":[{"x":1},{"number":7}],"card.number":9}`: "",
	} {
		ids, err := fast(matcher, []byte(event))
		if got := strings.Join(ids, " "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", event, got, err, want)
		}
		if difference := agree(matcher, oracle, []byte(event)); difference != "" {
			t.Errorf("%s: %s", event, difference)
		}
	}
	if got := library.Serving("door", "", ""); !slices.Equal(got, []string{"door"}) {
		t.Error(got)
	}
}

// TestANamedMappingCountsUnlessItSaysNothingToSigma: an event that looks like Wazuh's, in streams of four mappings.
func TestANamedMappingCountsUnlessItSaysNothingToSigma(t *testing.T) {
	library, report := Load(fstest.MapFS{
		"mappings/names.yaml": {Data: []byte("id: names\nfields: {a: {path: a, type: string}}\n")},
		"linux.yml":           {Data: []byte(seen{source: "product: linux, service: sshd", detection: "src_ip: 203.0.113.5"}.rule(1))},
		"web.yml":             {Data: []byte(seen{source: "category: webserver", detection: "src_ip: 203.0.113.6"}.rule(2))},
	})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	event := []byte(`{"rule":{"id":"1"},"agent":{"id":"001"},"decoder":{"name":"sshd"},"data":{"srcip":"203.0.113.5"},"source":{"ip":"203.0.113.6"},"event":{"dataset":"nginx.access"}}`)
	for mapping, want := range map[string]string{Auto: "case-1", "wazuh4": "case-1", "names": "case-1", "ecs": "case-2", "zeek": ""} {
		matcher, err := library.For(mapping)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := fast(matcher, event)
		if got := strings.Join(ids, " "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", mapping, got, err, want)
		}
		if difference := agree(matcher, &plain{library: library, mapping: library.mappings[mapping]}, event); difference != "" {
			t.Errorf("%s: %s", mapping, difference)
		}
	}
}

// TestBothReadingsAgreeOnEveryShape takes every event of the cases, and each with one value changed at any depth.
func TestBothReadingsAgreeOnEveryShape(t *testing.T) {
	files := fstest.MapFS{}
	for name, c := range everyShape {
		files[name+".yml"] = &fstest.MapFile{Data: []byte(c.rule(len(files)))}
	}
	library, _ := Load(content.Files, files)
	tried := 0
	for _, mapping := range append(Mappings(), Auto) {
		matcher, err := library.For(mapping)
		if err != nil {
			t.Fatal(err)
		}
		oracle := &plain{library: library, mapping: library.mappings[mapping]}
		for name, c := range everyShape {
			root, err := decode([]byte(c.event))
			if err != nil {
				t.Fatal(err)
			}
			for _, event := range variants(root) {
				text, err := json.Marshal(event)
				if err != nil {
					t.Fatal(err)
				}
				if difference := agree(matcher, oracle, text); difference != "" {
					t.Errorf("%s, mapping %s: %s\n%s", name, mapping, difference, text)
				}
				tried++
			}
		}
	}
	if tried < 5000 {
		t.Errorf("%d events", tried)
	}
}
