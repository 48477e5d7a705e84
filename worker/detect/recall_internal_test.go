package detect

import (
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/content"
)

// TestAFailedRecallIsNotRepeatedAtEveryLook: each asks the cluster for all that correlations remember.
func TestAFailedRecallIsNotRepeatedAtEveryLook(t *testing.T) {
	server := opensearchtest.NewServer(t)
	client, err := opensearch.Open(t.Context(), opensearch.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	live, _ := rules.NewLive(content.Files)
	d := &Detect{
		Parts:  Parts{State: client, Rules: live, Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }},
		ledger: opensearch.NewLedger(client),
	}
	p := d.newDispatcher(opensearch.Held{})
	p.memory = &memory{}
	looks := func(after time.Duration, want bool, recalls int) {
		t.Helper()
		now = now.Add(after)
		before := server.Calls("refresh")
		for range 20 {
			if p.ready(t.Context()) != want {
				t.Fatalf("the memory is ready: %t", !want)
			}
		}
		if got := server.Calls("refresh") - before; got != recalls {
			t.Errorf("20 looks recalled %d times, want %d", got, recalls)
		}
	}
	lift := server.Inject(opensearchtest.Fault{Operation: "refresh", Body: "{}"})
	looks(0, false, 1)
	looks(recallAgain, false, 1)
	looks(-time.Hour, false, 1) // a clock that was set back
	lift()
	looks(recallAgain, true, 1)
}
