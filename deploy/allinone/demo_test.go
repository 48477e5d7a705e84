package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/activities/opensearch/opensearchtest"
	"github.com/sallyport-soar/sallyport/internal/lab"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// played runs the demo and reads its report.
func played(t *testing.T, args ...string) (demoReport, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.json")
	began := time.Now()
	output, code := run(t, 5*time.Minute, append([]string{"demo", "--yes", "--report", file}, args...)...)
	t.Logf("demo took %s", time.Since(began).Round(100*time.Millisecond))
	if code != 0 {
		t.Fatalf("exit %d:\n%s", code, output)
	}
	var r demoReport
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, output
}

// blocks are the targets that were blocked and released, by system.
func blocks(t *testing.T, r demoReport) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, a := range r.Actions {
		if a.Kind != soar.BlockAddress {
			continue
		}
		if a.State != string(soar.Released) || a.AppliedAt == nil || a.ConfirmedAt == nil || a.ReleasedAt == nil {
			t.Errorf("block %+v; want it applied, confirmed and released", a)
		}
		found[a.System] = a.Target
	}
	return found
}

func TestDemo(t *testing.T) {
	r, output := played(t)
	if r.Incident.Status != "closed" || r.Incident.Key != "incident/host/shop-01" || r.Incident.Severity < 3 {
		t.Errorf("incident %+v", r.Incident)
	}
	if got := blocks(t, r); got["pfsense"] != "203.0.113.66" || got["wazuh"] != "203.0.113.66" {
		t.Errorf("blocked %v; want the attacker on both", got)
	}
	for _, a := range r.Actions {
		want := map[string]soar.Mode{"pfsense": soar.Auto, "wazuh": soar.Ask, "ansible": soar.Ask}[a.System]
		if a.Mode != want {
			t.Errorf("%s on %s is %s, want %s", a.Kind, a.System, a.Mode, want)
		}
		if a.AppliedAt == nil || a.ConfirmedAt == nil || (want == soar.Ask) != (len(a.DecidedBy) > 0) {
			t.Errorf("%+v; want it applied and confirmed, and who decided", a)
		}
	}
	if r.Case.ID == "" || r.Case.System != "thehive" || r.Verdict.Score < 60 || len(r.Verdict.Reasons) == 0 || r.Verdict.Confidence != 1 {
		t.Errorf("case %+v, verdict %+v", r.Case, r.Verdict)
	}
	if len(r.Remediation) != 1 || !r.Remediation[0].Proved || r.Remediation[0].Status != "done" {
		t.Errorf("remediation %+v; want one that a rescan proved", r.Remediation)
	}
	if len(r.Exposure.Vulnerabilities) == 0 || len(r.Timeline) < 8 {
		t.Errorf("exposure %+v, %d lines of timeline", r.Exposure, len(r.Timeline))
	}
	if !slices.IsSortedFunc(r.Timeline, func(a, b activities.TimelineEntry) int { return a.At.Compare(b.At) }) {
		t.Error("the timeline is out of order")
	}
	if !strings.Contains(output, "/namespaces/default/workflows/") {
		t.Errorf("no link to the UI in:\n%s", output)
	}
}

// Another office, another attacker: the same way, other targets.
func TestDemoWithOtherEvents(t *testing.T) {
	events := write(t, strings.NewReplacer("203.0.113.66", "198.51.100.23", "shop-01", "mail-02", `"004"`, `"017"`, "10.20.0.14", "10.20.0.40").Replace(recorded()))
	r, _ := played(t, "--events", events)
	if r.Incident.Key != "incident/host/mail-02" {
		t.Errorf("incident %+v", r.Incident)
	}
	if got := blocks(t, r); got["pfsense"] != "198.51.100.23" || got["wazuh"] != "198.51.100.23" {
		t.Errorf("blocked %v", got)
	}
}

// An attacker inside the house is never blocked at the perimeter.
func TestDemoWithAnInternalAttacker(t *testing.T) {
	r, _ := played(t, "--events", write(t, strings.ReplaceAll(recorded(), "203.0.113.66", "10.98.0.19")))
	if got := blocks(t, r); got["pfsense"] != "" || got["wazuh"] != "10.98.0.19" {
		t.Errorf("blocked %v; want the address on the agent alone", got)
	}
}

// An address that the office protects is not blocked, however it looks: with --yes nobody overrides that.
func TestDemoWithAProtectedAttacker(t *testing.T) {
	r, output := played(t, "--events", write(t, strings.ReplaceAll(recorded(), "203.0.113.66", "198.51.100.250")))
	for _, a := range r.Actions {
		if a.Kind == soar.BlockAddress && (a.Outcome != soar.Denied || a.AppliedAt != nil) {
			t.Errorf("%+v; want it denied", a)
		}
	}
	if n := strings.Count(output, "denies it"); n != 2 {
		t.Errorf("told %d times, want once for each block:\n%s", n, output)
	}
}

func TestDemoWhereNothingMatches(t *testing.T) {
	quiet := `{"timestamp":"2026-11-02T06:41:07.000+0000","rule":{"level":3,"description":"PAM: Login session opened.","id":"5501","groups":["pam"]},"agent":{"id":"004","name":"shop-01","ip":"10.20.0.14"},"id":"1.1"}` + "\n" + "not JSON\n"
	output, code := run(t, 5*time.Minute, "demo", "--yes", "--events", write(t, quiet))
	if code != 3 || !strings.Contains(output, "none opened an incident") {
		t.Errorf("exit %d:\n%s", code, output)
	}
}

func TestDemoSaysWhatIsWrong(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no such file":    {[]string{"demo", "--events", "nowhere.ndjson"}, 2, "nowhere.ndjson"},
		"an empty file":   {[]string{"demo", "--events", write(t, "\n")}, 2, "holds none"},
		"nobody answers":  {[]string{"demo", "--opensearch", "http://127.0.0.1:1"}, 1, "127.0.0.1:1"},
		"an unknown flag": {[]string{"demo", "--yess"}, 2, "unknown flag"},
	} {
		t.Run(name, func(t *testing.T) {
			if output, code := run(t, 2*time.Minute, tt.args...); code != tt.code || !strings.Contains(output, tt.want) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, tt.code, tt.want, output)
			}
		})
	}
}

// recorded is the recorded attack as a file.
func recorded() string { return string(bytes.Join(lab.RecordedAttack(), []byte("\n"))) + "\n" }

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A cluster that keeps somebody's Sallyport is refused, and left as it was.
func TestDemoTouchesNoSallyportThatIsThere(t *testing.T) {
	cluster := opensearchtest.NewCluster()
	server := httptest.NewServer(cluster)
	t.Cleanup(server.Close)
	state, err := opensearch.Open(t.Context(), opensearch.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	kept := opensearch.NewDocument{Index: "sallyport-incidents", ID: "i-1", Doc: json.RawMessage(`{"id":"i-1"}`)}
	if _, err := state.CreateAll(t.Context(), []opensearch.NewDocument{kept}); err != nil {
		t.Fatal(err)
	}
	output, code := run(t, 2*time.Minute, "demo", "--yes", "--opensearch", server.URL)
	if code != 1 || !strings.Contains(output, "give an empty one") {
		t.Errorf("exit %d:\n%s", code, output)
	}
	if _, found, err := state.Get(t.Context(), kept.Index, kept.ID); err != nil || !found {
		t.Errorf("the document is there: %v, %v", found, err)
	}
}
