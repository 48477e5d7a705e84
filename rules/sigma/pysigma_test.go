package sigma

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules/engine"
)

// asked is a case as deploy/lab/pysigma/oracle.py reads it, and judgement its answer.
type (
	asked struct {
		Rules   string              `json:"rules"`
		Lists   map[string][]string `json:"lists"`
		Fields  []string            `json:"fields"`
		Numbers []string            `json:"numbers"`
		Events  []json.RawMessage   `json:"events"`
	}
	judgement struct {
		Match   []bool
		Refused string
	}
)

var oracleLists = map[string][]string{"l": {"one", "two", "srv*"}, "m": {"m1"}}

func (f form) text() string {
	rule := "title: T\nid: r\nname: the-name\nlogsource: {category: test}\ndetection:\n  " + f.detection + "\n"
	rule = strings.Replace(rule, "id: r\n", "id: 11111111-2222-4333-8444-555555555555\n", 1)
	if f.filter == "" {
		return rule
	}
	return rule + "---\n" + strings.NewReplacer("[r]", "[11111111-2222-4333-8444-555555555555]", " r\n", " 11111111-2222-4333-8444-555555555555\n", ", r]", ", 11111111-2222-4333-8444-555555555555]").Replace(f.filter)
}

// pySigma lets pySigma judge the forms.
func pySigma(t *testing.T, forms []form) (all []judgement) {
	t.Helper()
	python := os.Getenv("SALLYPORT_PYSIGMA_PYTHON")
	if python == "" && os.Getenv("CI") != "" {
		t.Fatal("no Python with pySigma: set SALLYPORT_PYSIGMA_PYTHON (deploy/lab/pysigma.sh)")
	}
	if python == "" {
		t.Skip("no Python with pySigma: set SALLYPORT_PYSIGMA_PYTHON (deploy/lab/pysigma.sh)")
	}
	var in bytes.Buffer
	encoder := json.NewEncoder(&in)
	for _, f := range forms {
		if err := encoder.Encode(asked{f.text(), oracleLists, []string{"f", "g", "h", "n", "t", "g.h"}, []string{"n"}, f.events()}); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(t.Context(), python, "-B", filepath.Join(shared.Root(t), "deploy/lab/pysigma/oracle.py"))
	run.Stdin, run.Stderr = &in, os.Stderr
	said, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(said) {
		var j judgement
		if err := json.Unmarshal(line, &j); err != nil {
			t.Fatal(err)
		}
		all = append(all, j)
	}
	if len(all) != len(forms) {
		t.Fatalf("%d judgements for %d forms", len(all), len(forms))
	}
	return all
}

// ours is the same by the plain evaluator and the engine, which must agree.
func ours(t *testing.T, f form) (j judgement) {
	t.Helper()
	file := parsed([]string{f.text()}, oracleLists)
	if len(file.Refused) > 0 || len(file.Rules) != 1 {
		return judgement{Refused: file.Refused[0].Error()}
	}
	rule := file.Rules[0].Narrow(file.Filters)
	program, refused := engine.Compile([]engine.Rule{{Detection: rule.Detection, Filters: rule.Filters, Category: "test"}}, oracleLists)
	if len(refused) > 0 {
		t.Fatalf("%s: the engine refuses: %v", f.detection, refused)
	}
	matcher := program.NewMatcher("")
	for _, event := range f.events() {
		hits, err := matcher.Match(event)
		plain := rule.Match(NewEvent(decoded(t, event), nil))
		if err != nil || plain != (len(hits) > 0) {
			t.Errorf("plain %v, engine %v, %v\n%s\n%s", plain, hits, err, f.detection, event)
		}
		j.Match = append(j.Match, plain)
	}
	return j
}

func TestPySigmaSaysTheSame(t *testing.T) {
	forms := slices.Concat(written(), judged(), coded(), timed(), keyed())
	pairs, matched, used := 0, 0, map[string]int{}
	for i, theirs := range pySigma(t, forms) {
		f, mine := forms[i], ours(t, forms[i])
		if (theirs.Refused != "") != (mine.Refused != "") {
			if why := explained(f, nil, theirs.Refused, mine.Refused); why == "" {
				t.Errorf("pySigma %q, ours %q\n%s\n%s", theirs.Refused, mine.Refused, f.detection, f.filter)
			} else {
				used[why]++
			}
			continue
		}
		if theirs.Refused != "" {
			continue
		}
		for k, event := range f.events() {
			pairs++
			if mine.Match[k] {
				matched++
			}
			if mine.Match[k] != theirs.Match[k] {
				if why := explained(f, event, "", ""); why == "" {
					t.Errorf("pySigma %v, ours %v\n%s\n%s%s", theirs.Match[k], mine.Match[k], f.detection, f.filter, event)
				} else {
					used[why]++
				}
			}
		}
	}
	if len(used) != len(differences) || pairs < 30_000 || matched < 8_000 {
		t.Errorf("%d of %d explanations are needed; %d pairs, %d matches", len(used), len(differences), pairs, matched)
	}
	t.Logf("%d forms, %d pairs of rule and event, %d matches", len(forms), pairs, matched)
	for why, times := range used {
		t.Logf("%d times: %s", times, why)
	}
}
