package rules

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/rules/content"
)

func TestShippedRulesAreProvedByTheirOwnEvents(t *testing.T) {
	trial := Test(content.Files)
	for _, fault := range trial.Refused {
		t.Error(fault)
	}
	for _, tested := range trial.Tested {
		if tested.Wrong() {
			t.Errorf("%s: %s: match = %v, want %v, %v", tested.Rule, tested.Event, tested.Got, tested.Want, tested.Err)
		}
	}
	for _, rule := range trial.Uncovered() {
		t.Errorf("%s has no matching event or no near miss: %+v", rule.File, rule)
	}
	if len(trial.Rules) < 9 || len(trial.Tested) < 2*len(trial.Rules) {
		t.Errorf("%d rules, %d events", len(trial.Rules), len(trial.Tested))
	}
}

// carried is a Sigma rule with what more it says.
func carried(more string) string {
	return "title: T\nid: t\nlogsource: {product: windows, category: process_creation}\ndetection:\n  sel:\n    Image|endswith: '\\tool.exe'\n    User: root\n  condition: sel\n" + more
}

func native(condition, events string) string {
	return "id: n\ntitle: N\nlevel: high\nmapping: wazuh4\ncondition: " + condition + "\nevents:\n" + events
}

func TestWhatBecameOfARulesEvents(t *testing.T) {
	const (
		matching = "  - {name: it, match: true, event: {Image: 'C:\\tool.exe', User: root}}\n"
		near     = "  - {name: another user, match: false, event: {Image: 'C:\\tool.exe', User: eve}}\n"
		far      = "  - {name: something else, match: false, event: {DestinationIp: 192.0.2.1}}\n"
		info     = "regression_tests_info:\n  - {name: P, type: json, path: data/p.json}\n  - {name: Q, type: evtx, match_count: 2, path: data/q.evtx}\n  - {name: R, type: evtx, path: data/nowhere.evtx}\n"
		hit      = `{"Image":"C:\\tool.exe","User":"root"}`
	)
	for name, c := range map[string]struct {
		files map[string]string
		want  string // events, then coverage
	}{
		"both kinds":           {map[string]string{"r.yml": carried("events:\n" + matching + near)}, "it ok, another user ok; covered"},
		"a far event":          {map[string]string{"r.yml": carried("events:\n" + matching + far)}, "it ok, something else ok; matching"},
		"none":                 {map[string]string{"r.yml": carried("")}, "; nothing"},
		"a wrong one":          {map[string]string{"r.yml": carried("events:\n" + strings.Replace(matching, "true", "false", 1) + near)}, "it WRONG, another user ok; near"},
		"in a second document": {map[string]string{"r.yml": carried("") + "---\n" + strings.ReplaceAll(carried("events:\n"+matching+near), "id: t", "id: u")}, "it ok, another user ok; nothing; covered"},
		"regression data": {map[string]string{
			"r.yml": carried("regression_tests_path: regression_data/info.yml\n"), "regression_data/info.yml": info, "data/p.json": hit, "data/q.json": hit + "\n" + hit,
		}, "P p.json ok, Q q.evtx ok, R nowhere.evtx skipped; matching"},
		"too few of them": {map[string]string{
			"r.yml": carried("regression_tests_path: regression_data/info.yml\n"), "regression_data/info.yml": info, "data/p.json": "[" + hit + "]", "data/q.json": hit,
		}, "P p.json ok, Q q.evtx WRONG, R nowhere.evtx skipped; matching"},
		"no regression data":    {map[string]string{"r.yml": carried("regression_tests_path: regression_data/info.yml\n")}, "regression_data/info.yml skipped; nothing"},
		"a path that leads out": {map[string]string{"r.yml": carried("regression_tests_path: ../../etc/passwd\n")}, "../../etc/passwd skipped; nothing"},
		"broken regression data": {map[string]string{
			"r.yml": carried("regression_tests_path: regression_data/info.yml\n"), "regression_data/info.yml": info, "data/p.json": "{", "data/q.json": hit + hit,
		}, "P p.json WRONG, Q q.evtx ok, R nowhere.evtx skipped; matching"},
		"a native rule":               {map[string]string{"n.yaml": native(`rule_id == "1" and srcip != nil`, "  - {name: a, match: true, event: {rule: {id: \"1\"}, agent: {}, data: {srcip: 192.0.2.1}}}\n  - {name: b, match: false, event: {rule: {id: \"1\"}, agent: {}}}\n")}, "a ok, b ok; covered"},
		"a native far event":          {map[string]string{"n.yaml": native(`rule_id == "1" and srcip != nil`, "  - {name: a, match: true, event: {rule: {id: \"1\"}, agent: {}, data: {srcip: 192.0.2.1}}}\n  - {name: b, match: false, event: {rule: {id: \"2\"}, agent: {}}}\n")}, "a ok, b ok; matching"},
		"one field of a native rule":  {map[string]string{"n.yaml": native(`rule_id == "1"`, "  - {name: a, match: true, event: {rule: {id: \"1\"}, agent: {}}}\n  - {name: b, match: false, event: {rule: {id: \"2\"}, agent: {}}}\n")}, "a ok, b ok; covered"},
		"a native rule's exclusion":   {map[string]string{"n.yaml": native(`rule_id == "1" and dstuser == "x" and not (srcip == "192.0.2.1")`, "  - {name: a, match: true, event: {rule: {id: \"1\"}, agent: {}, data: {dstuser: x}}}\n  - {name: b, match: false, event: {rule: {id: \"2\"}, agent: {}, data: {srcip: 192.0.2.1}}}\n")}, "a ok, b ok; matching"},
		"a native rule that excludes": {map[string]string{"n.yaml": native(`rule_id == "1" and not (srcip == "192.0.2.1")`, "  - {name: a, match: true, event: {rule: {id: \"1\"}, agent: {}}}\n  - {name: b, match: false, event: {rule: {id: \"1\"}, agent: {}, data: {srcip: 192.0.2.1}}}\n")}, "a ok, b ok; covered"},
	} {
		source := fstest.MapFS{}
		for file, text := range c.files {
			source[file] = &fstest.MapFile{Data: []byte(text)}
		}
		trial := Test(source)
		if len(trial.Refused) > 0 {
			t.Errorf("%s: %v", name, trial.Refused)
		}
		if got := told(trial); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func told(trial *Trial) string {
	var events []string
	for _, tested := range trial.Tested {
		word := "ok"
		if tested.Skipped != "" {
			word = "skipped"
		} else if tested.Wrong() {
			word = "WRONG"
		}
		events = append(events, tested.Event+" "+word)
	}
	text := strings.Join(events, ", ")
	for _, rule := range trial.Rules {
		text += "; " + map[[2]bool]string{{true, true}: "covered", {true, false}: "matching", {false, true}: "near", {}: "nothing"}[[2]bool{rule.Matching, rule.Near}]
	}
	return text
}

func TestEventsThatAreNoneAreRefusedWithTheirLine(t *testing.T) {
	trial := Test(fstest.MapFS{"r.yml": {Data: []byte(carried("events:\n  - {name: it, match: perhaps, event: {}}\n"))}})
	if len(trial.Refused) != 1 || trial.Refused[0].Line != 10 {
		t.Errorf("%v", trial.Refused)
	}
}

// TestANativeConditionIsWrongAtItsPlace: on the key's line, or below it in a block.
func TestANativeConditionIsWrongAtItsPlace(t *testing.T) {
	const events = "  - {name: a, match: true, event: {}}\n  - {name: b, match: false, event: {}}\n"
	for condition, want := range map[string]string{
		`rule_id == "1" and rule_idd == "2"`:               "n.yaml:5:31: unknown name rule_idd; ",
		"|\n  rule_id == \"1\" and\n  (rule_idd == \"2\")": "n.yaml:7:4: unknown name rule_idd; ",
	} {
		_, report := Load(fstest.MapFS{"n.yaml": {Data: []byte(native(condition, events))}})
		if len(report.Refused) != 1 || !strings.HasPrefix(report.Refused[0].Error(), want) {
			t.Errorf("%s: %v, want %s", condition, report.Refused, want)
		}
	}
}

// TestOneIdIsOneRules: the second rule of an id is refused in one folder, and replaces the first of an earlier one,
// whatever the forms are.
func TestOneIdIsOneRules(t *testing.T) {
	mine := strings.Replace(native(`rule_id == "1"`, "  - {name: a, match: true, event: {rule: {id: \"1\"}, agent: {}}}\n  - {name: b, match: false, event: {rule: {id: \"2\"}, agent: {}}}\n"), "id: n\n", "id: t\n", 1)
	theirs := fstest.MapFS{"one.yml": {Data: []byte(carried(""))}}
	ours := fstest.MapFS{"two.yaml": {Data: []byte(mine)}}
	both := fstest.MapFS{"one.yml": theirs["one.yml"], "two.yaml": ours["two.yaml"]}

	library, report := Load(both)
	if library.Len() != 1 || len(report.Refused) != 1 || report.Refused[0].Error() != "two.yaml:1:1: one.yml:1 has the id t already; give one of the two an id of its own" {
		t.Errorf("in one folder: %d rules, %v", library.Len(), report.Refused)
	}
	library, report = Load(theirs, ours)
	if library.Len() != 1 || len(library.Native()) != 1 || len(report.Refused) > 0 || fmt.Sprint(report.Replaced) != "[two.yaml:1:1: replaces the rule t of an earlier folder (one.yml)]" {
		t.Errorf("in two folders: %d rules, %+v", library.Len(), report)
	}
	library, _ = Load(ours, theirs)
	if library.Len() != 1 || len(library.Native()) != 0 {
		t.Errorf("the other way round: %d native of %d", len(library.Native()), library.Len())
	}
}

// TestALicenceIsTheNearestFolders: a rule that names none is under that of its folder, and each match says so.
func TestALicenceIsTheNearestFolders(t *testing.T) {
	named := func(id, more string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Replace(carried(more), "id: t", "id: "+id+"\nauthor: Jo", 1))}
	}
	library, report := Load(fstest.MapFS{
		"LICENSE": {Data: []byte("[Detection Rule License (DRL) 1.1](x)")}, "a/b/deep.yml": named("deep", ""), "own.yml": named("own", "license: MIT\n"),
		"c/LICENSE.txt": {Data: []byte("all rights reserved")}, "c/odd.yml": named("odd", ""), "d/LICENSE": {Data: []byte("SPDX-License-Identifier: Apache-2.0\n")}, "d/spdx.yml": named("spdx", ""),
	})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	matches, err := matcher.Match([]byte(`{"Image":"C:\\tool.exe","User":"root"}`))
	var got []string
	for _, m := range matches {
		got = append(got, m.Rule.ID+" "+m.Rule.Author+" "+m.Rule.Licence)
	}
	if want := "[deep Jo DRL-1.1 odd Jo see c/LICENSE.txt own Jo MIT spdx Jo Apache-2.0]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
}
