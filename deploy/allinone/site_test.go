package main

import (
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/lab"
)

// newSite is the lab in this process, its stand-ins open to the test, and the office that runs Sallyport beside it.
func newSite(t *testing.T, options lab.Options) (*office, *lab.Lab) {
	t.Helper()
	var err error
	if options.Program, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	options.Dir = t.TempDir()
	systems, err := lab.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := systems.Close(); err != nil {
			t.Errorf("the lab does not end well: %v", err)
		}
	})
	o := &office{t: t, file: systems.ConfigFile()}
	if o.control, err = systems.ServeControl(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.listen()
	if o.state, err = opensearch.Open(t.Context(), o.config.OpenSearch); err != nil {
		t.Fatal(err)
	}
	return o, systems
}

// awaitIncidents approves what is asked until so many incidents are closed and nothing is blocked any more; it returns
// them by key.
func (o *office) awaitIncidents(n int, within time.Duration) map[string]activities.IncidentRecord {
	o.t.Helper()
	found := map[string]activities.IncidentRecord{}
	for end := time.Now().Add(within); time.Now().Before(end); o.pause(500 * time.Millisecond) {
		o.approve()
		open := 0
		for _, r := range o.records() {
			found[r.Key] = r
			if r.Closed == nil {
				open++
			}
		}
		if len(found) == n && open == 0 && len(o.look().Blocked) == 0 {
			return found
		}
	}
	o.t.Fatalf("after %s: want %d incidents closed and released, have %s\nblocked %v", within, n, told(o.records()), o.look().Blocked)
	return nil
}

// expectAudited wants every chain unbroken, one of them the incident's, and the operator's command to say so.
func (o *office) expectAudited(incident string) {
	o.t.Helper()
	o.expectAudit()
	reports, err := opensearch.NewAudits(o.state).Verify(o.t.Context(), incident)
	if err != nil || len(reports) != 1 || reports[0].Entries < 8 { // opened, judged, planned, asked, decided, granted, applied, released, closed
		o.t.Errorf("the chain of %s: %+v, %v", incident, reports, err)
	}
	if output, code := run(o.t, time.Minute, "audit", "verify", "--config", o.file); code != 0 {
		o.t.Errorf("audit verify: exit %d: %s", code, output)
	}
}

// making reports whether err is a server's 503 for an index that it is still making.
func making(err error) bool {
	var fault *opensearch.Fault
	return errors.As(err, &fault) && fault.Status == http.StatusServiceUnavailable
}
