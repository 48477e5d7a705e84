package rules

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPipelinesOfASourceChangeTheRulesOfAll(t *testing.T) {
	ours, theirs := t.TempDir(), t.TempDir()
	put := func(folder, name, text string) {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const pipe = "name: ours\ntransformations:\n- {type: field_name_mapping, mapping: {CommandLine: [cmd, argv]}}\n- {type: change_logsource, category: shell, rule_conditions: [{type: logsource, product: unix}]}\n" +
		"- {type: rule_failure, message: too old, rule_conditions: [{type: rule_attribute, attribute: status, value: deprecated}]}\n"
	put(theirs, "sub/one.yml", "title: One\nid: one\nlogsource: {product: unix}\ndetection:\n  s:\n    CommandLine|contains: whoami\n    User: root\n  condition: s\n")
	put(theirs, "old.yml", "title: Old\nid: old\nstatus: deprecated\nlogsource: {product: unix}\ndetection:\n  s:\n    a: b\n  condition: s\n")
	put(ours, "pipelines/ours.yml", pipe)
	sources := []string{ours, theirs}
	load := func(before *Library) (*Library, *Report) {
		return load(before, Folder(sources[0]), Folder(sources[1]))
	}
	library, report := load(nil)
	if len(report.Refused) != 1 || report.Refused[0].Error() != filepath.Join(theirs, "old.yml")+":1:1: the pipeline refuses it: too old; mend the rule or the pipeline" {
		t.Error(report.Refused)
	}
	expect := func(library *Library, event string, want ...string) {
		t.Helper()
		matcher, oracle := both(t, library)
		ids, err := fast(matcher, []byte(event))
		if err != nil || !slices.Equal(ids, want) {
			t.Errorf("%s: %v, %v; want %v", event, ids, err, want)
		}
		if difference := agree(matcher, oracle, []byte(event)); difference != "" {
			t.Errorf("%s: %s", event, difference)
		}
	}
	expect(library, `{"argv":"sh -c whoami","User":"root"}`, "one")
	expect(library, `{"cmd":"whoami","User":"root"}`, "one")
	expect(library, `{"cmd":"whoami","User":"me"}`)
	expect(library, `{"CommandLine":"whoami","User":"root"}`)
	if one := library.sigma[0]; one.Product != "" || one.Category != "shell" {
		t.Errorf("%+v", one.Rule)
	}

	put(ours, "pipelines/ours.yml", "name: ours\ntransformations:\n- {type: field_name_mapping}\n- {type: case, x: y}\n")
	broken, report := load(library)
	if len(report.Refused) != 3 {
		t.Error(report.Refused)
	}
	expect(broken, `{"argv":"sh -c whoami","User":"root"}`, "one")

	put(ours, "pipelines/ours.yml", "name: ours\ntransformations:\n- {type: field_name_mapping, mapping: {CommandLine: line}}\n")
	mended, report := load(broken)
	if len(report.Refused) != 0 {
		t.Error(report.Refused)
	}
	expect(mended, `{"argv":"sh -c whoami","User":"root"}`)
	expect(mended, `{"line":"whoami","User":"root"}`, "one")
}
