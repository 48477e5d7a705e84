package cortex

import (
	"encoding/json"
	"testing"

	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// TestRecordedJobs reads what real Cortexes answered.
func TestRecordedJobs(t *testing.T) {
	var jobs []struct {
		job
		AnalyzerName string
	}
	if err := json.Unmarshal(shared.Read(t, "samples/cortex/thehive4-cortex-jobs.json"), &jobs); err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		var said report
		if j.ID == "" || j.Status == "" || json.Unmarshal(j.Report, &said) != nil {
			t.Errorf("job %q of status %q with report %.80s", j.ID, j.Status, j.Report)
		}
		opinion, detail, failed := weigh(analyzer{Name: j.AnalyzerName}, j.job)
		if opinion == soar.Harmless || (j.Status == "Success") != (failed == "") || detail == "" {
			t.Errorf("job %s (%s) reads %s %q, failed %q", j.ID, j.Status, opinion, detail, failed)
		}
	}
	if len(jobs) == 0 {
		t.Error("no job was recorded")
	}
}
