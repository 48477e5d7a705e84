package pipeline_test

import (
	"testing"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/pipeline"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// FuzzARuleComesOutAsARule: whatever a pipeline makes of a rule that can be read is refused by the pipeline, or is read or
// refused by what reads rules; and the document that went in is as it was.
func FuzzARuleComesOutAsARule(f *testing.F) {
	steps := []string{
		"- {type: field_name_mapping, mapping: {a: [b, c], b: d}}", "- {type: replace_string, regex: 'x(.)', replacement: '\\1*'}", "- {type: regex}", "- {type: case, method: snake_case}",
		"- {type: hashes_fields, valid_hash_algos: [MD5]}", "- {type: add_condition, conditions: {a: b}, negated: true}", "- {type: set_value, value: null}", "- {type: wildcard_placeholders}",
		"- {type: drop_detection_item, detection_item_conditions: [{type: match_string, cond: any, pattern: x}]}", "- {type: nest, items: [{type: field_name_prefix, prefix: p.}]}",
		"- type: map_string\n  mapping: {x: [y, z]}\n  field_name_conditions: {m: {type: include_fields, mode: re, fields: ['a.*']}}\n  field_name_cond_expr: not m",
	}
	rules := []string{
		"{s: {a|contains|all: [x, 'y*\\']}, condition: s}", "{s: [x, {a: 1}, [y, {b|re: x}]], t: word, condition: 1 of them}", "{s: {'|all': [x, y], a|fieldref: b}, condition: not s}",
		"{s: {a|expand: '%x%\\%', b|windash: ' -x'}, condition: s}", "{s: {a: null, Hashes: 'MD5=x'}, condition: [s, not s]}", "{s: {a: {b: c}}, condition: s}",
	}
	for _, step := range steps {
		for _, rule := range rules {
			f.Add(step, rule)
		}
	}
	f.Fuzz(func(t *testing.T, steps, detection string) {
		made, faults := pipeline.Read("p.yml", []byte("vars: {x: [y, '%']}\ntransformations:\n"+steps+"\n"))
		if len(faults) > 0 || made == nil {
			return
		}
		text := []byte("title: t\nlogsource: {product: windows}\ndetection: " + detection + "\n")
		trees, err := document.Read(text)
		if err != nil || len(trees) != 1 {
			return
		}
		before := sigma.Parse("r.yml", text, nil)
		after := sigma.Parse("r.yml", text, nil, pipeline.Join([]*pipeline.Pipeline{made}).Rewrite)
		if len(before.Rules)+len(before.Refused) == 1 && len(after.Rules)+len(after.Refused) != 1 {
			t.Fatalf("%d rules, %v", len(after.Rules), after.Refused)
		}
		if again := sigma.Parse("r.yml", text, nil); len(again.Rules) != len(before.Rules) {
			t.Fatalf("the rule is read otherwise the second time: %v, %v", before.Refused, again.Refused)
		}
	})
}
