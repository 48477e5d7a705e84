package response_test

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/deploy/wazuh/sallyport-response/response"
)

// The shipped rules speak of fields that the program writes, and their ids stay in the range that the README names.
func TestShippedRulesFitTheResult(t *testing.T) {
	var fields map[string]map[string]any
	text := response.Result{Error: "e", Detail: "d"}.Line()
	if err := json.Unmarshal(text[len(response.Prefix):], &fields); err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../../rules/sallyport_rules.xml")
	if err != nil {
		t.Fatal(err)
	}
	var group struct {
		Rules []struct {
			ID     string `xml:"id,attr"`
			Level  int    `xml:"level,attr"`
			Fields []struct {
				Name string `xml:"name,attr"`
			} `xml:"field"`
		} `xml:"rule"`
	}
	if err := xml.Unmarshal(rules, &group); err != nil {
		t.Fatal(err)
	}
	if len(group.Rules) != 4 {
		t.Errorf("%d rules", len(group.Rules))
	}
	for _, rule := range group.Rules {
		if !regexp.MustCompile(`^10085[0-9]$`).MatchString(rule.ID) || (rule.ID != "100850" && rule.Level < 3) {
			t.Errorf("rule %s level %d", rule.ID, rule.Level)
		}
	}
	for _, name := range regexp.MustCompile(`sallyport\.([a-z_]+)`).FindAllStringSubmatch(string(rules), -1) {
		if _, ok := fields["sallyport"][name[1]]; !ok {
			t.Errorf("the rules speak of %s, which no result has", name[0])
		}
	}
	decoder, err := os.ReadFile("../../decoders/sallyport_decoders.xml")
	if err != nil || !strings.Contains(string(decoder), "<prematch>^"+response.Prefix+"</prematch>") {
		t.Errorf("decoder does not know %q (%v)", response.Prefix, err)
	}
}

// The agent's program links nothing but the standard library.
func TestStandardLibraryOnly(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "..")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if !strings.Contains(filepath.ToSlash(path), "deploy/wazuh/sallyport-response") {
			t.Errorf("links %s", path)
		}
	}
}
