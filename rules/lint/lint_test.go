package lint

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// head begins a rule in which nothing is wrong.
const head = "title: T\nid: 8f3a0c52-6a3e-4f0e-9a53-0d1f0f3b7c11\nstatus: test\nlevel: high\nlogsource: {product: windows, category: process_creation}\n"

const detection = "detection:\n  sel:\n    Image|endswith: '\\tool.exe'\n  condition: sel\n"

func said(t *testing.T, files map[string]string) (warnings []string, report *Report) {
	t.Helper()
	source := fstest.MapFS{}
	for name, text := range files {
		source[name] = &fstest.MapFile{Data: []byte(text)}
	}
	report, err := Check(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range slices.Concat(report.Warnings, report.Notes) {
		warnings = append(warnings, w.String())
		if w.Mend == "" && slices.Contains(report.Warnings, w) {
			t.Errorf("%s has no mend", w)
		}
	}
	return warnings, report
}

// in makes the check of one file.
func in(text string) map[string]string { return map[string]string{"r.yml": text} }

func TestWhatARuleHasWrong(t *testing.T) {
	other := strings.Replace(head, "0c52", "0c53", 1)
	for name, c := range map[string]struct {
		files map[string]string
		want  []string // beginnings
	}{
		"nothing":    {in(head + detection), nil},
		"no id":      {in(strings.Replace(head, "id: 8f3a0c52-6a3e-4f0e-9a53-0d1f0f3b7c11\n", "", 1) + detection), []string{"r.yml:1:1: the rule has no id; its title stands for it"}},
		"no UUID":    {in(strings.Replace(head, "8f3a0c52-", "", 1) + detection), []string{"r.yml:2:1: the id 6a3e-4f0e-9a53-0d1f0f3b7c11 is no UUID"}},
		"no level":   {in(strings.Replace(head, "level: high\n", "", 1) + detection), []string{"r.yml:1:1: the rule has no level and counts as medium"}},
		"status":     {in(strings.Replace(head, "test", "tested", 1) + detection), []string{"r.yml:3:1: unknown status tested; use stable, test"}},
		"deprecated": {in(strings.Replace(head, "test", "deprecated", 1) + detection), []string{"r.yml:3:1: the rule is deprecated by its own word"}},
		"date":       {in(head + "date: 2026/01/31\n" + detection), []string{"r.yml:6:1: date 2026/01/31 is no date; write it as 2026-01-31"}},
		"a typo":     {in(head + strings.Replace(detection, "Image", "Imgae", 1)), []string{"r.yml:8:5: no event of product windows, category process_creation has the field Imgae; write Image, or declare it in a mapping"}},
		"another's":  {in(head + strings.Replace(detection, "Image", "QueryName", 1)), []string{"r.yml:8:5: no event of product windows, category process_creation has the field QueryName; correct its name"}},
		"in lists":   {in(head + "detection:\n  sel:\n    - Imgae: x.exe\n    - Imgae|contains: y.exe\n  condition: sel\n"), []string{"r.yml:8:7: no event of"}},
		"in a filter": {in(head + detection + "---\ntitle: F\nlogsource: {product: windows, category: process_creation}\nfilter:\n  rules: [8f3a0c52-6a3e-4f0e-9a53-0d1f0f3b7c11]\n  sel:\n    Usr: x\n  unused:\n    User: y\n  condition: not sel\n"), []string{
			"r.yml:16:5: no event of product windows, category process_creation has the field Usr; write User",
			"r.yml:17:3: the condition never uses the selection unused",
		}},
		"a filter of nothing": {in(head + detection + "---\ntitle: F\nlogsource: {product: linux}\nfilter:\n  rules: [T]\n  sel:\n    name: x\n  condition: not sel\n---\ntitle: G\nlogsource: {product: windows}\nfilter:\n  rules: [T, other]\n  sel:\n    User: x\n  condition: not sel\n"), []string{
			"r.yml:11:1: the filter narrows nothing: no rule of product linux is named T here; name a rule by id or name",
			"r.yml:19:1: the filter narrows nothing: no rule of product windows is named other here",
		}},
		"no log source": {in(strings.Replace(head, "{product: windows, category: process_creation}", "{definition: all}", 1) + detection), []string{"r.yml:5:1: the log source names no product, category or service"}},
		"unmapped": {in(strings.Replace(head, "product: windows, category: process_creation", "product: windwos", 1) + detection), []string{
			"r.yml:5:1: no mapping's events are of the log source product windwos; map it", ".: fields of 1 log sources were not checked, nobody has listed them: product windwos",
		}},
		"a declared field": {map[string]string{
			"r.yml":              head + strings.Replace(detection, "Image", "Score", 1),
			"mappings/mine.yaml": "id: windows\nfields:\n  score: {path: Score, type: int}\n",
		}, nil},
		"a field of a mapping's table": {map[string]string{
			"r.yml":              strings.Replace(head, "product: windows, category: process_creation", "category: process_creation", 1) + strings.Replace(detection, "Image", "Score", 1),
			"mappings/mine.yaml": "id: mine\nfields: {}\nsigma:\n  sources: [{category: process_creation}]\n  fields: {Score: a.score}\n",
		}, nil},
		"a field that a pipeline names": {map[string]string{
			"r.yml":           head + detection,
			"pipelines/p.yml": "name: p\ntransformations:\n- {type: field_name_mapping, mapping: {Image: exe_path}}\n",
		}, nil},
		"a field that a pipeline mends": {map[string]string{
			"r.yml":           head + strings.Replace(detection, "Image", "Imgae", 1),
			"pipelines/p.yml": "name: p\ntransformations:\n- {type: field_name_mapping, mapping: {Imgae: Image}}\n",
		}, nil},
		"a log source of a pipeline": {map[string]string{
			"r.yml":           head + detection,
			"pipelines/p.yml": "name: p\ntransformations:\n- {type: change_logsource, product: windwos}\n",
		}, []string{
			"r.yml:5:1: no mapping's events are of the log source product windwos; map it", ".: fields of 1 log sources were not checked",
		}},
		"one field of two rules": {map[string]string{"a.yml": head + strings.Replace(detection, "Image", "Imgae", 1), "b.yml": other + strings.Replace(detection, "Image", "Imgae", 1)}, []string{"a.yml:8:5: no event of product windows, category process_creation has the field Imgae (2 rules)"}},
		"one name twice":         {map[string]string{"a.yml": head + "name: n\n" + detection, "b.yml": other + "name: n\n" + detection}, []string{"b.yml:6:1: the name n is that of a.yml too"}},
		"generate":               {in(head + "generate: true\n" + detection), []string{"r.yml:6:1: generate means something in a correlation only"}},
		"a native rule": {map[string]string{"n.yaml": "id: n\ntitle: N\nlevel: high\nmapping: wazuh4\ncondition: 1 == 1\nevents:\n  - {name: a, match: true, event: {}}\n  - {name: b, match: false, event: {}}\n"}, []string{
			"n.yaml:5:1: the condition asks nothing of the event",
		}},
		"a shipped rule replaced": {in(strings.Replace(head, "8f3a0c52-6a3e-4f0e-9a53-0d1f0f3b7c11", "ssh-brute-force", 1) + detection), []string{
			"r.yml:2:1: the id ssh-brute-force is no UUID", "r.yml:1:1: takes the place of the shipped rule ssh-brute-force [replaces]",
		}},
	} {
		got, report := said(t, c.files)
		if len(report.Refused) > 0 {
			t.Errorf("%s: %v", name, report.Refused)
		}
		compare(t, name, got, c.want)
	}
}

func compare(t *testing.T, name string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %q, want %q", name, got, want)
		return
	}
	for i := range got {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%s: %q, want %q", name, got[i], want[i])
		}
	}
}

