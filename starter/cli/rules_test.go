package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	bruteForce = `{"rule":{"id":"5763","level":10},"agent":{"id":"004","name":"shop-01"},"data":{"srcip":"203.0.113.66"}}`
	quiet      = `{"rule":{"id":"5715","level":3},"agent":{"id":"004","name":"shop-01"},"data":{"srcip":"203.0.113.66"}}`
)

func runRules(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Main(append([]string{"rules"}, args...), IO{In: strings.NewReader(in), Out: &stdout, Err: &stderr}, Verbs{})
	return code, stdout.String(), stderr.String()
}

func TestRulesRunNamesLinesAndSkipsWhatIsNoJSON(t *testing.T) {
	code, out, errs := runRules(t, quiet+"\nnot json\n\n"+bruteForce+"\n", "run", "-")
	want := `{"file":"-","line":4,"rule":{"id":"ssh-brute-force","title":"Many failed SSH logins from one address","level":"high"},"tags":["attack.credential-access","attack.t1110.001"]}` + "\n"
	if code != 0 || out != want {
		t.Errorf("code %d, out %q", code, out)
	}
	if !strings.Contains(errs, "-:2: not a JSON object") || !strings.Contains(errs, "1 of 3 lines") {
		t.Errorf("stderr %q", errs)
	}
	if code, out, _ := runRules(t, quiet, "run", "-"); code != 0 || out != "" {
		t.Errorf("without a match: code %d, out %q", code, out)
	}
	if code, _, _ := runRules(t, "", "run", "/nowhere.ndjson"); code != 2 {
		t.Errorf("missing file: code %d", code)
	}
}

func TestRulesCheckAndTestExitCodes(t *testing.T) {
	if code, out, errs := runRules(t, "", "check"); code != 0 {
		t.Errorf("shipped: code %d, %s%s", code, out, errs)
	}
	if code, out, errs := runRules(t, "", "test"); code != 0 || !strings.Contains(out, "ok     ssh-brute-force: 4 events") {
		t.Errorf("shipped: code %d, %s%s", code, out, errs)
	}
	folder := t.TempDir()
	rule := "id: x\ntitle: X\nlevel: high\nmapping: wazuh4\ncondition: rule_id == \"1\"\nevents:\n" +
		"  - {name: hit, match: true, event: {rule: {id: \"2\"}, agent: {}}}\n  - {name: miss, match: false, event: {rule: {id: \"2\"}, agent: {}}}\n"
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(folder, "x.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(rule)
	if code, out, _ := runRules(t, "", "test", folder); code != 1 || !strings.Contains(out, "WRONG  x: hit") {
		t.Errorf("code %d, %s", code, out)
	}
	write(strings.Replace(rule, "rule_id ==", "rule_idd ==", 1))
	if code, out, _ := runRules(t, "", "check", folder); code != 1 || !strings.Contains(out, "x.yaml:5:") {
		t.Errorf("code %d, %s", code, out)
	}
	if code, _, _ := runRules(t, "", "check", "/nowhere"); code != 2 {
		t.Errorf("missing folder: code %d", code)
	}
}

func TestRulesBenchSaysRatioAndAllocations(t *testing.T) {
	code, out, errs := runRules(t, quiet+"\n"+quiet+"\n"+bruteForce+"\n", "bench", "--events", "-", "-o", "json")
	var measured map[string]any
	if err := json.Unmarshal([]byte(out), &measured); err != nil || code != 0 {
		t.Fatalf("code %d, %v: %s%s", code, err, out, errs)
	}
	if measured["events"] != 3.0 || measured["matches"] != 1.0 || measured["ratio"].(float64) <= 0 || measured["events_per_second"].(float64) <= 0 || measured["ns_per_event"].(float64) <= 0 {
		t.Errorf("%v", measured)
	}
	if per, ok := measured["allocs_per_nonmatching_event"].(float64); !ok || per >= 1 {
		t.Errorf("allocs_per_nonmatching_event %v", measured["allocs_per_nonmatching_event"])
	}
}

func TestRulesBenchTellsWhatItLeavesOut(t *testing.T) {
	code, out, _ := runRules(t, "\ufeff"+quiet+"\nnot json\n\n[1]\n"+bruteForce+"\n", "bench", "--events", "-", "-o", "json")
	if code != 0 || !strings.Contains(out, `"events": 2,`) || !strings.Contains(out, `"not_json": 2,`) || !strings.Contains(out, `"matches": 1,`) {
		t.Errorf("beside lines that are no events: code %d, %s", code, out)
	}
	folder := t.TempDir()
	if code, _, _ := runRules(t, quiet, "bench", "--events", "-", "--rules", folder); code != 2 {
		t.Errorf("without a rule: code %d", code)
	}
	if err := os.WriteFile(filepath.Join(folder, "x.yml"), []byte("title: X\nlogsource: {product: x}\ndetection: {s: {a|b: c}, condition: s}\n---\ntitle: Y\nlogsource: {product: x}\ndetection: {s: {a: c}, condition: s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runRules(t, quiet, "bench", "--events", "-", "--rules", folder); code != 0 || !strings.Contains(errs, "refused  "+folder+"/x.yml:3:17: unknown modifier b") {
		t.Errorf("a refused rule: code %d, %s", code, errs)
	}
	if code, _, errs := runRules(t, "{\n", "bench", "--events", "-"); code != 1 || !strings.Contains(errs, "none of 1 lines is an event") {
		t.Errorf("malformed: code %d, %s", code, errs)
	}
}

func TestCompletionKnowsRulesAndMappings(t *testing.T) {
	for want, args := range map[string][]string{
		"ssh-brute-force\tMany failed": {"__complete", "rules", "explain", ""}, "wazuh4\n": {"__complete", "rules", "run", "--mapping", ""},
	} {
		var out bytes.Buffer
		if code := Main(args, IO{Out: &out, Err: io.Discard}, Verbs{}); code != 0 || !strings.Contains(out.String(), want) {
			t.Errorf("%v: exit %d: %s", args, code, out.String())
		}
	}
}
