package lab

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport-soar/sallyport/activities/cortex/cortextest"
	"github.com/sallyport-soar/sallyport/activities/gvm/gvmtest"
	"github.com/sallyport-soar/sallyport/activities/misp/misptest"
	"github.com/sallyport-soar/sallyport/activities/pfsense/pfsensetest"
	"github.com/sallyport-soar/sallyport/activities/slack/slacktest"
	"github.com/sallyport-soar/sallyport/activities/thehive/thehivetest"
	"github.com/sallyport-soar/sallyport/activities/wazuh/wazuhtest"
)

// overlay is the lab's own content: plans with short times.
//
//go:embed content
var overlay embed.FS

// The recorded attacker and what it downloads, as threat intelligence knows them.
const (
	attacker = "203.0.113.66"
	malware  = "0c1f2e3d4b5a69788796a5b4c3d2e1f0"
)

// startSystems serves every stand-in and writes the config that names them.
func (l *Lab) startSystems(ctx context.Context) error {
	l.Firewall, l.Hive, l.MISP, l.Cortex, l.Slack = pfsensetest.New(), thehivetest.New(), misptest.New(), cortextest.New(), slacktest.New()
	l.MISP.Add(misptest.Indicator{Type: "ip-src", Value: attacker, Info: "ssh brute force from a rented server"})
	l.MISP.Add(misptest.Indicator{Type: "md5", Value: malware, Info: "miner"})
	l.Cortex.SetAbuse(attacker, 100, false)
	l.Cortex.SetEngines(malware, 47, 20, 71)
	l.enrol()

	urls := map[string]string{"search": l.gateURL, "gvm": l.Scanner.Address, "gvm_pin": l.Scanner.SHA256}
	var err error
	for name, handler := range map[string]http.Handler{"pfsense": l.Firewall, "thehive": l.Hive, "misp": l.MISP, "cortex": l.Cortex, "wazuh": l.Wazuh, "slack": l.chat.Wrap(l.Slack)} {
		if urls[name], err = l.serve(ctx, handler); err != nil {
			return err
		}
	}
	if urls["ansible"], err = l.linkProgram(); err != nil {
		return err
	}
	return l.writeFiles(urls)
}

func (l *Lab) writeFiles(urls map[string]string) error {
	files := map[string]string{
		"pfsense.secret": pfsensetest.Key, "thehive.secret": thehivetest.Key, "misp.secret": misptest.Key, "cortex.secret": cortextest.Key,
		"gvm.secret": gvmtest.Password, "wazuh.secret": wazuhtest.Password, "slack_bot.secret": slacktest.BotToken, "slack_app.secret": slacktest.AppToken,
		"inventory.ini": l.inventory(), "patch.yml": "- hosts: all\n  tasks:\n    - name: upgrade " + weakPackage + "\n      package: {name: " + weakPackage + ", state: latest}\n",
		"sallyport.yaml": l.configText(urls),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(l.options.Dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("lab: %w", err)
		}
	}
	own, err := fs.Sub(overlay, "content")
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(l.options.Dir, "content"), own); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

func (l *Lab) inventory() string {
	var text strings.Builder
	for _, agent := range agentsOf(l.options.Events) {
		fmt.Fprintf(&text, "%s ansible_host=%s\n", agent.Name, agent.IP)
	}
	return text.String()
}

func (l *Lab) configText(urls map[string]string) string {
	dir := l.options.Dir
	secret := func(name string) string { return "file:" + filepath.Join(dir, name+".secret") }
	public := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(dir, name+".key.pub")) // written a moment ago
		return string(text)
	}
	return fmt.Sprintf(`# The lab: a small office of stand-ins on loopback.
listen: 127.0.0.1:0
temporal: {data_dir: %[1]s/temporal, ui_address: "127.0.0.1:0"}
opensearch: {url: "%[2]s"}
content: [%[1]s/content]
streams:
  - {name: wazuh, index: "wazuh-alerts-4.x-%[3]s-*", mapping: wazuh4, from: beginning, poll: 250ms, lag: 0}
systems:
  wazuh:
    url: "%[4]s"
    user: %[5]s
    password: %[6]s
    indexer: {url: "%[2]s"}
    result_within: 10s
  misp: {url: "%[7]s", key: "%[8]s", trusted: ["*"]}
  cortex: {url: "%[9]s", key: "%[10]s", analyzers: [%[11]s, %[12]s]}
  thehive: {url: "%[13]s", key: "%[14]s"}
  pfsense: {url: "%[15]s", key: "%[16]s"}
  gvm: {address: "%[17]s", user: %[18]s, password: "%[19]s", tls: {sha256: "%[20]s"}, poll: 200ms}
  ansible:
    program: %[21]s
    inventory: %[1]s/inventory.ini
    run_dir: %[1]s/runs
    playbooks: {patch: %[1]s/patch.yml}
    environment: {SALLYPORT_ANSIBLETEST_HOSTS: %[22]s}
%[27]speople:
  - {name: ana, key: "%[23]s", slack: %[28]s, groups: [responders]}
  - {name: ben, key: "%[24]s", slack: %[29]s, groups: [responders]}
protected: {networks: [198.51.100.250]} # a partner of the office
times: {quiet: %[25]s, approval_window: %[26]s, settle: 1m, confirm_within: 20s, reconcile: 10s, sweep: 5s, scan_timeout: 1m, source_timeout: 10s}
`, dir, urls["search"], l.suffix, urls["wazuh"], wazuhtest.User, secret("wazuh"), urls["misp"], secret("misp"), urls["cortex"], secret("cortex"),
		cortextest.VirusTotal, cortextest.AbuseIPDB, urls["thehive"], secret("thehive"), urls["pfsense"], secret("pfsense"),
		urls["gvm"], gvmtest.User, secret("gvm"), urls["gvm_pin"], urls["ansible"], l.hosts, public("ana"), public("ben"),
		l.options.Pace.Quiet, l.options.Pace.ApprovalWindow, l.slackText(urls["slack"]), SlackFirst, SlackSecond)
}

// Slack's ids of the lab's two people.
const (
	SlackFirst  = "U0ANA"
	SlackSecond = "U0BEN"
)

// slackText is the system slack, where the lab's people are asked there.
func (l *Lab) slackText(url string) string {
	if !l.options.Slack {
		return ""
	}
	return fmt.Sprintf("  slack: {bot_token: \"file:%[1]s/slack_bot.secret\", app_token: \"file:%[1]s/slack_app.secret\", channel: %[2]s, api_url: \"%[3]s/\"}\n",
		l.options.Dir, slacktest.Channel, url)
}