func TestWhatACorrelationHasWrong(t *testing.T) {
	rule := head + "name: tool\n" + detection + "---\n"
	correlation := func(more string) string {
		return rule + "title: C\nid: 5c1e0c52-6a3e-4f0e-9a53-0d1f0f3b7c11\nlevel: high\ncorrelation:\n  type: event_count\n  rules: [tool]\n  condition: {gte: 5}\n" + more
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":         {correlation("  group-by: [User, Image]\n  timespan: 48h\n"), nil},
		"too long":        {correlation("  timespan: 3d\n"), []string{"r.yml:12:1: the timespan of 72h0m0s is longer than the 48h0m0s for which matches are kept"}},
		"an unknown name": {correlation("  group-by: [QueryName]\n  timespan: 1h\n"), []string{"r.yml:12:1: group-by QueryName: no event of the rules that it names has that field"}},
		"an alias":        {correlation("  group-by: [who]\n  timespan: 1h\n  aliases: {who: {tool: User}}\n"), nil},
		"an alias by id":  {correlation("  group-by: [who]\n  timespan: 1h\n  aliases: {who: {8f3a0c52-6a3e-4f0e-9a53-0d1f0f3b7c11: User}}\n"), nil},
		"a part of an alias": {strings.Replace(correlation("  group-by: [who]\n  timespan: 1h\n  aliases: {who: {second: User}}\n"), "[tool]", "[tool, second]", 1) + "---\n" + strings.Replace(head, "0c52", "0c53", 1) + "name: second\n" + strings.Replace(detection, "tool", "second", 1), []string{
			"r.yml:12:1: the alias who says no field of tool, whose events have no who; write aliases: {who: {tool: its field}}",
		}},
		"a wrong alias": {correlation("  group-by: [who]\n  timespan: 1h\n  aliases: {who: {tool: Usr}}\n"), []string{"r.yml:12:1: group-by who: "}},
		"generate":      {correlation("  timespan: 1h\n  generate: sometimes\n"), []string{"r.yml:20:3: generate: sometimes is neither true nor false"}},
	} {
		got, report := said(t, in(c.text))
		if len(report.Refused) > 0 || report.Rules < 2 {
			t.Errorf("%s: %d rules, %v", name, report.Rules, report.Refused)
		}
		compare(t, name, got, c.want)
	}
}

