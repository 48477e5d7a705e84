package rules

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/rules/content"
)

// TestVendorsOwnEventsAreRecognisedAndBothReadingsAgree takes what vendors published or real systems wrote, one object a
// line, through all public rules and the shipped ones.
func TestVendorsOwnEventsAreRecognisedAndBothReadingsAgree(t *testing.T) {
	public := shared.Path(t, "sigma")
	library, report := Load(content.Files, os.DirFS(public))
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	for pattern, c := range map[string]struct {
		mapping string
		least   int // events that must be of it
	}{
		"samples/zeek/wrccdc2018-*.ndjson":                {"zeek", 100},
		"samples/zeek/rita-*.ndjson":                      {"zeek", 10},
		"samples/suricata/crowdsec-eve-*.ndjson":          {"suricata", 3},
		"real/configs/suricata/eve-offline-sample.json":   {"suricata", 15},
		"samples/wazuh/alerts-events-generator.ndjson":    {"wazuh4", 500},
		"samples/wazuh/alerts-analysisd-4.14.7.ndjson":    {"wazuh4", 5},
		"samples/wazuh/v5-findings/findings-*.ndjson":     {"wazuh5", 30},
		"samples/zeek/zeek-docs-[dh]*.ndjson":             {"zeek", 11},
		"samples/suricata/suricata-docs-eve-json*.ndjson": {"suricata", 5},
	} {
		matcher, oracle := both(t, library)
		names, err := filepath.Glob(filepath.Join(shared.Path(t, "."), filepath.FromSlash(pattern)))
		if err != nil || len(names) == 0 {
			t.Errorf("%s: no file, %v", pattern, err)
		}
		recognised, all, matched := 0, 0, map[string]int{}
		for _, name := range names {
			rel, err := filepath.Rel(shared.Path(t, "."), name)
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(shared.Read(t, filepath.ToSlash(rel))) {
				root, err := decode(line)
				if err != nil {
					continue
				}
				all++
				if newShape(root, library.shapes, "").mapping == c.mapping {
					recognised++
				}
				if testing.Short() && all%10 != 0 {
					continue
				}
				if difference := agree(matcher, oracle, line); difference != "" {
					t.Errorf("%s: %s\n%s", name, difference, line)
				}
				ids, _ := fast(matcher, line)
				for _, id := range ids {
					matched[id]++
				}
			}
		}
		t.Logf("%s: %d events, %d of %s, matches %v", pattern, all, recognised, c.mapping, matched)
		if recognised < c.least {
			t.Errorf("%s: %d of %d events are of mapping %s, want %d", pattern, recognised, all, c.mapping, c.least)
		}
	}
}
