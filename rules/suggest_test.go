package rules

import (
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/rules/content"
)

func TestAConditionThatDoesNotCompileSaysWhatWasMeant(t *testing.T) {
	const events = "events:\n  - {name: a, match: true, event: {}}\n  - {name: b, match: false, event: {}}\n"
	for condition, mend := range map[string]string{
		`rule_idd == "1"`:                   "did you mean rule_id?",
		`agent_namee == "x"`:                "did you mean agent_name?",
		`witin(srcip, "10.0.0.0/8")`:        "did you mean within?",
		`nothing_like_it == "1"`:            `use the fields that mapping wazuh4 declares, or raw("a.b")`,
		`rule_level == "10"`:                "compare each field with a value of its type: rule_level is an int (== 1)",
		`rule_id > 5 and agent_name == "x"`: `compare each field with a value of its type: rule_id is a string (== "a"), agent_name is a string (== "a")`,
		`rule_groups == "sshd"`:             `compare each field with a value of its type: rule_groups is a list ("a" in it)`,
		`within(rule_level, "10.0.0.0/8")`:  "compare each field with a value of its type: rule_level is an int (== 1)",
		`agent_name`:                        `compare each field with a value of its type: agent_name is a string (== "a")`,
		`listed("exposd", agent_name)`:      "did you mean exposed?",
		`listed("nowhere", agent_name)`:     "add lists/nowhere.yaml",
		`within(srcip, "10.0.0.1")`:         "write it as 192.0.2.0/24 or 2001:db8::/32",
		`rule_id matches "(?=a)"`:           "write it without look-around and back references (RE2)",
		`rule_id ==`:                        "correct the expression: a name, an operator or a bracket is missing, or one too many",
	} {
		_, report := Load(content.Files, fstest.MapFS{"x.yaml": {Data: []byte("id: x\ntitle: X\nlevel: high\nmapping: wazuh4\ncondition: '" + condition + "'\n" + events)}})
		if len(report.Refused) != 1 || report.Refused[0].Mend != mend || report.Refused[0].Line != 5 {
			t.Errorf("%s: %v, want mend %s", condition, report.Refused, mend)
		}
	}
	_, placed := Load(fstest.MapFS{"x.yaml": {Data: []byte("id: x\ntitle: X\nlevel: high\nmapping: wazuh4\ncondition: 'rule_id == \"1\" or within(srcip, \"all\")'\n" + events)}})
	if len(placed.Refused) != 1 || placed.Refused[0].Error() != `x.yaml:5:45: "all" is no network; write it as 192.0.2.0/24 or 2001:db8::/32` {
		t.Error(placed.Refused)
	}
	_, report := Load(fstest.MapFS{"x.yaml": {Data: []byte("id: x\ntitle: X\nlevel: high\nmapping: wazuh5x\ncondition: 'true'\n" + events)}})
	if len(report.Refused) != 1 || report.Refused[0].Mend != "did you mean wazuh5?" {
		t.Error(report.Refused)
	}
	_, report = Load(fstest.MapFS{"x.yaml": {Data: []byte("id: x\ntitle: X\nlevel: high\nmapping: wazuh4\nentity: [{family: host, field: agent_nam}]\ncondition: 'rule_id == \"1\"'\n" + events)}})
	if len(report.Refused) != 1 || report.Refused[0].Mend != "did you mean agent_name?" {
		t.Error(report.Refused)
	}
}
