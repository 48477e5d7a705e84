package rules

import (
	"slices"
	"testing"
	"testing/fstest"
)

func TestFiltersAndCorrelationsFindTheirRulesInOtherFiles(t *testing.T) {
	const rule = "title: R\nname: r\nid: r-1\nlogsource: {category: test}\ndetection:\n  sel:\n    a: x\n  condition: sel\n"
	const filter = "title: F\nlogsource: {category: test}\nfilter:\n  rules: [r]\n  known:\n    host: lab\n  condition: not known\n"
	const count = "title: C\ncorrelation:\n  type: event_count\n  rules: [r]\n  group-by: [host]\n  timespan: 5m\n  condition:\n    gte: 3\n"
	const orphan = "title: O\ncorrelation:\n  type: event_count\n  rules: [nobody]\n  group-by: [host]\n  timespan: 5m\n  condition:\n    gte: 3\n"
	library, report := Load(fstest.MapFS{
		"a/filter.yml": {Data: []byte(filter)}, "b/rule.yml": {Data: []byte(rule)}, "c/count.yml": {Data: []byte(count)}, "d/orphan.yml": {Data: []byte(orphan)},
	})
	if len(report.Refused) != 1 || report.Refused[0].File != "d/orphan.yml" || len(library.Correlations) != 1 || library.Correlations[0].Title != "C" {
		t.Errorf("refused %v, correlations %v", report.Refused, library.Correlations)
	}
	matcher, err := library.For(Auto)
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]bool{`{"a":"x","host":"lab"}`: false, `{"a":"x","host":"shop"}`: true, `{"a":"x"}`: true, `{"a":"y"}`: false} {
		matches, err := matcher.Match([]byte(event))
		got := slices.ContainsFunc(matches, func(m Match) bool { return m.Rule.ID == "r-1" })
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", event, got, err)
		}
	}
}
