package rules

import (
	"testing"
	"testing/fstest"
)

// TestAWrongTypeIsToldInTheWordsOfTheFile: what stands there, where, what is wanted, and an example that could stand there.
func TestAWrongTypeIsToldInTheWordsOfTheFile(t *testing.T) {
	const native = "id: n\ntitle: N\nlevel: low\nmapping: wazuh4\ncondition: rule_level > 5\n"
	const field = "id: m\nfields: {x: {path: a, type: string}}\n"
	const correlation = "title: C\nid: c\ncorrelation: {type: event_count, rules: [ssh-login], group-by: [user], timespan: 5m, condition: {gte: 3}}\n"
	for _, c := range []struct{ file, text, want string }{
		{"mappings/m.yaml", "id: m\nfields: [x, y]\n", "2:9: fields is a list, not a mapping of keys; write it as fields: {name: {path: text, type: text}}"},
		{"mappings/m.yaml", "id: m\nfields:\n  x: text\n", "3:6: fields.x is a text, not a mapping of keys; write it as x: {path: text, type: text}"},
		{"mappings/m.yaml", "id: m\nfields:\n  x: {path: [a]}\n", "3:13: fields.x.path is a list, not a text; write it as path: text"},
		{"mappings/m.yaml", field + "entity:\n  family: host\n", "4:3: entity is a mapping of keys, not a list; write it as entity: [{family: text, field: text}]"},
		{"mappings/m.yaml", field + "entity: [x]\n", "3:10: entity[0] is a text, not a mapping of keys; write it as {family: text, field: text}"},
		{"mappings/m.yaml", field + "asset: {name: x}\n", "3:15: asset.name is a text, not a list; write it as name: [text]"},
		{"mappings/m.yaml", field + "sigma: {order: soon}\n", "3:16: sigma.order is a text, not a number; write it as order: 10"},
		{"mappings/m.yaml", field + "sigma: {channels: windows, sources: [{when: {x: {y: z}}}]}\n", "3:50: sigma.sources[0].when.x is a mapping of keys, not a list; write it as x: [text]"},
		{"mappings/m.yaml", field + "sigma: {sources: [{none: maybe}]}\n", "3:26: sigma.sources[0].none is a text, not true or false; write it as none: true"},
		{"mappings/m.yaml", field + "sigma: {order: 99999999999999999999}\n", "3:16: a value cannot be read as it is written; correct the key or its value"},
		{"mappings/m.yaml", "- id: m\n", "1:1: the file is a list, not a mapping of keys; write it as {id: text, fields: {name: {path: text, type: text}}, entity: [{family: text, field: text}], ...}"},
		{"mappings/m.yaml", "id: m\nfeilds: {}\n", "2:1: unknown key feilds; did you mean fields?"},
		{"policies/risk.yaml", "null\n", "1:1: the file is empty, not a mapping of keys; write it as {weights: {name: 10}, half_life: text, threshold: 10, ...}"},
		{"lists/l.yaml", "a: b\n", "1:1: the file is a mapping of keys, not a list; write it as [text]"},
		{"lists/l.yaml", "- a\n- [b]\n", "2:3: an element of the list is a list, not a text; write it as text"},
		{"suppressions/s.yaml", "- {id: s, reason: r, until: 2099-01-01, rules: x}\n", "1:48: rules is a text, not a list; write it as rules: [text]"},
		{"suppressions/s.yaml", "- {id: s, reason: r, until: 2099-01-01, fields: {x: y}}\n", "1:53: fields.x is a text, not a list; write it as x: [text]"},
		{"suppressions/s.yaml", "- null\n", "1: a suppression has no id or no reason; add id: and reason:"},
		{"policies/risk.yaml", "half_life: 1h\nweights: [low]\n", "2:10: weights is a list, not a mapping of keys; write it as weights: {name: 10}"},
		{"n.yaml", native + "events: {match: true}\n", "6:10: events is a mapping of keys, not a list; write it as events: [{name: text, match: true, event: {name: text}}]"},
		{"n.yaml", native + "events: [{match: soon}]\n", "6:18: events[0].match is a text, not true or false; write it as match: true"},
		{"n.yaml", native + "events:\n  - event: text\n", "7:12: events[0].event is a text, not a mapping of keys; write it as event: {name: text}"},
		{"n.yaml", "id: [n]\ncondition: true\n", "1:5: id is a list, not a text; write it as id: text"},
		{"c.yml", correlation + "tests:\n  - {name: t, fires: often}\n", "5:22: tests[0].fires is a text, not a number; write it as fires: 10"},
		{"c.yml", correlation + "tests:\n  - {name: t, fires: 1, events: [{after: soon}]}\n", "5:42: tests[0].events[0].after is a text, not a duration; write it as after: 24h"},
	} {
		_, report := Load(fstest.MapFS{c.file: {Data: []byte(c.text)}})
		if len(report.Refused) == 0 || report.Refused[0].Error() != c.file+":"+c.want {
			t.Errorf("%s\ngot  %v\nwant %s:%s", c.text, report.Refused, c.file, c.want)
		}
	}
}
