package soar

import "testing"

// TestOpensIncident: a level of high, or a rule that says so, opens; what is late or suppressed never does.
func TestOpensIncident(t *testing.T) {
	for name, c := range map[string]struct {
		detection Detection
		opens     bool
	}{
		"high":               {Detection{Rule: Rule{Level: High}}, true},
		"critical":           {Detection{Rule: Rule{Level: Critical}}, true},
		"medium":             {Detection{Rule: Rule{Level: Medium}}, false},
		"low, its rule asks": {Detection{Rule: Rule{Level: Low}, Opens: true}, true},
		"late":               {Detection{Rule: Rule{Level: Critical}, Opens: true, Late: true}, false},
		"suppressed":         {Detection{Rule: Rule{Level: Critical}, Opens: true, SuppressedBy: "known"}, false},
	} {
		if got := c.detection.OpensIncident(); got != c.opens {
			t.Errorf("%s: opens %v, want %v", name, got, c.opens)
		}
	}
}

// TestIncidentKey: two spellings of one entity share an incident.
func TestIncidentKey(t *testing.T) {
	for _, entity := range []Entity{{"host", "shop-01"}, {"Host", " SHOP-01 "}} {
		if got := entity.IncidentKey(); got != "incident/host/shop-01" {
			t.Errorf("%+v: %s", entity, got)
		}
	}
}