// TestWhatARuleCannotMeanIsRefused: with file, line, column and the mend, and the other rule loads.
func TestWhatARuleCannotMeanIsRefused(t *testing.T) {
	good := strings.Replace(head, "0c52", "0c53", 1) + detection
	for name, c := range map[string]struct{ text, want string }{
		"an unknown modifier":     {head + strings.Replace(detection, "endswith", "endwith", 1), "r.yml:8:5: unknown modifier endwith in Image|endwith; use one of Sigma 2.1's: "},
		"an empty selection":      {head + "detection:\n  sel: {}\n  condition: sel\n", "r.yml:7:8: the selection is empty; name a field in it"},
		"a name that is not":      {head + strings.Replace(detection, "condition: sel", "condition: sel and other", 1), "r.yml:9:14: the condition names other, which is no selection; "},
		"a condition cut off":     {head + strings.Replace(detection, "condition: sel", "condition: sel and", 1), "r.yml:9:14: the condition ends where a selection is due; "},
		"an aggregation":          {head + strings.Replace(detection, "condition: sel", "condition: sel | count() by User > 5", 1), "r.yml:9:14: the condition ends in an aggregation, which Sigma 2 does not have; write a correlation over this rule"},
		"them without any":        {head + strings.ReplaceAll(strings.Replace(detection, "condition: sel", "condition: 1 of them", 1), "sel:", "_sel:"), "r.yml:9:14: them is no selection, since those beginning with _ are left out; "},
		"a flag without re":       {head + strings.Replace(detection, "endswith", "i", 1), "r.yml:8:5: Image|i: i, m and s are of regular expressions; add re before them"},
		"a filter of no rule":     {"title: F\nlogsource: {product: windows}\nfilter:\n  sel: {User: x}\n  condition: not sel\n", "r.yml:4:3: the filter names no rules; "},
		"no selection for a name": {head + strings.Replace(detection, "condition: sel", "condition: 1 of filter_*", 1), "r.yml:9:14: no selection is named filter_*; "},
		"a taken id":              {strings.Replace(head, "0c52", "0c53", 1) + detection, "r.yml:1:1: good.yml:1 has the id 8f3a0c53-6a3e-4f0e-9a53-0d1f0f3b7c11 already; give one of the two an id of its own"},
		"an alias of nothing":     {"title: C\ncorrelation:\n  type: event_count\n  rules: [nosuch]\n  timespan: 1h\n  aliases:\n    - who\n  condition: {gte: 5}\n", "r.yml:7:5: the aliases are no mapping; write aliases: {name: {rule: field, another rule: its field}}"},
		"a correlation's rule":    {"title: C\ncorrelation:\n  type: event_count\n  rules: [nosuch]\n  timespan: 1h\n  condition: {gte: 5}\n", "r.yml:1:1: the correlation names nosuch, which no rule is named; name a rule's id or name"},
	} {
		_, report := said(t, map[string]string{"good.yml": good, "r.yml": c.text})
		if len(report.Refused) != 1 || !strings.HasPrefix(report.Refused[0].Error(), c.want) || report.Rules != 1 || len(report.Warnings) > 0 {
			t.Errorf("%s: %d rules, %v, %v, want %s", name, report.Rules, report.Refused, report.Warnings, c.want)
		}
	}
}

func TestShippedRulesHaveNoWarning(t *testing.T) {
	report, err := Check(content.Files)
	if err != nil || len(report.Refused)+len(report.Warnings)+len(report.Notes) > 0 || report.Rules < 9 {
		t.Errorf("%v, %+v", err, report)
	}
}

// TestPublicRules holds the check to all of SigmaHQ: nothing is refused, and no kind of warning drowns the rest.
func TestPublicRules(t *testing.T) {
	report, err := Check(rules.Folder(shared.Path(t, "sigma")))
	if err != nil || len(report.Refused) > 0 || report.Rules != 3757 {
		t.Fatalf("%d rules, refused %v, %v", report.Rules, report.Refused, err)
	}
	counts := map[string]int{}
	for _, w := range report.Warnings {
		counts[w.Kind]++
	}
	t.Log(counts)
	if counts[sigma.NoEffect] == 0 || counts[sigma.Broad] == 0 || counts[UnknownField] == 0 || len(report.Warnings) > 400 {
		t.Errorf("%d warnings: %v", len(report.Warnings), counts)
	}
	for _, kind := range []string{sigma.Unused, sigma.Never, sigma.Always, MissingID, BadID, MissingLevel, BadStatus, BadDate, NoLogsource, DuplicateName} {
		if counts[kind] > 0 {
			t.Errorf("%d %s: its own validators would have said so", counts[kind], kind)
		}
	}
}
