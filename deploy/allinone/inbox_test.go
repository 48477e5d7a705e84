package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestWhatIsSentOpensAnIncident: an alert that Alertmanager sends, again and again, opens one incident of its host.
func TestWhatIsSentOpensAnIncident(t *testing.T) {
	o := newOffice(t)
	address := fmt.Sprintf("127.0.0.1:%d", freeLoopbackPort(t))
	t.Setenv("INBOX_TOKEN", "a token that nobody guesses")
	o.edit(o.file, "streams:\n", "streams:\n  - {name: inbox, index: sallyport-inbox, mapping: alertmanager, from: beginning, poll: 500ms, lag: 0}\n")
	o.edit(o.file, "listen: 127.0.0.1:0", "listen: "+address+"\ninbox: {hooks: [{name: prometheus, kind: alertmanager, token: \"env:INBOX_TOKEN\"}]}")
	o.up()
	notice := `{"version":"4","receiver":"sallyport","externalURL":"http://am","alerts":[{"status":"firing","labels":{"alertname":"ManyFailedLogins","category":"security","instance":"web-07:9100"},
		"annotations":{"summary":"40 failed logins a minute"},"startsAt":"` + time.Now().UTC().Format(time.RFC3339Nano) + `","endsAt":"0001-01-01T00:00:00Z","fingerprint":"a1"}]}`
	for range 3 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/inbox/prometheus", strings.NewReader(notice))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer a token that nobody guesses")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("the inbox answers %s", response.Status)
		}
	}
	record := o.awaitClosed(5 * time.Minute)
	if found := o.ledger(); record.Entity.Name != "web-07" || len(found) != 1 || found[0].IncidentID != record.ID {
		t.Errorf("incident %s of %v, detections %+v; want one of web-07 with one", record.ID, record.Entity, found)
	}
}
