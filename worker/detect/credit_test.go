package detect_test

import (
	"log/slog"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/worker/detect"
)

// TestADetectionSaysWhoWroteItsRule: the author is the rule's word, the licence that of the folder it came in.
func TestADetectionSaysWhoWroteItsRule(t *testing.T) {
	const rule = "title: Tool\nid: tool\nauthor: Jo Writer\nlogsource: {product: windows, category: process_creation}\ndetection:\n  sel: {Image|endswith: '\\tool.exe'}\n  condition: sel\n"
	live, report := rules.NewLive(fstest.MapFS{"sigma/LICENSE": {Data: []byte("[Detection Rule License (DRL) 1.1](x)")}, "sigma/rules/tool.yml": {Data: []byte(rule)}})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	matcher, err := detect.NewRuleMatcher(live, detect.Stream{Name: "events", Mapping: "windows"}, detect.NewMetrics(prometheus.NewRegistry()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	found, err := matcher.Match([]byte(`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\tool.exe"}`))
	if err != nil || len(found) != 1 || found[0].Rule.Author != "Jo Writer" || found[0].Rule.Licence != "DRL-1.1" {
		t.Errorf("%+v, %v", found, err)
	}
}
