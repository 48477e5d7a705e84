package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

const suricataSettings = "/etc/suricata/suricata.yaml"

// observe lets a real Suricata read a capture, and returns what it wrote. deploy/lab/suricata.sh installs it.
func observe(t *testing.T, pcap, signatures string) (events [][]byte) {
	t.Helper()
	program := os.Getenv("SALLYPORT_SURICATA")
	if found, err := exec.LookPath("suricata"); program == "" && err == nil {
		program = found
	}
	if program == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no Suricata: start deploy/lab/suricata.sh and set what it prints")
		}
		t.Skip("no Suricata: start deploy/lab/suricata.sh and set what it prints")
	}
	folder := t.TempDir()
	rules := filepath.Join(folder, "local.rules")
	if err := os.WriteFile(rules, []byte(signatures), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), program, "-c", suricataSettings, "-S", rules, "-r", pcap, "-l", folder, "-k", "none",
		"--set", "unix-command.enabled=no").CombinedOutput()
	if err != nil {
		t.Fatalf("suricata: %v\n%s", err, said)
	}
	text, err := os.ReadFile(filepath.Join(folder, "eve.json"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		events = append(events, bytes.TrimSpace(line))
	}
	return events
}

// theAttack is a shell on a web server that is asked for, a name that is looked up, and a port that answers.
func theAttack(t *testing.T) string {
	t.Helper()
	c := newCapture()
	attacker, shop, resolver := [4]byte{203, 0, 113, 66}, [4]byte{10, 20, 0, 14}, [4]byte{10, 20, 0, 1}
	c.talk(host{attacker, 40001}, host{shop, 80},
		"GET /shell.php?cmd=id HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: sqlmap/1.7\r\nReferer: http://evil.example/\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nroot")
	c.udp(host{shop, 40002}, host{resolver, 53}, question("c2", "evil", "example"))
	c.talk(host{shop, 40003}, host{attacker, 4444}, "hello\n", "hello\n")
	return c.write(t)
}

func TestWhatARealSuricataWroteIsSeenByRulesOfTheTaxonomy(t *testing.T) {
	events := observe(t, theAttack(t), `alert http any any -> any any (msg:"web shell"; http.uri; content:"cmd="; metadata:mitre_technique_id T1505; sid:1; rev:1;)`+"\n")
	cases := map[string]struct{ source, detection, record string }{
		"web server": {"category: webserver", "cs-method: GET\n    cs-uri-query|contains: cmd=\n    cs-host: shop.example\n    cs-referer|contains: evil\n    sc-status: 200\n    c-ip: 203.0.113.66", "http"},
		"proxy":      {"category: proxy", "c-useragent|startswith: sqlmap\n    c-uri|contains: /shell\n    dst_ip|cidr: 10.0.0.0/8", "http"},
		"dns":        {"category: dns", "query|endswith: .evil.example\n    record_type: TXT", "dns"},
		"firewall":   {"category: firewall", "dst_ip: 203.0.113.66\n    dst_port: 4444", "flow"},
		"alert":      {"product: suricata, service: alert", "alert.signature: web shell", "alert"},
	}
	files := fstest.MapFS{"native.yaml": {Data: []byte("id: native\ntitle: Web shell\nlevel: high\nmapping: suricata\n" +
		"condition: event_type == \"alert\" and alert_severity <= 3 and dest_port == 80\n" +
		"events:\n  - {name: a, match: true, event: {event_type: alert, alert: {severity: 3}, dest_port: 80}}\n  - {name: b, match: false, event: {event_type: dns}}\n")}}
	for name, c := range cases {
		text := fmt.Sprintf("title: %s\nid: %s\nlogsource: {%s}\ndetection:\n  s:\n    %s\n  condition: s\n", name, name, c.source, c.detection)
		files[name+".yml"] = &fstest.MapFile{Data: []byte(text)}
	}
	library, report := Load(files)
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	for _, mapping := range []string{Auto, "suricata"} {
		matcher, err := library.For(mapping)
		if err != nil {
			t.Fatal(err)
		}
		oracle := &plain{library: library, mapping: library.mappings[mapping]}
		got := map[string][]string{}
		for _, event := range events {
			if difference := agree(matcher, oracle, event); difference != "" {
				t.Errorf("%s\n%s", difference, event)
			}
			var record struct {
				Type string `json:"event_type"`
			}
			if err := json.Unmarshal(event, &record); err != nil {
				t.Fatal(err)
			}
			ids, _ := fast(matcher, event)
			for _, id := range ids {
				got[id] = append(got[id], record.Type)
			}
		}
		for name, c := range cases {
			if !slices.Equal(got[name], []string{c.record}) {
				t.Errorf("mapping %s: %s matched %v, want one %s\n%s", mapping, name, got[name], c.record, bytes.Join(events, []byte("\n")))
			}
		}
		if !slices.Equal(got["native"], []string{"alert"}) {
			t.Errorf("mapping %s: the native rule matched %v", mapping, got["native"])
		}
	}
}

func TestADetectionOfSuricataSaysWhoAndWhen(t *testing.T) {
	events := observe(t, theAttack(t), `alert http any any -> any any (msg:"web shell"; http.uri; content:"cmd="; metadata:mitre_technique_id T1505; sid:1; rev:1;)`+"\n")
	library, _ := Load(fstest.MapFS{"a.yml": {Data: []byte("title: A\nlogsource: {product: suricata, service: alert}\ndetection:\n  s:\n    alert.signature_id: 1\n  condition: s\n")}})
	matcher, err := library.For("suricata")
	if err != nil {
		t.Fatal(err)
	}
	var found []Match
	for _, event := range events {
		matches, err := matcher.Match(event)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, matches...)
	}
	if len(found) != 1 {
		t.Fatalf("%d detections, want one", len(found))
	}
	m := found[0]
	if m.Entity != (soar.Entity{Family: "host", Name: "203.0.113.66"}) || m.EventTime.Year() != 2026 || !strings.Contains(m.Summary, "web shell") {
		t.Errorf("%+v", m)
	}
	for _, want := range []soar.Observable{{Type: "ip", Value: "10.20.0.14"}, {Type: "domain", Value: "shop.example"}} {
		if !slices.Contains(m.Observables, want) {
			t.Errorf("%v lacks %v", m.Observables, want)
		}
	}
	if !slices.Equal(m.Techniques, []string{"T1505"}) {
		t.Errorf("techniques %v", m.Techniques)
	}
}
