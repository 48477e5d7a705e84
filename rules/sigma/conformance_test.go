package sigma

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/engine"
)

// pipelined are vectors whose rules a processing pipeline changes before they come here: they are tests of that package.
var pipelined = map[string]string{
	"integration::pipeline_one_to_many_field_mapping_matches_any_alternative/1": "a pipeline changes the rule",
	"integration::pipeline_transforms_then_evaluates/1":                         "a pipeline changes the rule",
	"rsigma_eval::engine::tests::test_pipeline_drop_detection_item_e2e/1":       "a pipeline changes the rule",
	"rsigma_eval::engine::tests::test_pipeline_field_mapping_e2e/1":             "a pipeline changes the rule",
	"rsigma_eval::engine::tests::test_pipeline_replace_string_e2e/1":            "a pipeline changes the rule",
	"rsigma_eval::engine::tests::test_pipeline_set_state_and_conditional/1":     "a pipeline changes the rule",
	"rsigma_eval::engine::tests::test_pipeline_skips_non_matching_rules/1":      "a pipeline changes the rule",
}

type vector struct {
	Test, Kind, Error string
	Rules             []string
	Steps             []step

	name string // the test's, and the place among its vectors
}

type step struct {
	Event  json.RawMessage
	Expect []struct {
		Title string `json:"rule_title"`
	}
}

func vectors(t *testing.T, kind string) (found []vector) {
	t.Helper()
	count := map[string]int{}
	for line := range bytes.Lines(shared.Read(t, "sigma-conformance/vectors.jsonl")) {
		var v vector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		count[v.Test]++
		if v.name = fmt.Sprintf("%s/%d", v.Test, count[v.Test]); v.Kind == kind {
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		t.Fatal("no vectors")
	}
	return found
}

func decoded(t *testing.T, event []byte) (root map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(event))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		t.Fatal(err)
	}
	return root
}

func parsed(texts []string, lists map[string][]string) (all File) {
	for _, text := range texts {
		file := Parse("v.yml", []byte(text), lists)
		all.Rules, all.Filters = append(all.Rules, file.Rules...), append(all.Filters, file.Filters...)
		all.Correlations, all.Refused = append(all.Correlations, file.Correlations...), append(all.Refused, file.Refused...)
		all.Warnings = append(all.Warnings, file.Warnings...)
	}
	return all
}

// readings are the titles of the rules that match the event, by the plain evaluator and by the engine. Vectors say
// nothing of routing, so the engine has each rule for every log source that the event could be taken for.
func readings(t *testing.T, file File, lists map[string][]string, event []byte) (plain, fast map[string]int) {
	t.Helper()
	plain, fast = map[string]int{}, map[string]int{}
	for _, rule := range file.Rules {
		rule = rule.Narrow(file.Filters)
		if rule.Match(NewEvent(decoded(t, event), nil)) {
			plain[rule.Title]++
		}
		var routed []engine.Rule
		for _, product := range []string{"windows", "aws", "linux"} {
			routed = append(routed, engine.Rule{Detection: rule.Detection, Filters: rule.Filters, Product: product})
		}
		program, refused := engine.Compile(routed, lists)
		hits, err := program.NewMatcher("").Match(event)
		if err != nil || len(refused) > 0 {
			t.Errorf("%s: the engine says %v, %v", rule.Title, refused, err)
		}
		if len(hits) > 0 {
			fast[rule.Title]++
		}
	}
	return plain, fast
}

// differs reports what the rules say otherwise than the vector. A placeholder of that engine takes the event's field of
// its name; here the same values come as lists.
func differs(t *testing.T, v vector) string {
	for i, step := range v.Steps {
		lists := map[string][]string{"a": {"x"}} // what the one pipeline of placeholders gives
		for name, value := range decoded(t, step.Event) {
			if word, ok := value.(string); ok {
				lists[name] = []string{word}
			}
		}
		want := map[string]int{}
		for _, expected := range step.Expect {
			want[expected.Title]++
		}
		plain, fast := readings(t, parsed(v.Rules, lists), lists, step.Event)
		if !maps.Equal(plain, want) || !maps.Equal(fast, want) {
			return fmt.Sprintf("step %d: plain %v, engine %v, want %v", i, plain, fast, want)
		}
	}
	return ""
}

func TestDetectionVectors(t *testing.T) {
	passed := 0
	for _, v := range vectors(t, "detection") {
		if pipelined[v.name] != "" {
			continue
		}
		why := differs(t, v)
		switch {
		case listed[v.name] != "" && why == "":
			t.Errorf("%s is listed and passes", v.name)
		case listed[v.name] != "" && !refused(v.Rules):
			t.Errorf("%s is listed, and no rule of it is refused", v.name)
		case listed[v.name] == "" && why != "":
			t.Errorf("%s: %s\n%s", v.name, why, strings.Join(v.Rules, "\n---\n"))
		case listed[v.name] == "":
			passed++
		}
	}
	t.Logf("%d pass", passed)
}

// refused reports whether one of the documents is refused, by itself or beside the others.
func refused(texts []string) bool {
	all := parsed(texts, nil)
	_, unreferred := Refer(all.Rules, all.Correlations)
	return len(all.Refused)+len(unreferred) > 0
}

func TestCorrelationVectors(t *testing.T) {
	passed := 0
	for _, v := range vectors(t, "correlation") {
		if listed[v.name] != "" {
			if !refused(v.Rules) {
				t.Errorf("%s: not refused", v.name)
			}
			continue
		}
		want, file := strings.Count(strings.Join(v.Rules, "\n"), "\ncorrelation:"), parsed(v.Rules, nil)
		kept, unreferred := Refer(file.Rules, file.Correlations)
		if len(kept) != want || len(file.Refused) > 0 {
			t.Errorf("%s: %d correlations, want %d; %v %v\n%s", v.name, len(kept), want, file.Refused, unreferred, strings.Join(v.Rules, "\n---\n"))
		}
		passed++
	}
	t.Logf("%d pass", passed)
}

func TestRejectVectors(t *testing.T) {
	passed := 0
	for _, v := range vectors(t, "reject") {
		if isAccepted, isRefused := accepted[v.name] != "", refused(v.Rules); isAccepted == isRefused {
			t.Errorf("%s: refused %v: %s\n%s", v.name, isRefused, v.Error, strings.Join(v.Rules, "\n---\n"))
		} else if isRefused {
			passed++
		}
	}
	t.Logf("%d pass", passed)
}

// TestTheEngineRefusesWhatThePlainReadingRefuses holds the two readings of a detection against each other.
func TestTheEngineRefusesWhatThePlainReadingRefuses(t *testing.T) {
	tried, bad := 0, 0
	for _, v := range slices.Concat(vectors(t, "reject"), vectors(t, "detection")) {
		for _, text := range v.Rules {
			trees, _ := document.Read([]byte(text))
			for _, tree := range trees {
				detection := tree.Child("detection")
				if detection == nil || detection.Kind != document.Mapping {
					continue
				}
				_, plain := (&ruleParser{}).detection(detection)
				_, fast := engine.Compile([]engine.Rule{{Detection: detection}}, nil)
				if tried++; (plain != nil) != (len(fast) > 0) {
					t.Errorf("%s: plain says %v, the engine %v\n%s", v.name, plain, fast, text)
				}
				bad += len(fast)
			}
		}
	}
	if tried < 300 || bad < 40 {
		t.Errorf("%d detections, %d refused", tried, bad)
	}
}
