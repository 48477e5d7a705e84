package pipeline_test

import (
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/rules/pipeline"
)

func TestAPipelineThatCannotBeIsRefusedWithLineAndMend(t *testing.T) {
	for text, want := range map[string]string{
		"transformations:\n- {type: field_name_maping, mapping: {a: b}}":                                               "p.yml:2:10: unknown transformation field_name_maping; did you mean field_name_mapping?",
		"transformations:\n- {type: blow_up}":                                                                          "p.yml:2:10: unknown transformation blow_up; use one of add_condition,",
		"transformations:\n- {id: x}":                                                                                  "p.yml:2:4: the transformation has no type; add type:",
		"transformations:\n- type: query_expression_placeholders\n  expression: x":                                     "p.yml:2:9: query_expression_placeholders makes text of a query, and there is none here; use value_placeholders",
		"transformations:\n- type: file_placeholders\n  path: /etc/passwd":                                             "p.yml:2:9: file_placeholders reads a file while rules load; put the values into lists/NAME.yaml",
		"transformations:\n- {type: http_placeholders}":                                                                "p.yml:2:10: http_placeholders asks a server",
		"transformations:\n- {type: command_placeholders, cmd: id}":                                                    "p.yml:2:10: command_placeholders runs a command",
		"transformations:\n- {type: field_name_transform}":                                                             "p.yml:2:10: field_name_transform needs a function of Python",
		"name: x\npostprocessing:\n- {type: embed, prefix: x}":                                                         "p.yml:2:1: postprocessing works on the text of queries",
		"name: x\nfinalizers:\n- {type: concat}":                                                                       "p.yml:2:1: finalizers works on the text of queries",
		"name: x\ntransformation: []":                                                                                  "p.yml:2:1: unknown key transformation; did you mean transformations?",
		"priority: soon":                                                                                               "p.yml:1:11: the priority soon is no whole number",
		"vars: {a: {b: c}}":                                                                                            "p.yml:1:8: the variable a is neither a value",
		"- a":                                                                                                          "p.yml:1: the file is not one pipeline",
		"a: [":                                                                                                         "p.yml:1:4: ",
		"transformations:\n- {type: field_name_mapping}":                                                               "p.yml:2:4: no mapping of field_name_mapping",
		"transformations:\n- {type: field_name_mapping, mapping: {a: {b: c}}}":                                         "p.yml:2:40: a is mapped to neither a name nor names",
		"transformations:\n- {type: field_name_prefix, prefx: a}":                                                      "p.yml:2:29: unknown key of field_name_prefix prefx; did you mean prefix?",
		"transformations:\n- {type: replace_string, regex: '(?=a)', replacement: b}":                                   "p.yml:2:33: (?=a) is no regular expression (RE2)",
		"transformations:\n- {type: set_value, value: x, force_type: num}":                                             "p.yml:2:28: x is no number",
		"transformations:\n- {type: add_condition}":                                                                    "p.yml:2:4: add_condition has no conditions",
		"transformations:\n- {type: change_logsource}":                                                                 "p.yml:2:4: change_logsource names no log source",
		"transformations:\n- {type: case, method: title}":                                                              "p.yml:2:24: unknown method title",
		"transformations:\n- {type: nest}":                                                                             "p.yml:2:4: nest has no items",
		"transformations:\n- {type: hashes_fields}":                                                                    "p.yml:2:4: hashes_fields has no valid_hash_algos",
		"transformations:\n- {type: value_placeholders, include: [a], exclude: [b]}":                                   "p.yml:2:4: include and exclude do not go together",
		"transformations:\n- type: case\n  rule_conditions: [{type: logsauce}]":                                        "p.yml:3:28: unknown condition logsauce",
		"transformations:\n- type: case\n  rule_conditions: [{product: x}]":                                            "p.yml:3:22: the condition has no type",
		"transformations:\n- type: case\n  rule_conditions: [{type: logsource, prodct: x}]":                            "p.yml:3:39: unknown key of logsource prodct; did you mean product?",
		"transformations:\n- type: case\n  rule_conditions: [{type: is_sigma_rule}]\n  rule_cond_expr: a":              "p.yml:4:19: rule_cond_expr needs conditions with names",
		"transformations:\n- type: case\n  rule_conditions: {a: {type: is_sigma_rule}}\n  rule_cond_expr: a and":       "p.yml:4:19: the expression a and can't be read: it ends too early",
		"transformations:\n- type: case\n  rule_conditions: {a: {type: is_sigma_rule}}\n  rule_cond_expr: (a":          "p.yml:4:19: the expression (a can't be read: a parenthesis is not closed",
		"transformations:\n- type: case\n  rule_conditions: {a: {type: is_sigma_rule}}\n  rule_cond_expr: a b":         "p.yml:4:19: the expression a b can't be read: b is one too many",
		"transformations:\n- type: case\n  rule_conditions: {a: {type: is_sigma_rule}}\n  rule_cond_expr: c":           "p.yml:4:19: the expression c can't be read: no condition is named c",
		"transformations:\n- type: case\n  detection_item_conditions: [{type: match_string, pattern: '(', cond: any}]": "p.yml:3:61: ( is no regular expression",
		"transformations:\n- type: case\n  detection_item_conditions: [{type: is_null}]":                               "p.yml:3:32: no cond of is_null",
		"transformations:\n- type: case\n  field_name_conditions: [{type: include_fields}]":                            "p.yml:3:28: no fields of include_fields",
		"transformations:\n- type: case\n  rule_conditions: [{type: rule_attribute, attribute: level, value: loud}]":   "p.yml:3:22: no level is loud",
		"transformations:\n- type: case\n  rule_cond_not: maybe":                                                       "p.yml:3:18: rule_cond_not is neither true nor false",
	} {
		_, faults := pipeline.Read("p.yml", []byte(text))
		if len(faults) == 0 || !strings.HasPrefix(faults[0].Error(), want) || faults[0].Mend == "" {
			t.Errorf("%s\ngot  %v\nwant %s", text, faults, want)
		}
	}
}
