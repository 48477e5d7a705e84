package rules

import (
	"testing"
	"testing/fstest"
)

// TestABrokenListOrMappingKeepsWhatItHeld: what rules are read with stays as it was, as rules do.
func TestABrokenListOrMappingKeepsWhatItHeld(t *testing.T) {
	source := fstest.MapFS{
		"lists/admins.yaml":  {Data: []byte("[root, toor]\n")},
		"mappings/home.yaml": {Data: []byte("id: home\nfields: {who: {path: user, type: string}}\n")},
		"admin.yml":          {Data: []byte("title: A\nid: a\nlogsource: {category: test}\ndetection: {s: {user|expand: '%admins%'}, condition: s}\n")},
		"native.yaml":        {Data: []byte("id: n\ntitle: N\nlevel: low\nmapping: home\ncondition: who == \"toor\"\nevents: [{name: a, match: true, event: {user: toor}}, {name: b, match: false, event: {user: ana}}]\n")},
	}
	before, report := Load(source)
	if len(report.Refused)+len(report.Warnings) > 0 {
		t.Fatal(report)
	}
	for name, text := range map[string]string{"lists/admins.yaml": "[root\n\t- toor\n", "mappings/home.yaml": "id: home\nfields: {who: {path: user, type: text}}\n"} {
		source[name] = &fstest.MapFile{Data: []byte(text)}
	}
	after, report := load(before, source)
	if len(report.Refused) != 2 {
		t.Errorf("refused %v, want the list and the mapping", report.Refused)
	}
	matcher, err := after.For("home")
	if err != nil {
		t.Fatal(err)
	}
	if matches, err := matcher.Match([]byte(`{"user":"toor"}`)); err != nil || len(matches) != 2 {
		t.Errorf("%v, %v; want both rules", matches, err)
	}
}

// TestEitherEndingOfYAMLIsRead: a list or a suppression that is passed over for its name changes what rules find.
func TestEitherEndingOfYAMLIsRead(t *testing.T) {
	source := fstest.MapFS{
		"mappings/home.yml":    {Data: []byte("id: home\nfields: {who: {path: user, type: string}}\n")},
		"lists/admins.yml":     {Data: []byte("- root\n")},
		"suppressions/lab.yml": {Data: []byte("- {id: lab, reason: a lab, until: 2999-01-01, rules: [r]}\n")},
		"pipelines/names.yml":  {Data: []byte("name: names\ntransformations:\n- {type: field_name_mapping, mapping: {User: user}}\n")},
		"r.yml":                {Data: []byte("title: R\nid: r\nlogsource: {product: home}\ndetection: {s: {User|expand: '%admins%'}, condition: s}\n")},
	}
	library, report := Load(source)
	if len(report.Refused)+len(report.Warnings) > 0 {
		t.Fatal(report)
	}
	matcher, err := library.For("home")
	if err != nil {
		t.Fatal(err)
	}
	matches, err := matcher.Match([]byte(`{"user":"root"}`))
	if err != nil || len(matches) != 1 || matches[0].Quiet == nil {
		t.Errorf("%+v, %v", matches, err)
	}
}

// TestAPolicyUnderAnotherNameIsRefused: nobody reads it, and who wrote it believes that it holds.
func TestAPolicyUnderAnotherNameIsRefused(t *testing.T) {
	_, report := Load(fstest.MapFS{"policies/policy.yml": {Data: []byte("kinds: {}\n")}, "policies/policy.yaml": {Data: []byte("kinds: {}\n")}})
	if len(report.Refused) != 1 || report.Refused[0].File != "policies/policy.yml" || report.Refused[0].Mend == "" {
		t.Errorf("%v, want the file of another name", report.Refused)
	}
}
