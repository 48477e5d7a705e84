package wazuh_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/wazuh"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// A real OpenSearch in the place of the indexer: our searches are taken as we mean them.
func TestRealIndexer(t *testing.T) {
	address, prefix := opensearchtest.Real(t)
	alerts, states := prefix+"wazuh-alerts-4.x-1", prefix+"wazuh-states-vulnerabilities-1"
	for name, index := range map[string]string{"wazuh-alerts": alerts, "wazuh-states-vulnerabilities": states} {
		var template struct {
			Template json.RawMessage `json:"template"`
		}
		if err := json.Unmarshal(wazuhtest.Templates()[name], &template); err != nil {
			t.Fatal(err)
		}
		write(t, http.MethodPut, address+"/"+index, template.Template)
	}
	manager := wazuhtest.NewServer(t, func(alert json.RawMessage) {
		write(t, http.MethodPost, address+"/"+alerts+"/_doc?refresh=true", alert)
	})
	manager.AddAgent("001", "web-01", "10.77.0.2")
	w := connect(t, manager, address, func(c *wazuh.Config) {
		c.Indexer.Alerts, c.Indexer.States = prefix+"wazuh-alerts-4.x-*", prefix+"wazuh-states-vulnerabilities-*"
	})
	if _, err := w.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Fatal(err)
	}
	seen, err := w.Observe(t.Context(), block("i1-0", "203.0.113.9"))
	if err != nil || !seen[0].InForce || !seen[0].Ours || seen[0].Shared || seen[0].Left <= 0 {
		t.Errorf("observed %+v, %v", seen, err)
	}
	write(t, http.MethodPost, address+"/"+states+"/_bulk?refresh=true", []byte(unscored(t)))
	found, err := w.FindVulnerabilities(t.Context(), activities.ExposureRequest{Assets: []soar.Asset{{Name: "web-01"}}})
	if err != nil || len(found.Vulnerabilities) != 41 || found.Vulnerabilities[0].Score != 9.8 {
		t.Errorf("%d found, note %q, %v", len(found.Vulnerabilities), found.Note, err)
	}
}

// unscored is one CVE with a score and forty without, in so many packages that they fill more than one page.
func unscored(t *testing.T) string {
	var bulk strings.Builder
	add := func(document json.RawMessage) { fmt.Fprintf(&bulk, "{\"index\":{}}\n%s\n", document) }
	add(wazuhtest.Vulnerability("001", "web-01", "CVE-2026-9999", "Critical", 9.8, "nginx", "1.0"))
	for i := range 40 {
		for j := range 8 {
			var document map[string]any
			if err := json.Unmarshal(wazuhtest.Vulnerability("001", "web-01", fmt.Sprintf("CVE-2026-%04d", i), "-", 0, fmt.Sprintf("package-%d", j), "1.0"), &document); err != nil {
				t.Fatal(err)
			}
			delete(document["vulnerability"].(map[string]any), "score")
			text, _ := json.Marshal(document)
			add(text)
		}
	}
	return bulk.String()
}
