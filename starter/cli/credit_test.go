package cli

import (
	"bytes"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestAnIncidentShowsWhoWroteItsRules: a rule's licence may want its author named wherever a match is shown.
func TestAnIncidentShowsWhoWroteItsRules(t *testing.T) {
	var record activities.IncidentRecord
	for _, rule := range []soar.Rule{{ID: "1", Title: "Tool", Level: soar.High, Author: "Jo\x1b[31m", Licence: "DRL-1.1"}, {ID: "2", Title: "Ours", Level: soar.Low}} {
		record.Brief.Add(soar.DetectionRef{}, soar.Detection{Rule: rule})
	}
	if credit := record.Brief.Evidence[0].Credit; credit != "by Jo\x1b[31m, DRL-1.1" {
		t.Errorf("the evidence says %q", credit)
	}
	var out bytes.Buffer
	printRecord(IO{Out: &out}, record)
	for _, want := range []string{"rule Tool, high  by Jo?[31m, DRL-1.1\n", "rule Ours, low\n"} {
		if !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
