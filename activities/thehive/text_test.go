package thehive_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities/thehive/thehivetest"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func fingerprint(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func TestHostileTextIsShownNotRendered(t *testing.T) {
	server := thehivetest.NewServer(t)
	hive := open(t, server.URL)
	req := request("i1")
	req.Title = "x\n# " + strings.Repeat("é", 600)
	req.Brief.Rules = append(req.Brief.Rules, soar.Rule{Title: "tool", Level: soar.Low, Author: "Jo `Writer`", Licence: "DRL-1.1"})
	req.Brief.Evidence = []soar.Evidence{{Summary: "login `![x](http://evil.example/?a)` \xff\n## heading"}}
	req.Brief.Observables = append(req.Brief.Observables, soar.Observable{Type: "url", Value: "http://x/" + strings.Repeat("a", 5000)}, soar.Observable{Type: "ip"})
	ref, err := hive.OpenCase(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	made := server.Cases()[0]
	if len(made.Title) > 512 || strings.Contains(made.Title, "\n") {
		t.Errorf("title of %d bytes: %q", len(made.Title), made.Title)
	}
	var alert struct{ Description string }
	get(t, server, "/api/v1/alert/incident;sallyport;i1", &alert)
	if !strings.Contains(alert.Description, "`login '![x](http://evil.example/?a)' \uFFFD ## heading`") {
		t.Errorf("description: %s", alert.Description)
	}
	if !strings.Contains(alert.Description, "- rule `tool`, low, `by Jo 'Writer', DRL-1.1`\n") {
		t.Errorf("the rule's author and licence are not shown: %s", alert.Description)
	}
	if got := server.Observables(ref.ID); len(got) != 2 {
		t.Errorf("observables %q: an empty and an endless one are left out", got)
	}
}

func get(t *testing.T, server *thehivetest.Server, path string, out any) {
	t.Helper()
	req := newRequest(t, server.URL+path)
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}

func newRequest(t *testing.T, address string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+thehivetest.Key)
	return req
}
