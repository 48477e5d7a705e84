package pipeline_test

import (
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// windows is a rule as they are written; its selections are in one place for the table below.
func windows(detection string) string {
	return "title: T\nid: t-1\nlevel: high\nstatus: test\ndate: 2024-05-01\ntags: [attack.t1059]\nlogsource: {product: windows, category: process_creation}\ndetection: " + detection + "\n"
}

const source = "{product: 'windows', category: 'process_creation'}"

func TestWhatATransformationMakesOfARule(t *testing.T) {
	for name, c := range map[string]struct{ steps, detection, want string }{
		"a name": {
			"- {type: field_name_mapping, mapping: {Image: process.executable}}", `{s: {Image|endswith: '\a.exe', User: x}, condition: s}`,
			source + ` {s: {process.executable|endswith: '\a.exe', User: 'x'}, condition: 's'}`,
		},
		"several names": {
			"- {type: field_name_mapping, mapping: {A: [a, b], B: [c, d]}}", `{s: {A: 1, B|contains|all: [x, y]}, condition: s}`,
			source + ` {s: [{a: 1, c|contains|all: ['x', 'y']}, {a: 1, d|contains|all: ['x', 'y']}, {b: 1, c|contains|all: ['x', 'y']}, {b: 1, d|contains|all: ['x', 'y']}], condition: 's'}`,
		},
		"in a list of selections": {
			"- {type: field_name_mapping, mapping: {A: [a, b]}}", `{s: [{A: 1}, word, {B: 2}], condition: s}`,
			source + ` {s: [{a: 1}, {b: 1}, 'word', {B: 2}], condition: 's'}`,
		},
		"a field that another names": {
			"- {type: field_name_mapping, mapping: {A: a, B: b}}", `{s: {A|fieldref: B}, condition: s}`,
			source + ` {s: {a|fieldref: 'b'}, condition: 's'}`,
		},
		"a prefix for a prefix": {
			"- {type: field_name_prefix_mapping, mapping: {win.: windows., win: w}}", `{s: {win.a: 1, winb: 2, c: 3}, condition: s}`,
			source + ` {s: {windows.a: 1, wb: 2, c: 3}, condition: 's'}`,
		},
		"prefix and suffix": {
			"- {type: field_name_prefix, prefix: p.}\n- {type: field_name_suffix, suffix: .s}", `{s: {a: 1}, k: [word], condition: s or k}`,
			source + ` {s: {p.a.s: 1}, k: ['word'], condition: 's or k'}`,
		},
		"only some fields": {
			"- {type: field_name_prefix, prefix: p., field_name_conditions: [{type: include_fields, mode: re, fields: ['^Im']}]}", `{s: {Image: 1, User: 2}, condition: s}`,
			source + ` {s: {p.Image: 1, User: 2}, condition: 's'}`,
		},
		"all but some fields": {
			"- {type: field_name_prefix, prefix: p., field_name_conditions: [{type: exclude_fields, fields: [Image]}]}", `{s: {Image: 1, User: 2}, condition: s}`,
			source + ` {s: {Image: 1, p.User: 2}, condition: 's'}`,
		},
		"an item goes": {
			"- {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [EventID]}]}", `{s: {EventID: 1, Image: a}, condition: s}`,
			source + ` {s: {Image: 'a'}, condition: 's'}`,
		},
		"a condition comes": {
			"- {type: add_condition, name: idx, conditions: {index: [a, b], from: '$product-${category}'}, template: true}", `{s: {a: 1}, condition: s or not s}`,
			source + ` {s: {a: 1}, idx: {index: ['a', 'b'], from: 'windows-process_creation'}, condition: 'idx and (s or not s)'}`,
		},
		"a condition against": {
			"- {type: add_condition, conditions: {lab: true}, negated: true}", `{s: {a: 1}, condition: s}`,
			source + ` {s: {a: 1}, _cond_1: {lab: true}, condition: 'not _cond_1 and (s)'}`,
		},
		"another log source": {
			"- {type: change_logsource, product: windows, service: sysmon}", `{s: {a: 1}, condition: s}`,
			`{product: 'windows', service: 'sysmon'} {s: {a: 1}, condition: 's'}`,
		},
		"a text": {
			`- {type: replace_string, regex: '^\*\\([a-z]+)', replacement: '\g<1>/\1$'}`, `{s: {a|endswith: '\cmd.exe', b: 5}, condition: s}`,
			source + ` {s: {a: 'cmd/cmd$.exe', b: 5}, condition: 's'}`,
		},
		"a text beside others": {
			`- {type: replace_string, regex: '[5x]', replacement: '6'}`, `{s: {a: [5, null, 'C:\x\\5', 7]}, condition: s}`,
			source + ` {s: {a: ['6', null, 'C:\\6\\6', 7]}, condition: 's'}`,
		},
		"between wildcards": {
			`- {type: replace_string, regex: '[*e]', replacement: '*', skip_special: true}`, `{s: {a: 'h*e\*'}, condition: s}`,
			source + ` {s: {a: 'h*\*\*'}, condition: 's'}`,
		},
		"between wildcards, and new ones": {
			`- {type: replace_string, regex: 'e', replacement: '*', skip_special: true, interpret_special: true}`, `{s: {a: 'h?e'}, condition: s}`,
			source + ` {s: {a: 'h?*'}, condition: 's'}`,
		},
		"one for several": {
			"- {type: map_string, mapping: {'*x*': [y, 'z*'], q: r}}", `{s: {a|contains: x, b: [q, s]}, condition: s}`,
			source + ` {s: {a: ['y', 'z*'], b: ['r', 's']}, condition: 's'}`,
		},
		"a case": {
			"- {type: case, method: upper}", `{s: {a|cased|startswith: 'ab\\', b|re: x}, condition: s}`,
			source + ` {s: {a|cased: 'AB\\*', b|re: 'x'}, condition: 's'}`,
		},
		"snakes": {"- {type: case, method: snake_case}", `{s: {a: NewProcess*}, condition: s}`, source + ` {s: {a: 'new_process*'}, condition: 's'}`},
		"an expression": {
			"- {type: regex}", `{s: {a|contains: 'x.?'}, n: {b: [5, x]}, condition: s}`,
			source + ` {s: {a|re|i: '^(?s:.*x\...*)$'}, n: {b: [5, 'x']}, condition: 's'}`,
		},
		"a value":            {"- {type: set_value, value: 4, force_type: str}", `{s: {a|re: [x, y], b|neq: z}, condition: s}`, source + ` {s: {a: '4', b|neq: '4'}, condition: 's'}`},
		"a number of a text": {"- {type: convert_type, target_type: num}", `{s: {a: '4', b: 5}, condition: s}`, source + ` {s: {a: 4, b: 5}, condition: 's'}`},
		"a text of a number": {"- {type: convert_type, target_type: str}", `{s: {a: [4, x, null]}, condition: s}`, source + ` {s: {a: ['4', 'x', null]}, condition: 's'}`},
		"placeholders": {
			"- {type: value_placeholders, include: [ips, percent]}\n- {type: wildcard_placeholders}", `{s: {a|expand: ['%ips%:%other%', '%percent%', '\%x%', y]}, condition: s}`,
			source + ` {s: {a|expand: ['10.1.1.1:*', '10.1.1.2:*', '50\%', '\%x%', 'y']}, condition: 's'}`,
		},
		"hashes": {
			"- {type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: File}", `{s: {Hashes|contains: ['MD5=aa', 'SHA1=bb', 'IMPHASH=cc', 0123456789abcdef0123456789abcdef], User: x}, condition: s}`,
			source + ` {s: [{FileMD5: ['aa', '0123456789abcdef0123456789abcdef'], User: 'x'}, {FileSHA1: ['bb'], User: 'x'}], condition: 's'}`,
		},
		"a pipeline within": {
			"- {type: nest, items: [{type: field_name_prefix, prefix: a.}, {type: field_name_prefix, prefix: b.}], rule_conditions: [{type: logsource, product: windows}]}",
			`{s: {x: 1}, condition: s}`, source + ` {s: {b.a.x: 1}, condition: 's'}`,
		},
		"what shows fields": {"- {type: add_field, field: x}\n- {type: remove_field, field: x}\n- {type: set_field, fields: [x]}", `{s: {x: 1}, condition: s}`, source + ` {s: {x: 1}, condition: 's'}`},
	} {
		if got, err := changed(t, c.steps, windows(c.detection)); got != c.want || err != nil {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", name, got, err, c.want)
		}
	}
}

// TestConditionsSayWhereATransformationApplies: each condition stands before a step that would put p before the field.
func TestConditionsSayWhereATransformationApplies(t *testing.T) {
	rule := windows(`{s: {Image|endswith: ['\a.exe', '\b.exe'], EventID: 1, n: null}, condition: s}`)
	for conditions, want := range map[string]string{
		"rule_conditions: [{type: logsource, product: windows, category: process_creation}]":                                        "Image EventID n",
		"rule_conditions: [{type: logsource, product: linux}]":                                                                      "",
		"rule_conditions: [{type: logsource, product: linux}], rule_cond_not: true":                                                 "Image EventID n",
		"rule_conditions: [{type: logsource, product: linux}, {type: tag, tag: attack.t1059}], rule_cond_op: or":                    "Image EventID n",
		"rule_conditions: [{type: logsource, product: linux}, {type: tag, tag: attack.t1059}]":                                      "",
		"rule_conditions: [{type: contains_field, field: EventID}, {type: is_sigma_rule}]":                                          "Image EventID n",
		"rule_conditions: [{type: contains_field, field: X}]":                                                                       "",
		`rule_conditions: [{type: contains_detection_item, field: Image, value: '*\a.exe'}]`:                                        "Image EventID n",
		"rule_conditions: [{type: contains_detection_item, field: EventID, value: 1}]":                                              "Image EventID n",
		"rule_conditions: [{type: contains_detection_item, field: EventID, value: '1'}]":                                            "",
		"rule_conditions: [{type: is_sigma_correlation_rule}]":                                                                      "",
		"rule_conditions: [{type: rule_attribute, attribute: level, op: gte, value: medium}]":                                       "Image EventID n",
		"rule_conditions: [{type: rule_attribute, attribute: level, op: lt, value: high}]":                                          "",
		"rule_conditions: [{type: rule_attribute, attribute: date, op: gt, value: 2024-01-31}]":                                     "Image EventID n",
		"rule_conditions: [{type: rule_attribute, attribute: tags, op: in, value: attack.t1059}]":                                   "Image EventID n",
		"rule_conditions: [{type: rule_attribute, attribute: title, op: ne, value: T}]":                                             "",
		"rule_conditions: [{type: rule_attribute, attribute: nothing, value: T}]":                                                   "",
		"rule_conditions: [{type: rule_attribute, attribute: ours, op: gt, value: 4}]":                                              "Image EventID n",
		"rule_conditions: [{type: processing_item_applied, processing_item_id: first}]":                                             "Image EventID n",
		"rule_conditions: [{type: processing_item_applied, processing_item_id: never}]":                                             "",
		"rule_conditions: [{type: processing_state, key: n, val: 9, op: lt}]":                                                       "",
		"rule_conditions: [{type: processing_state, key: n, val: 9, op: gt}]":                                                       "Image EventID n",
		"rule_conditions: [{type: processing_state, key: m, val: 9, op: ne}]":                                                       "",
		"rule_conditions: {a: {type: tag, tag: x}, b: {type: is_sigma_rule}}, rule_cond_expr: 'not a and (b or a)'":                 "Image EventID n",
		"rule_conditions: {a: {type: tag, tag: x}, b: {type: is_sigma_rule}}, rule_cond_expr: 'a and b or not b'":                   "",
		"field_name_conditions: [{type: include_fields, fields: [Image, n]}]":                                                       "Image n",
		"field_name_conditions: [{type: include_fields, fields: [Image, n]}], field_name_cond_not: true":                            "EventID",
		"field_name_conditions: {a: {type: include_fields, fields: [n]}}, field_name_cond_expr: not a":                              "Image EventID",
		`detection_item_conditions: [{type: match_string, cond: any, pattern: '\*\\a\.'}]`:                                          "Image",
		`detection_item_conditions: [{type: match_string, cond: all, pattern: '\*\\a\.'}]`:                                          "",
		`detection_item_conditions: [{type: match_string, cond: any, pattern: 'a'}]`:                                                "",
		`detection_item_conditions: [{type: match_string, cond: all, pattern: 'x', negate: true}]`:                                  "Image EventID n",
		"detection_item_conditions: [{type: match_value, cond: any, value: 1}]":                                                     "EventID",
		"detection_item_conditions: [{type: contains_wildcard, cond: all}]":                                                         "Image",
		"detection_item_conditions: [{type: is_null, cond: any}]":                                                                   "n",
		"detection_item_conditions: [{type: processing_item_applied, processing_item_id: first}]":                                   "Image",
		"detection_item_conditions: [{type: processing_state, key: n, val: 10}]":                                                    "Image EventID n",
		"detection_item_conditions: [{type: is_null, cond: any}, {type: contains_wildcard, cond: any}], detection_item_cond_op: or": "Image n",
		"field_name_conditions: [{type: processing_item_applied, processing_item_id: first}]":                                       "Image",
		"field_name_conditions: [{type: processing_state, key: n, val: 10}]":                                                        "Image EventID n",
	} {
		steps := "- {id: first, type: field_name_mapping, mapping: {Image: Image}}\n- {type: set_state, key: n, val: 10}\n- {type: set_custom_attribute, attribute: ours, value: 5}\n" +
			"- {type: field_name_prefix, prefix: p., " + conditions + "}"
		got, err := changed(t, steps, rule)
		if err != nil {
			t.Errorf("%s: %v", conditions, err)
			continue
		}
		var found []string
		for _, field := range []string{"Image", "EventID", "n"} {
			if strings.Contains(got, "p."+field) {
				found = append(found, field)
			}
		}
		if fields := strings.Join(found, " "); fields != want {
			t.Errorf("%s: %q, want %q\n%s", conditions, fields, want, got)
		}
	}
}

func TestARuleThatCannotGoThroughIsRefusedWithItsLine(t *testing.T) {
	rule := "title: T\nlogsource: {product: windows}\ndetection:\n  s:\n    A: x\n  t:\n    B|expand: '%ips%%nobody%'\n    C: y\n  condition: s\n"
	many := "[" + strings.Repeat("a,", 40) + "a]"
	for steps, want := range map[string]struct {
		line int
		text string
	}{
		"- {type: rule_failure, message: not here}": {1, "not here"},
		"- {type: detection_item_failure, message: no C, field_name_conditions: [{type: include_fields, fields: [C]}]}": {8, "no C"},
		"- {type: drop_detection_item, field_name_conditions: [{type: include_fields, fields: [A]}]}":                   {4, "drops all of s"},
		"- {type: value_placeholders}":                                                                  {7, "no variable nobody"},
		"- {type: convert_type, target_type: num}":                                                      {5, "x of A is no number"},
		"- {type: field_name_mapping, mapping: {A: a}}\n- {type: strict_field_mapping_failure}":         {1, "maps no field B, C"},
		"- {type: hashes_fields, valid_hash_algos: [MD5], field_to_parse: [A]}":                         {5, "hashes MD5"},
		"- {type: field_name_mapping, mapping: {B: " + many + ", C: " + many + "}}":                     {6, "more than 1000"},
		"- {type: case, rule_conditions: [{type: rule_attribute, attribute: title, op: gt, value: x}]}": {1, "it is a text"},
	} {
		got, err := changed(t, steps, rule)
		if err == nil || !strings.Contains(err.Error(), want.text) || !strings.HasPrefix(err.Error(), ":"+string(rune('0'+want.line))+":") {
			t.Errorf("%s: %s, %v; want line %d, %s", steps, got, err, want.line, want.text)
		}
	}
}

// TestAFilterAndACorrelationGoTheSameWay: a correlation is of the log sources of the rules that it names in its file.
func TestAFilterAndACorrelationGoTheSameWay(t *testing.T) {
	const steps = "- {type: field_name_mapping, mapping: {A: a, B: b, user: account}, rule_conditions: [{type: logsource, product: windows}]}\n"
	filter := "title: F\nlogsource: {product: windows}\nfilter:\n  rules: [t-1]\n  known: {A: 1}\n  condition: not known\n"
	if got, err := changed(t, steps, filter); got != `{product: 'windows'} {known: {a: 1}, rules: ['t-1'], condition: 'not known'}` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	set := join(t, []string{"transformations:\n" + steps})
	trees, err := document.Read([]byte(windows("{s: {A: 1}, condition: s}") + "---\n" +
		"title: C\ncorrelation:\n  type: value_count\n  rules: [t-1]\n  group-by: [A, user, X]\n  timespan: 5m\n  aliases: {user: {t-1: B}}\n  condition: {gte: 3, field: A}\n" +
		"---\ntitle: D\ncorrelation:\n  type: event_count\n  rules: [elsewhere]\n  group-by: [A]\n  timespan: 5m\n  condition: {gte: 3}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]string{
		1: `{type: 'value_count', rules: ['t-1'], group-by: ['a', 'user', 'X'], timespan: '5m', aliases: {user: {t-1: 'b'}}, condition: {gte: 3, field: 'a'}}`,
		2: `{type: 'event_count', rules: ['elsewhere'], group-by: ['A'], timespan: '5m', condition: {gte: 3}}`,
	} {
		made, err := set.Rewrite(trees[i], trees)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if spell(&b, made.Child("correlation")); b.String() != want {
			t.Errorf("got  %s\nwant %s", b.String(), want)
		}
	}
}

func TestPipelinesGoByPriorityAndLeaveTheDocumentAlone(t *testing.T) {
	set := join(t, []string{
		"name: late\npriority: 20\nvars: {v: late}\ntransformations: [{type: field_name_prefix, prefix: late.}, {type: value_placeholders}]\n",
		"name: soon\npriority: 10\nvars: {v: soon}\ntransformations: [{type: field_name_prefix, prefix: soon.}]\n",
	})
	trees, err := document.Read([]byte(windows("{s: {a|expand: '%v%'}, condition: s}")))
	if err != nil {
		t.Fatal(err)
	}
	var before, after, got strings.Builder
	spell(&before, trees[0])
	for range 2 {
		made, err := set.Rewrite(trees[0], trees)
		if err != nil {
			t.Fatal(err)
		}
		got.Reset()
		spell(&got, made.Child("detection"))
	}
	if spell(&after, trees[0]); before.String() != after.String() || got.String() != "{s: {late.soon.a|expand: 'late'}, condition: 's'}" {
		t.Errorf("%s\n%s\n%s", got.String(), before.String(), after.String())
	}
}
