package wazuh_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/wazuh"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/rest"
)

func TestTokens(t *testing.T) {
	w := open(t)
	for range 3 {
		if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
			t.Fatal(err)
		}
	}
	if given, _ := w.manager.Logins(); given != 1 {
		t.Errorf("%d logins for one token's life", given)
	}
	w.manager.RevokeTokens()
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Fatal("after a revoked token:", err)
	}
	if given, _ := w.manager.Logins(); given != 2 {
		t.Errorf("%d logins, want 2", given)
	}
}

func TestWrongPasswordIsTriedOnce(t *testing.T) {
	w := open(t)
	t.Setenv("SALLYPORT_TEST_WRONG", "not-the-password")
	wrong := connect(t, w.manager, w.indexer.URL, func(c *wazuh.Config) { c.Password = "env:SALLYPORT_TEST_WRONG" })
	for range 5 {
		if err := wrong.Apply(t.Context(), block("i1-0", "203.0.113.9")); !permanent(err) || strings.Contains(err.Error(), "not-the-password") {
			t.Errorf("got %v", err)
		}
	}
	if _, refused := w.manager.Logins(); refused != 1 {
		t.Errorf("%d refused logins, want 1: 50 lock the address out", refused)
	}
}

func TestWaitsOutLimitAndRestart(t *testing.T) {
	w := open(t)
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Fatal(err)
	}
	w.manager.Limit(0, 1500*time.Millisecond)
	if err := w.Undo(t.Context(), block("i1-0", "203.0.113.9")); err != nil || len(w.agent.InForce()) != 0 {
		t.Errorf("limited for a while: %v", err)
	}
	w.manager.SetRestarting(true)
	time.AfterFunc(500*time.Millisecond, func() { w.manager.SetRestarting(false) })
	if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Errorf("restarting for a while: %v", err)
	}
}

func TestWrongBodyIsNoSuccess(t *testing.T) {
	for name, body := range map[string]string{
		"html": "<html>secret-of-a-proxy</html>", "empty object": "{}", "none affected": `{"data":{"affected_items":[],"failed_items":[]},"error":0}`,
		"another agent": `{"data":{"affected_items":["002"],"failed_items":[]},"error":0}`, "some failed": `{"data":{"affected_items":["001","002"],"failed_items":[]},"error":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			w.manager.Faults.WrongBody(body, 1, http.MethodPut)
			if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
			if err := w.Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
				t.Error("afterwards:", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	manager := wazuhtest.NewTLSServer(t, nil)
	manager.AddAgent("001", "web-01", "10.77.0.2")
	indexer := opensearchtest.NewServer(t)
	if line, err := connect(t, manager, indexer.URL).Check(t.Context()); err != nil || !strings.Contains(line, "4.14.7, 1 active") {
		t.Errorf("%q, %v", line, err)
	}
	manager.CA = ""
	if _, err := connect(t, manager, indexer.URL).Check(t.Context()); !strings.Contains(rest.Mend(err, ""), "set tls.ca") {
		t.Errorf("an unknown CA: %v", err)
	}
}
