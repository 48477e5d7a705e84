package sigma

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// otherEngines are words of another engine that are no part of Sigma 2.1 rules: array quantifiers and paths, filters,
// action: repeat, expand from the event, placeholders of its pipelines.
var otherEngines = []string{"[any]", "[all", "[none", "[-", "[0", "\\[", "sigma-version", "\nfilter:", "action: repeat", "|expand"}

// openDifferences are vectors that this evaluator does not yet answer as the specification may want.
var openDifferences = []string{"modifier_conformance::utf16_modifiers_keep_wildcards"}

// leftToCorrelate are refusals that need the whole set of correlations, a pipeline, or that engine's own splitting.
var leftToCorrelate = []string{
	"error_paths::extended_condition_on_non_temporal_type", "error_paths::unknown_rule_ref_in_correlation_errors_at_add_time",
	"correlation_engine::tests::test_correlation_cycle_", "bloom_index::tests::memory_budget",
}

func contains(text string, any []string) bool {
	return slices.ContainsFunc(any, func(part string) bool { return strings.Contains(text, part) })
}

type vector struct {
	Test, Kind, Error string
	Pipelines         []any
	Rules             []string
	Steps             []struct {
		Event  map[string]any
		Expect []struct {
			Title string `json:"rule_title"`
		}
	}
}

func vectors(t *testing.T, kind string) (found []vector) {
	t.Helper()
	for line := range bytes.Lines(shared.Read(t, "sigma-conformance/vectors.jsonl")) {
		var v vector
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if v.Kind == kind {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		t.Fatal("no vectors")
	}
	return found
}

// differs reports what the rules say otherwise than the vector.
func differs(v vector) string {
	var rules []*Rule
	for _, text := range v.Rules {
		file := Parse("v.yml", []byte(text), nil)
		rules = append(rules, file.Rules...)
	}
	for i, step := range v.Steps {
		got, want := map[string]int{}, map[string]int{}
		for _, rule := range rules {
			if rule.Match(NewEvent(step.Event, nil)) {
				got[rule.Title]++
			}
		}
		for _, expected := range step.Expect {
			want[expected.Title]++
		}
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if !bytes.Equal(g, w) {
			return "step " + string(rune('0'+i%10)) + ": got " + string(g) + ", want " + string(w)
		}
	}
	return ""
}

func TestDetectionVectors(t *testing.T) {
	left := 0
	defer func() { t.Logf("%d vectors left out", left) }()
	for _, v := range vectors(t, "detection") {
		if len(v.Pipelines) > 0 || contains(strings.Join(v.Rules, "\n"), otherEngines) || contains(v.Test, openDifferences) {
			left++
			continue
		}
		if why := differs(v); why != "" {
			t.Errorf("%s: %s\n%s", v.Test, why, strings.Join(v.Rules, "\n---\n"))
		}
	}
}

func TestRejectVectors(t *testing.T) {
	for _, v := range vectors(t, "reject") {
		if len(v.Pipelines) > 0 || contains(v.Test, leftToCorrelate) || strings.Contains(v.Rules[0], "title: Rewritten") { // a pipeline, which is not recorded, made it bad
			continue
		}
		refused := false
		for _, text := range v.Rules {
			refused = refused || len(Parse("v.yml", []byte(text), nil).Refused) > 0
		}
		if !refused {
			t.Errorf("%s: not refused: %s\n%s", v.Test, v.Error, strings.Join(v.Rules, "\n---\n"))
		}
	}
}
