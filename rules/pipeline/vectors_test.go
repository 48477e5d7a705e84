package pipeline_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/engine"
	"github.com/sallyport-soar/sallyport/rules/pipeline"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// join reads pipelines and makes one of them.
func join(t *testing.T, texts []string) *pipeline.Set {
	t.Helper()
	var all []*pipeline.Pipeline
	for _, text := range texts {
		made, faults := pipeline.Read("p.yml", []byte(text))
		if len(faults) > 0 {
			t.Fatalf("%v\n%s", faults, text)
		}
		all = append(all, made)
	}
	return pipeline.Join(all)
}

// titles are those of the rules that match an event, as both readings of the rules find them.
func titles(t *testing.T, set *pipeline.Set, texts []string, event []byte) (found []string) {
	t.Helper()
	var plain sigma.File
	for _, text := range texts {
		read := sigma.Parse("r.yml", []byte(text), nil, set.Rewrite)
		plain.Rules, plain.Refused = append(plain.Rules, read.Rules...), append(plain.Refused, read.Refused...)
	}
	if len(plain.Refused) > 0 {
		t.Fatal(plain.Refused)
	}
	var root map[string]any
	decoder := json.NewDecoder(bytes.NewReader(event))
	decoder.UseNumber()
	if err := decoder.Decode(&root); err != nil {
		t.Fatal(err)
	}
	for _, rule := range plain.Rules {
		matches := rule.Match(sigma.NewEvent(root, nil))
		program, refused := engine.Compile([]engine.Rule{{Detection: rule.Detection, Category: "any"}}, nil)
		if len(refused) > 0 {
			t.Fatal(refused)
		}
		hits, err := program.NewMatcher("").Match(event)
		if err != nil || len(hits) == 1 != matches {
			t.Errorf("%s: plain %v, engine %v, %v\n%s", rule.Title, matches, hits, err, event)
		}
		if matches {
			found = append(found, rule.Title)
		}
	}
	slices.Sort(found)
	return found
}

// TestVectorsWithPipelines runs the recorded cases of another engine whose rules go through pipelines.
func TestVectorsWithPipelines(t *testing.T) {
	tried := 0
	for line := range bytes.Lines(shared.Read(t, "sigma-conformance/vectors.jsonl")) {
		var v struct {
			Test, Kind string
			Pipelines  []string
			Rules      []string
			Steps      []struct {
				Event  json.RawMessage
				Expect []struct {
					Title string `json:"rule_title"`
				}
			}
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		if len(v.Pipelines) == 0 {
			continue
		}
		if v.Kind != "detection" {
			t.Errorf("%s: a %s with pipelines", v.Test, v.Kind)
		}
		tried++
		set := join(t, v.Pipelines)
		for _, step := range v.Steps {
			var want []string
			for _, expected := range step.Expect {
				want = append(want, expected.Title)
			}
			slices.Sort(want)
			if got := titles(t, set, v.Rules, step.Event); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v\n%s", v.Test, got, want, step.Event)
			}
		}
	}
	if tried != 8 {
		t.Errorf("%d vectors with pipelines, want 8", tried)
	}
}

// changed is what a pipeline makes of a rule, as YAML would be written in one line for each selection.
func changed(t *testing.T, steps, rule string) (string, error) {
	t.Helper()
	set := join(t, []string{"name: p\nvars: {ips: [10.1.1.1, 10.1.1.2], percent: '50%'}\ntransformations:\n" + steps})
	trees, err := document.Read([]byte(rule))
	if err != nil {
		t.Fatal(err)
	}
	made, err := set.Rewrite(trees[0], trees)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	spell(&b, made.Child("logsource"))
	for _, key := range []string{"detection", "filter", "correlation"} {
		if made.Child(key) != nil {
			b.WriteByte(' ')
			spell(&b, made.Child(key))
		}
	}
	return b.String(), nil
}

func spell(b *strings.Builder, n *document.Node) {
	switch {
	case n == nil:
	case n.Kind == document.Mapping:
		b.WriteByte('{')
		for i, key := range n.Keys {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(key.Text + ": ")
			spell(b, n.Kids[i])
		}
		b.WriteByte('}')
	case n.Kind == document.List:
		b.WriteByte('[')
		for i, kid := range n.Kids {
			if i > 0 {
				b.WriteString(", ")
			}
			spell(b, kid)
		}
		b.WriteByte(']')
	case n.Kind == document.Null:
		b.WriteString("null")
	case n.Kind == document.Text:
		b.WriteString("'" + n.Text + "'")
	default:
		b.WriteString(n.Text)
	}
}
