package wazuh_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/activities/wazuh"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
	"github.com/sallyport-soar/sallyport/internal/config"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

func details(answer soar.Answer) (lines []string) {
	for _, r := range answer.Readings {
		lines = append(lines, r.About.String()+": "+r.Detail)
	}
	return lines
}

func TestAskSaysWhatTheInventoryKnows(t *testing.T) {
	w := open(t)
	w.agent.Listen("0.0.0.0", 22, "sshd")
	w.agent.Listen("127.0.0.1", 5432, "postgres")
	w.agent.Listen("::", 443, "nginx")
	w.manager.AddAgent("002", "nat-a", "10.77.0.9")
	w.manager.AddAgent("003", "nat-b", "10.77.0.9")
	w.manager.AddAgent("004", "db-02", "10.77.0.4").SetStatus("never_connected")
	answer, err := w.Ask(t.Context(), activities.Inquiry{
		Source:      wazuh.System,
		Assets:      []soar.Asset{{Name: "WEB-01"}, {Name: "printer"}, {Name: "x", Address: "10.77.0.9"}, {Name: "db-02", AgentID: "004"}},
		Observables: []soar.Observable{{Type: "ip", Value: "10.77.0.2"}, {Type: "ip", Value: "203.0.113.9"}, {Type: "host", Value: "db-02"}, {Type: "hash", Value: "web-01"}},
	})
	if err != nil || !answer.Answered || answer.Source != wazuh.System {
		t.Fatalf("%+v, %v", answer, err)
	}
	want := []string{
		"host WEB-01: agent 001 web-01 (10.77.0.2) is active, Debian GNU/Linux 12; listens on tcp 22 sshd, 443 nginx (as of 2026-11-23T05:31:19+00:00)",
		"host printer: no agent of that name or address",
		"host x: 2 agents have that name or address: nobody can tell which",
		"host db-02: agent 004 db-02 (10.77.0.4) is never_connected; listens nowhere that we know of",
		"ip 10.77.0.2: is one of ours: agent 001 web-01 (10.77.0.2) is active, Debian GNU/Linux 12",
		"host db-02: is one of ours: agent 004 db-02 (10.77.0.4) is never_connected",
	}
	if got := details(answer); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, r := range answer.Readings {
		if r.Opinion != soar.Unknown {
			t.Errorf("%s: the inventory judged: %s", r.About, r.Opinion)
		}
	}
}

