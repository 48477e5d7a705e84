package sigma

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
)

// extensions are words by which another engine goes beyond Sigma. The specification of rules, "Lists": "Lists can
// contain: strings that are applied to the full log message [...] maps", and "Field Usage" knows no quantifier or index
// on a field's name.
var extensions = []string{"[any]", "[all", "[none]", "[-1]", `args\[0\]`, "\n            condition: "}

// answered are vectors whose answer is another by the specification, with its sentence.
var answered = map[string]string{
	// Filters schema 2.1.0: "rules": {"type": "array", "minItems": 1}; a filter that names no rules is refused.
	"integration::multi_rule_with_shared_and_targeted_filters":          "rules: []",
	"rsigma_eval::engine::tests::test_filter_applied_to_multiple_rules": "rules: []",
	// Version 2.0, "Rule collections": "action" is no attribute of a rule any more; correlations took its place.
	"rsigma_eval::engine::tests::test_action_repeat_evaluates_correctly": "action: repeat",
	// Modifiers, "Encoding": "utf16le: Transforms value to UTF16-LE encoding". A wildcard is no character that could be
	// transformed, so the rule is refused.
	"modifier_conformance::utf16_modifiers_keep_wildcards": "wide: ",
}

// pipelines are vectors that need a processing pipeline, which changes rules before they come here.
const pipelines = 7

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

// differs reports what the rules say otherwise than the vector. A placeholder of that engine takes the event's field of
// its name; here the same values come as lists.
func differs(v vector) string {
	for i, step := range v.Steps {
		lists := map[string][]string{"a": {"x"}} // what the one pipeline of placeholders gives
		for name, value := range step.Event {
			if word, ok := value.(string); ok {
				lists[name] = []string{word}
			}
		}
		var file File
		for _, text := range v.Rules {
			read := Parse("v.yml", []byte(text), lists)
			file.Rules, file.Filters = append(file.Rules, read.Rules...), append(file.Filters, read.Filters...)
		}
		got, want := map[string]int{}, map[string]int{}
		for _, rule := range file.Rules {
			if rule.Narrow(file.Filters).Match(NewEvent(step.Event, nil)) {
				got[rule.Title]++
			}
		}
		for _, expected := range step.Expect {
			want[expected.Title]++
		}
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if !bytes.Equal(g, w) {
			return fmt.Sprintf("step %d: got %s, want %s", i, g, w)
		}
	}
	return ""
}

func TestDetectionVectors(t *testing.T) {
	left := map[string]int{}
	for _, v := range vectors(t, "detection") {
		text := strings.Join(v.Rules, "\n")
		switch {
		case contains(text, extensions):
			left["extension"]++
			continue
		case len(v.Pipelines) > 0 && !strings.Contains(text, "|expand"):
			left["pipeline"]++
			continue
		case answered[v.Test] != "" && !strings.Contains(text, answered[v.Test]):
		case answered[v.Test] != "":
			left["answered"]++
			if answered[v.Test] != "rules: []" && !refused(v.Rules) {
				t.Errorf("%s: not refused", v.Test)
			}
			continue
		}
		if why := differs(v); why != "" {
			t.Errorf("%s: %s\n%s", v.Test, why, strings.Join(v.Rules, "\n---\n"))
		}
	}
	t.Log("left out:", left)
	if left["pipeline"] != pipelines {
		t.Errorf("%d vectors with pipelines, want %d", left["pipeline"], pipelines)
	}
}

// refused reports whether one of the documents is refused, by itself or beside the others.
func refused(texts []string) bool {
	var all File
	for _, text := range texts {
		file := Parse("v.yml", []byte(text), nil)
		all.Refused, all.Rules = append(all.Refused, file.Refused...), append(all.Rules, file.Rules...)
		all.Correlations = append(all.Correlations, file.Correlations...)
	}
	_, unreferred := Refer(all.Rules, all.Correlations)
	return len(all.Refused)+len(unreferred) > 0
}

// oldCorrelations are words of correlation files that version 2.1.0 does not have, and that are refused: the
// specification of correlations, "Time Selection", says "Attribute: timespan, Use: mandatory"; "action" went with 2.0.
var oldCorrelations = []string{"    timeframe: ", "\naction: "}

func TestCorrelationVectors(t *testing.T) {
	for _, v := range vectors(t, "correlation") {
		if contains(strings.Join(v.Rules, "\n"), oldCorrelations) {
			if !refused(v.Rules) {
				t.Errorf("%s: not refused", v.Test)
			}
			continue
		}
		want := strings.Count(strings.Join(v.Rules, "\n"), "\ncorrelation:")
		var file File
		for _, text := range v.Rules {
			read := Parse("v.yml", []byte(text), nil)
			file.Rules, file.Correlations = append(file.Rules, read.Rules...), append(file.Correlations, read.Correlations...)
			file.Refused = append(file.Refused, read.Refused...)
		}
		kept, unreferred := Refer(file.Rules, file.Correlations)
		if len(kept) != want || len(file.Refused) > 0 {
			t.Errorf("%s: %d correlations, want %d; %v %v\n%s", v.Test, len(kept), want, file.Refused, unreferred, strings.Join(v.Rules, "\n---\n"))
		}
	}
}

// leftToOthers are refusals that are not this package's: a pipeline that is not recorded made the rule bad, or that
// engine's own limits.
var leftToOthers = []string{"title: Rewritten", "title: R0\n"}

func TestRejectVectors(t *testing.T) {
	for _, v := range vectors(t, "reject") {
		if len(v.Pipelines) > 0 || contains(v.Rules[0], leftToOthers) {
			continue
		}
		if !refused(v.Rules) {
			t.Errorf("%s: not refused: %s\n%s", v.Test, v.Error, strings.Join(v.Rules, "\n---\n"))
		}
	}
}
