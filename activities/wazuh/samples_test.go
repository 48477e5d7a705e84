package wazuh_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/activities/wazuh"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/shared"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// recorded is one exchange with a real 4.14.7 server.
type recorded struct {
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"response"`
}

func sample(t *testing.T, name string) (r recorded) {
	t.Helper()
	if err := json.Unmarshal(shared.Read(t, "samples/wazuh/api-4.14/"+name+".json"), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// replay answers calls with recorded answers, by method and path; a login always succeeds.
func replay(t *testing.T, answers map[string]recorded) *wazuh.Wazuh {
	t.Helper()
	claims := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, time.Now().Add(time.Hour).Unix()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/security/user/authenticate") {
			_, _ = fmt.Fprint(w, "head."+claims+".signature")
			return
		}
		answer, known := answers[r.Method+" "+r.URL.Path]
		if !known {
			t.Errorf("asked for %s %s", r.Method, r.URL.Path)
		}
		for name, value := range answer.Response.Headers {
			w.Header().Set(name, value)
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(answer.Response.Status)
		_, _ = w.Write(answer.Response.Body)
	}))
	t.Cleanup(server.Close)
	return connect(t, &wazuhtest.Server{URL: server.URL}, opensearchtest.NewServer(t).URL)
}

// Every recorded answer to an active response is judged as it should be: by its body, never by its status.
func TestRecordedActiveResponses(t *testing.T) {
	tests := map[string]struct {
		wrong     string // "" for sent
		permanent bool
	}{
		"ar-12-bang":              {},
		"ar-13-bang-missing":      {},
		"ar-16-alert-nested":      {},
		"ar-01-named-timeout":     {},
		"ar-02-plain-name":        {"error 1652", false},
		"ar-04-empty-command":     {"status 400", true},
		"ar-07-mixed":             {"PUT /active-response", true},
		"ar-09-empty-list":        {"status 400", true},
		"ar-11-manager":           {"nothing was sent", true},
		"ar-14-bang-path":         {"status 400", true},
		"ar-19-malformed":         {"status 400", true},
		"ar-21-cut-agent":         {"may still do it", false},
		"ar-22-disconnected":      {"error 1707", false},
		"ar-23-execd-dead":        {"error 1116", false},
		"ar-24-disabled":          {"error 1750", true},
		"rbac-11-ar-denied-agent": {"error 4000", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := send(t, sample(t, name))
			if tt.wrong == "" && err != nil {
				t.Errorf("sent, but got %v", err)
			}
			if tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong) || permanent(err) != tt.permanent) {
				t.Errorf("got %v, want %q, permanent %t", err, tt.wrong, tt.permanent)
			}
		})
	}
}

func send(t *testing.T, answer recorded) error {
	return replayed(t, answer).Apply(t.Context(), block("i1-0", "203.0.113.9"))
}

func replayed(t *testing.T, answer recorded) *wazuh.Wazuh {
	return replay(t, map[string]recorded{"PUT /active-response": answer})
}

func TestRecordedInventory(t *testing.T) {
	w := replay(t, map[string]recorded{"GET /agents": sample(t, "agents-01-list"), "GET /syscollector/001/ports": sample(t, "sysc-05-ports")})
	answer, err := w.Ask(t.Context(), activities.Inquiry{Assets: []soar.Asset{{Name: "web-01"}, {Name: "wazuh-manager-2", Address: "127.0.0.1"}}})
	if err != nil || len(answer.Readings) != 2 {
		t.Fatalf("%+v, %v", answer, err)
	}
	if got := answer.Readings[0].Detail; got != "agent 001 web-01 (10.77.0.2) is active, Debian GNU/Linux 12; listens nowhere that we know of" {
		t.Errorf("web-01: %q (its one socket is a connection)", got)
	}
	if got := answer.Readings[1].Detail; got != "no agent of that name or address" {
		t.Errorf("the manager's own 127.0.0.1 was taken for a host: %q", got)
	}
}

func TestRecordedNeverConnected(t *testing.T) {
	w := replay(t, map[string]recorded{"GET /agents": sample(t, "agents-12-never"), "GET /syscollector/002/ports": sample(t, "sysc-10-never-connected")})
	answer, err := w.Ask(t.Context(), activities.Inquiry{Assets: []soar.Asset{{Name: "db-02"}}})
	if err != nil || !strings.Contains(answer.Readings[0].Detail, "never_connected") {
		t.Errorf("%+v, %v", answer, err)
	}
}

// A real indexer's answer, with the fields that Wazuh's scanner writes.
func TestRecordedVulnerabilities(t *testing.T) {
	var answer struct {
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(shared.Read(t, "samples/wazuh/vulnerability/v4-8_many_findings.json"), &answer); err != nil {
		t.Fatal(err)
	}
	w := open(t)
	for i, hit := range answer.Hits.Hits {
		write(t, http.MethodPut, fmt.Sprintf("%s/wazuh-states-vulnerabilities-lab/_doc/%d?refresh=true", w.indexer.URL, i), hit.Source)
	}
	found, err := w.FindVulnerabilities(t.Context(), activities.ExposureRequest{Assets: []soar.Asset{{Name: "web-01"}}})
	if err != nil || len(found.Vulnerabilities) == 0 || found.Vulnerabilities[0].CVE == "" || found.Vulnerabilities[0].Score < 5 {
		t.Errorf("%+v, %v", found, err)
	}
}

// The alert that the stand-in writes for our program has the form that a real manager gave one: the same fields around
// it, and nothing but texts in what was decoded.
func TestAlertHasTheRecordedForm(t *testing.T) {
	var recorded, ours map[string]any
	first, _, _ := strings.Cut(string(shared.Read(t, "samples/wazuh/api-4.14/agent-alerts-active-response.ndjson")), "\n")
	if err := json.Unmarshal([]byte(first), &recorded); err != nil {
		t.Fatal(err)
	}
	manager := wazuhtest.NewServer(t, func(alert json.RawMessage) {
		if err := json.Unmarshal(alert, &ours); err != nil {
			t.Error(err)
		}
	})
	manager.AddAgent("001", "web-01", "10.77.0.2")
	if err := connect(t, manager, opensearchtest.NewServer(t).URL).Apply(t.Context(), block("i1-0", "203.0.113.9")); err != nil {
		t.Fatal(err)
	}
	for name, value := range recorded {
		if got := fmt.Sprintf("%T", ours[name]); got != fmt.Sprintf("%T", value) {
			t.Errorf("%s is %s, at a real manager %T", name, got, value)
		}
	}
	decoded, _ := ours["data"].(map[string]any)["sallyport"].(map[string]any)
	for name, value := range decoded {
		if _, text := value.(string); !text {
			t.Errorf("data.sallyport.%s is %T", name, value)
		}
	}
	if decoded["verb"] != "block" || decoded["in_force"] != "true" || decoded["action"] != "i1-0" {
		t.Errorf("decoded %v", decoded)
	}
}