// More agents than one page holds are all looked through.
func TestAskReadsEveryPage(t *testing.T) {
	w := open(t)
	for i := range 700 {
		w.manager.AddAgent(fmt.Sprintf("%d", 1000+i), fmt.Sprintf("host-%d", i), "10.78.0.1")
	}
	answer, err := w.Ask(t.Context(), activities.Inquiry{Assets: []soar.Asset{{Name: "host-699"}}})
	if err != nil || !strings.Contains(answer.Readings[0].Detail, "agent 1699 ") {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestAskIsAnErrorWhenNobodyAnswers(t *testing.T) {
	w := open(t)
	w.manager.Faults.Fail(http.StatusBadGateway, 1, http.MethodGet)
	if answer, err := w.Ask(t.Context(), activities.Inquiry{Assets: []soar.Asset{{Name: "web-01"}}}); err == nil || answer.Answered {
		t.Errorf("%+v, %v", answer, err)
	}
}

func (w world) add(t *testing.T, agent, cve, severity string, score float64, name string) {
	id := fmt.Sprintf("%s_%s_%s", agent, cve, name)
	write(t, http.MethodPut, w.indexer.URL+"/wazuh-states-vulnerabilities-lab/_doc/"+id+"?refresh=true",
		wazuhtest.Vulnerability(agent, "web-01", cve, severity, score, name, "1.0"))
}

func TestFindVulnerabilities(t *testing.T) {
	w := open(t)
	w.agent.Listen("0.0.0.0", 443, "nginx")
	w.manager.AddAgent("002", "db-02", "10.77.0.3").Listen("127.0.0.1", 5432, "postgres")
	w.add(t, "001", "CVE-2026-0002", "High", 7.5, "openssl")
	w.add(t, "001", "CVE-2026-0001", "Critical", 9.8, "nginx")
	w.add(t, "001", "CVE-2026-0001", "Critical", 9.8, "nginx-core")
	w.add(t, "001", "CVE-2026-0003", "-", 0, "zlib")
	w.add(t, "002", "CVE-2026-0009", "Critical", 9.9, "postgresql")
	found, err := w.FindVulnerabilities(t.Context(), activities.ExposureRequest{Assets: []soar.Asset{{Name: "web-01"}, {Name: "gone"}}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range found.Vulnerabilities {
		got = append(got, fmt.Sprintf("%s %s %.1f %s on %s %s", v.CVE, v.Severity, v.Score, v.Package, v.Asset.Name, v.Asset.AgentID))
	}
	want := []string{"CVE-2026-0001 Critical 9.8 nginx on web-01 001", "CVE-2026-0002 High 7.5 openssl on web-01 001", "CVE-2026-0003  0.0 zlib on web-01 001"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !slices.Equal(found.Exposed, []string{"web-01"}) || !strings.Contains(found.Note, "web-01 listens on tcp 443 nginx") || !strings.Contains(found.Note, "gone: 0 agents fit") {
		t.Errorf("exposed %v, note %q", found.Exposed, found.Note)
	}
	found, err = w.FindVulnerabilities(t.Context(), activities.ExposureRequest{Assets: []soar.Asset{{Name: "db-02", AgentID: "002"}}, CVEs: []string{"cve-2026-0009", "CVE-2026-0001"}})
	if err != nil || len(found.Vulnerabilities) != 1 || found.Vulnerabilities[0].CVE != "CVE-2026-0009" || len(found.Exposed) != 0 {
		t.Errorf("of those CVEs: %+v, %v", found, err)
	}
}

// A host with hundreds of open CVEs gives the worst, fits into a history, and says that there are more.
func TestManyVulnerabilities(t *testing.T) {
	w := open(t)
	var bulk strings.Builder
	for i := range 260 {
		for _, name := range []string{"linux-image-6.1", "linux-headers-6.1"} {
			document := wazuhtest.Vulnerability("001", "web-01", fmt.Sprintf("CVE-2026-%04d", i), "High", float64(i%100)/10, name, "6.1.0")
			fmt.Fprintf(&bulk, `{"index":{"_index":"wazuh-states-vulnerabilities-lab"}}`+"\n%s\n", document)
		}
	}
	write(t, http.MethodPost, w.indexer.URL+"/_bulk?refresh=true", []byte(bulk.String()))
	found, err := w.FindVulnerabilities(t.Context(), activities.ExposureRequest{Assets: []soar.Asset{{Name: "web-01"}}})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(found)
	if len(text) > activities.MaxPayloadBytes || len(found.Vulnerabilities) != 80 || !strings.Contains(found.Note, "the worst 80 of at least") {
		t.Errorf("%d bytes, %d vulnerabilities, note %q", len(text), len(found.Vulnerabilities), found.Note)
	}
	seen := map[string]bool{}
	for _, v := range found.Vulnerabilities {
		if seen[v.CVE] || v.Score < 6 {
			t.Errorf("%s twice, or not among the worst: %.1f", v.CVE, v.Score)
		}
		seen[v.CVE] = true
	}
}

func TestCheckNamesTheMend(t *testing.T) {
	tests := map[string]struct {
		breakIt func(world)
		want    string
	}{
		"Wazuh 5":         {func(w world) { w.manager.SetVersion("5.0.0") }, "Sallyport speaks to Wazuh 4.x"},
		"may not see":     {func(w world) { w.manager.Deny("agent:read") }, "lacks agent:read"},
		"may not block":   {func(w world) { w.manager.Deny("active-response:command") }, "lacks active-response:command"},
		"indexer refuses": {func(w world) { w.indexer.Close() }, "indexer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			tt.breakIt(w)
			_, err := w.Check(t.Context())
			_, indexer := w.CheckIndexer(t.Context())
			if err = errors.Join(err, indexer); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if line, err := open(t).Check(t.Context()); err != nil || !strings.Contains(line, "Wazuh 4.14.7, 1 active agents; whether sallyport-response is on an agent shows at the first block") {
		t.Errorf("%q, %v", line, err)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	faults := wazuh.Config{URL: "wazuh:55000", ResponseProgram: "../../bin/sh", ResultWithin: -1, Indexer: wazuh.Indexer{User: "u", Alerts: "/etc"}}.Validate()
	for _, field := range []string{"url", "user", "password", "indexer.url", "indexer.user", "indexer.alerts", "response_program", "result_within"} {
		if !slices.ContainsFunc(faults, func(f config.Fault) bool { return f.Field == field }) {
			t.Errorf("no fault for %s in %v", field, faults)
		}
	}
}
