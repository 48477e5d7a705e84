package rules

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-soar/sallyport/rules/content"
)

// seen is a rule in the taxonomy's words with an event that it must match, and one that it must not.
type seen struct{ mapping, source, detection, event, near string }

// rule is the case as a Sigma file; the id tells cases apart.
func (s seen) rule(n int) string {
	return fmt.Sprintf("title: case %d\nid: case-%d\nlogsource: {%s}\ndetection:\n  s:\n    %s\n  condition: s\n", n, n, s.source, s.detection)
}

// The events follow each vendor's own description of its format: Winlogbeat and Filebeat (exported fields), Wazuh
// (alerts of the event channel, decoders), Zeek (log formats), Suricata (EVE JSON), auditd (record types), Vector,
// rsyslog, Fluent Bit, syslog-ng and journald (fields of a message).
var everyShape = map[string]seen{
	"Sysmon, flat": {
		"windows", "product: windows, category: process_creation", `Image|endswith: '\whoami.exe'`,
		`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\Windows\\System32\\whoami.exe"}`,
		`{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":3,"Image":"C:\\Windows\\System32\\whoami.exe"}`,
	},
	"Windows event log, nested": {
		"windows", "product: windows, service: security", "EventID: 4625\n    TargetUserName: admin\n    Computer: dc-1",
		`{"Event":{"System":{"Channel":"Security","EventID":{"#text":4625},"Computer":"dc-1"},"EventData":{"TargetUserName":"Admin"}}}`,
		`{"Event":{"System":{"Channel":"System","EventID":4625,"Computer":"dc-1"},"EventData":{"TargetUserName":"Admin"}}}`,
	},
	"Sysmon for Linux": {
		"windows", "product: linux, category: process_creation", "Image|endswith: /nc\n    CommandLine|contains: ' -e '",
		`{"Channel":"Linux-Sysmon/Operational","EventID":1,"Image":"/usr/bin/nc","CommandLine":"nc -e /bin/sh"}`,
		`{"Channel":"Linux-Sysmon/Operational","EventID":11,"Image":"/usr/bin/nc","CommandLine":"nc -e /bin/sh"}`,
	},
	"Winlogbeat, what the schema names": {
		"ecs", "product: windows, category: process_creation", `Image|endswith: '\cmd.exe'` + "\n    ParentImage|endswith: '\\w3wp.exe'",
		`{"ecs":{"version":"8.0"},"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":"1"},"process":{"executable":"C:\\x\\cmd.exe","parent":{"executable":"C:\\y\\w3wp.exe"}}}`,
		`{"ecs":{"version":"8.0"},"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":"1"},"process":{"executable":"C:\\y\\w3wp.exe","parent":{"executable":"C:\\x\\cmd.exe"}}}`,
	},
	"Elastic endpoint on Linux": {
		"ecs", "product: linux, category: process_creation", "CommandLine|contains: /etc/shadow",
		`{"event":{"kind":"event","category":["process"],"type":["start"]},"host":{"os":{"type":"linux"}},"process":{"command_line":"cat /etc/shadow"}}`,
		`{"event":{"kind":"event","category":["process"],"type":["start"]},"host":{"os":{"type":"windows"}},"process":{"command_line":"cat /etc/shadow"}}`,
	},
	"Filebeat, nginx": {
		"ecs", "category: webserver", "cs-method: GET\n    cs-uri-query|contains: /etc/passwd\n    sc-status: 200",
		`{"event":{"kind":"event","dataset":"nginx.access"},"url":{"original":"/a?f=../../etc/passwd"},"http":{"request":{"method":"GET"},"response":{"status_code":200}}}`,
		`{"event":{"kind":"event","dataset":"nginx.access"},"url":{"original":"/a?f=../../etc/passwd"},"http":{"request":{"method":"GET"},"response":{"status_code":404}}}`,
	},
	"Filebeat, a record of auditd": {
		"ecs", "product: linux, service: auditd", "type: EXECVE\n    a0: nc",
		`{"event":{"kind":"event","dataset":"auditd.log"},"auditd":{"log":{"record_type":"EXECVE","a0":"nc"}}}`,
		`{"event":{"kind":"event","dataset":"auditd.log"},"auditd":{"log":{"record_type":"EXECVE","a1":"nc"}}}`,
	},
	"Filebeat, Zeek": {
		"ecs", "product: zeek, service: dce_rpc", "endpoint: atsvc\n    operation: SchRpcRegisterTask",
		`{"event":{"kind":"event","dataset":"zeek.dce_rpc"},"zeek":{"dce_rpc":{"endpoint":"atsvc","operation":"SchRpcRegisterTask"}}}`,
		`{"event":{"kind":"event","dataset":"zeek.dns"},"zeek":{"dce_rpc":{"endpoint":"atsvc","operation":"SchRpcRegisterTask"}}}`,
	},
	"Wazuh 4, Sysmon": {
		"wazuh4", "product: windows, category: process_creation", `Image|endswith: '\whoami.exe'` + "\n    EventID: 1",
		`{"rule":{"id":"1"},"agent":{"id":"001"},"data":{"win":{"system":{"channel":"Microsoft-Windows-Sysmon/Operational","eventID":"1"},"eventdata":{"image":"C:\\\\Windows\\\\System32\\\\whoami.exe"}}}}`,
		`{"rule":{"id":"1"},"agent":{"id":"001"},"data":{"win":{"system":{"channel":"Microsoft-Windows-Sysmon/Operational","eventID":"1"},"eventdata":{"parentImage":"C:\\\\Windows\\\\System32\\\\whoami.exe"}}}}`,
	},
	"Wazuh 4, which escapes event data twice": {
		"wazuh4", "product: windows, category: process_creation", `Image: 'C:\Windows\System32\cmd.exe'` + "\n    CommandLine|contains: '\"C:\\Temp\\x.exe\" /c \\\\\\srv\\share'\n    CommandLine|re: '^\"C:.Temp'",
		`{"rule":{"id":"1"},"agent":{"id":"001"},"data":{"win":{"system":{"channel":"Microsoft-Windows-Sysmon/Operational","eventID":"1"},"eventdata":{"image":"C:\\\\Windows\\\\System32\\\\cmd.exe","commandLine":"\\\"C:\\\\Temp\\\\x.exe\\\" /c \\\\\\\\srv\\\\share"}}}}`,
		`{"rule":{"id":"1"},"agent":{"id":"001"},"data":{"win":{"system":{"channel":"Microsoft-Windows-Sysmon/Operational","eventID":"1"},"eventdata":{"image":"C:\\\\Windows\\\\cmd.exe","commandLine":"\\\"C:\\\\Temp\\\\x.exe\\\" /c \\\\\\\\srv\\\\share"}}}}`,
	},
	"Wazuh 4, auditd": {
		"wazuh4", "product: linux, service: auditd", "type: EXECVE\n    a0: truncate\n    a1|contains: -s",
		`{"rule":{"id":"80792"},"agent":{"id":"001"},"decoder":{"name":"auditd"},"data":{"audit":{"type":"EXECVE","exe":"/usr/bin/truncate","execve":{"a0":"truncate","a1":"-s"}}}}`,
		`{"rule":{"id":"80792"},"agent":{"id":"001"},"decoder":{"name":"auditd"},"data":{"audit":{"type":"SYSCALL","exe":"/usr/bin/truncate","execve":{"a0":"truncate","a1":"-s"}}}}`,
	},
	"Wazuh 4, sshd by keyword": {
		"wazuh4", "product: linux, service: auth", "'|all': [Accepted, root]",
		`{"rule":{"id":"5715"},"agent":{"id":"001"},"decoder":{"name":"sshd"},"full_log":"sshd[1]: Accepted password for root"}`,
		`{"rule":{"id":"5715"},"agent":{"id":"001"},"decoder":{"name":"clamd"},"full_log":"sshd[1]: Accepted password for root"}`,
	},
	"Wazuh 4, Suricata's DNS": {
		"wazuh4", "category: dns", "query|endswith: .evil.example",
		`{"rule":{"id":"86600"},"agent":{"id":"001"},"decoder":{"name":"json"},"data":{"event_type":"dns","flow_id":"123.000000","dns":{"rrname":"a.evil.example"}}}`,
		`{"rule":{"id":"86600"},"agent":{"id":"001"},"decoder":{"name":"json"},"data":{"event_type":"tls","flow_id":"123.000000","dns":{"rrname":"a.evil.example"}}}`,
	},
	"Wazuh 4, web server": {
		"wazuh4", "category: webserver", "cs-method: GET\n    sc-status: 200\n    cs-uri-query|contains: union",
		`{"rule":{"id":"31106"},"agent":{"id":"001"},"decoder":{"name":"web-accesslog"},"data":{"protocol":"GET","srcip":"203.0.113.5","id":"200","url":"/?id=1+union+select"}}`,
		`{"rule":{"id":"31106"},"agent":{"id":"001"},"decoder":{"name":"web-accesslog"},"data":{"protocol":"GET","srcip":"203.0.113.5","id":"404","url":"/?id=1+union+select"}}`,
	},
	"Wazuh 5, Windows": {
		"wazuh5", "product: windows, service: security", "EventID: 4740\n    TargetUserName: auditor",
		`{"@timestamp":"2026-07-06T12:45:07Z","event":{"code":"4740","kind":"event","provider":"Security"},"user":{"name":"DC01$","target":{"name":"Auditor"}},"wazuh":{"agent":{"id":"003"}}}`,
		`{"@timestamp":"2026-07-06T12:45:07Z","event":{"code":"4741","kind":"event","provider":"Security"},"user":{"name":"DC01$","target":{"name":"Auditor"}},"wazuh":{"agent":{"id":"003"}}}`,
	},
	"Wazuh 5, Sysmon for Linux": {
		"wazuh5", "product: linux, category: process_creation", "Image: /usr/bin/run-parts\n    ParentImage|endswith: /dash",
		`{"event":{"code":"1","kind":"event","dataset":"sysmon"},"process":{"executable":"/usr/bin/run-parts","parent":{"executable":"/usr/bin/dash"}},"wazuh":{"agent":{"id":"003"}}}`,
		`{"event":{"code":"11","kind":"event","dataset":"sysmon"},"process":{"executable":"/usr/bin/run-parts","parent":{"executable":"/usr/bin/dash"}},"wazuh":{"agent":{"id":"003"}}}`,
	},
	"Wazuh 5, sshd by keyword": {
		"wazuh5", "product: linux, service: sshd", "'|all': [Accepted publickey, user01]",
		`{"event":{"kind":"event","dataset":"system-auth"},"message":"Accepted publickey for user01","process":{"name":"sshd"},"wazuh":{"agent":{"id":"002"}}}`,
		`{"event":{"kind":"event","dataset":"system-auth"},"message":"Accepted publickey for user01","process":{"name":"login"},"wazuh":{"agent":{"id":"002"}}}`,
	},
	"Zeek, DNS with its path": {
		"zeek", "product: zeek, service: dns", "query|contains: .onion\n    id.orig_h|cidr: 10.0.0.0/8",
		`{"_path":"dns","ts":1711300000.1,"uid":"C1","id.orig_h":"10.47.1.100","id.resp_h":"10.0.0.100","query":"x.onion"}`,
		`{"_path":"dns","ts":1711300000.1,"uid":"C1","id.orig_h":"192.0.2.1","id.resp_h":"10.0.0.100","query":"x.onion"}`,
	},
	"Zeek, DNS as the generic category": {
		"zeek", "category: dns", "query|endswith: .evil.example\n    record_type: TXT\n    answer|contains: '='",
		`{"ts":1711300000.1,"uid":"C1","id.orig_h":"10.47.1.100","query":"a.evil.example","qclass":1,"qtype_name":"TXT","answers":["TXT 4 aGk="]}`,
		`{"ts":1711300000.1,"uid":"C1","id.orig_h":"10.47.1.100","query":"a.evil.example","qtype_name":"TXT","answers":["TXT 4 aGk="],"_path":"weird"}`,
	},
	"Zeek, HTTP as a proxy": {
		"zeek", "category: proxy", "c-uri|contains: /beacon\n    c-useragent: evil/1.0\n    cs-host: c2.example",
		`{"ts":1711300000.1,"uid":"C1","id.orig_h":"10.1.1.1","trans_depth":1,"method":"GET","host":"c2.example","uri":"/beacon?x","user_agent":"evil/1.0"}`,
		`{"ts":1711300000.1,"uid":"C1","id.orig_h":"10.1.1.1","trans_depth":1,"method":"GET","host":"other.example","uri":"/beacon?x","user_agent":"evil/1.0"}`,
	},
	"Zeek, connections as a firewall": {
		"zeek", "category: firewall", "dst_ip: 203.0.113.9\n    dst_port: 4444",
		`{"ts":1711300000.1,"uid":"C1","id.orig_h":"10.1.1.1","id.resp_h":"203.0.113.9","id.resp_p":4444,"conn_state":"SF"}`,
		`{"ts":1711300000.1,"uid":"C1","id.orig_h":"10.1.1.1","id.resp_h":"203.0.113.9","id.resp_p":443,"conn_state":"SF"}`,
	},
	"Suricata, HTTP as a web server": {
		"suricata", "category: webserver", "cs-method: GET\n    cs-uri-query|contains: cmd=\n    sc-status: 200",
		`{"timestamp":"2026-11-22T21:23:17.2+0000","flow_id":1,"event_type":"http","src_ip":"10.98.0.19","dest_ip":"10.98.0.11","http":{"hostname":"shop","url":"/shell.php?cmd=id","http_method":"GET","status":200}}`,
		`{"timestamp":"2026-11-22T21:23:17.2+0000","flow_id":1,"event_type":"fileinfo","src_ip":"10.98.0.19","dest_ip":"10.98.0.11","http":{"hostname":"shop","url":"/shell.php?cmd=id","http_method":"GET","status":200}}`,
	},
	"Suricata 8, DNS": {
		"suricata", "category: dns", "query: c2.example.test\n    record_type: A",
		`{"timestamp":"2026-11-22T21:23:17.2+0000","flow_id":1,"event_type":"dns","src_ip":"10.98.0.19","dest_ip":"10.98.0.11","dns":{"version":3,"type":"request","queries":[{"rrname":"c2.example.test","rrtype":"A"}]}}`,
		`{"timestamp":"2026-11-22T21:23:17.2+0000","flow_id":1,"event_type":"dns","src_ip":"10.98.0.19","dest_ip":"10.98.0.11","dns":{"version":3,"type":"request","queries":[{"rrname":"c2.example","rrtype":"A"}]}}`,
	},
	"Suricata, netflow by the schema's name": {
		"suricata", "service: netflow", "destination.port: 4444",
		`{"timestamp":"2026-11-22T21:23:17.2+0000","flow_id":1,"event_type":"netflow","src_ip":"10.98.0.19","dest_ip":"10.98.0.11","dest_port":4444}`,
		`{"timestamp":"2026-11-22T21:23:17.2+0000","flow_id":1,"event_type":"flow","src_ip":"10.98.0.19","dest_ip":"10.98.0.11","dest_port":4444}`,
	},
	"auditd, a record": {
		"auditd", "product: linux, service: auditd", "type: SYSCALL\n    exe|endswith: /insmod\n    SYSCALL: init_module",
		`{"type":"SYSCALL","msg":"audit(1626611363.720:348501):","syscall":"init_module","exe":"/usr/sbin/insmod","key":"modules"}`,
		`{"type":"SYSCALL","msg":"audit(1626611363.720:348501):","syscall":"delete_module","exe":"/usr/sbin/insmod","key":"modules"}`,
	},
	"syslog of Vector": {
		"syslog", "product: linux, service: sshd", "- error in libcrypto",
		`{"appname":"sshd","facility":"auth","hostname":"shop-01","message":"error in libcrypto","severity":"err","timestamp":"2026-11-02T06:41:14Z"}`,
		`{"appname":"cron","facility":"cron","hostname":"shop-01","message":"error in libcrypto","severity":"err","timestamp":"2026-11-02T06:41:14Z"}`,
	},
	"syslog of rsyslog": {
		"syslog", "product: linux, service: cron", "- REPLACE",
		`{"programname":"crond","msg":" (root) REPLACE (root)","hostname":"shop-01","syslogfacility-text":"cron"}`,
		`{"programname":"crond","msg":" (root) LIST (root)","hostname":"shop-01","syslogfacility-text":"cron"}`,
	},
	"the journal": {
		"syslog", "product: linux, service: auth", "- authentication failure",
		`{"SYSLOG_IDENTIFIER":"su","MESSAGE":"pam_unix(su:auth): authentication failure","_HOSTNAME":"shop-01"}`,
		`{"SYSLOG_IDENTIFIER":"kernel","MESSAGE":"pam_unix(su:auth): authentication failure","_HOSTNAME":"shop-01"}`,
	},
}

func TestARuleOfTheTaxonomyMatchesEveryShape(t *testing.T) {
	files, at := fstest.MapFS{}, map[string]int{}
	for name, c := range everyShape {
		at[name] = len(at)
		files[fmt.Sprintf("%d.yml", at[name])] = &fstest.MapFile{Data: []byte(c.rule(at[name]))}
	}
	library, report := Load(files)
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	served := map[string]bool{}
	for name, c := range everyShape {
		served[c.mapping] = true
		for _, mapping := range []string{Auto, c.mapping} {
			matcher, err := library.For(mapping)
			if err != nil {
				t.Fatal(err)
			}
			oracle := &plain{library: library}
			if mapping != Auto {
				oracle.mapping = library.mappings[mapping]
			}
			for event, want := range map[string]bool{c.event: true, c.near: false} {
				ids, err := fast(matcher, []byte(event))
				got := slices.Contains(ids, fmt.Sprintf("case-%d", at[name]))
				if err != nil || got != want {
					t.Errorf("%s, mapping %s: match is %v, want %v (%v)\n%s", name, mapping, got, want, err, event)
				}
				if _, difference := agree(matcher, oracle, []byte(event)); difference != "" {
					t.Errorf("%s, mapping %s: %s\n%s", name, mapping, difference, event)
				}
			}
		}
	}
	for _, shape := range library.shapes {
		if !served[shape.ID] {
			t.Errorf("mapping %s has no case", shape.ID)
		}
	}
}

// TestARuleForAnotherSourceIsNotTried: the event's fields would do, its log source does not.
func TestARuleForAnotherSourceIsNotTried(t *testing.T) {
	all := fstest.MapFS{}
	for n, source := range []string{"product: windows", "product: zeek, service: http", "category: proxy", "product: linux, service: auditd", "category: dns", "product: linux"} {
		rule := seen{source: source, detection: "anything|exists: false"}
		all[fmt.Sprintf("%d.yml", n)] = &fstest.MapFile{Data: []byte(rule.rule(n))}
	}
	library, _ := Load(all)
	for event, want := range map[string]string{
		`{"ts":1.5,"uid":"C1","id.orig_h":"10.1.1.1","trans_depth":1,"method":"GET"}`:                                    "case-1 case-2",
		`{"timestamp":"x","flow_id":1,"event_type":"dns","dns":{}}`:                                                      "case-4",
		`{"timestamp":"x","event_type":"stats","stats":{}}`:                                                              "",
		`{"type":"EXECVE","a0":"nc"}`:                                                                                    "case-3 case-5",
		`{"SYSLOG_IDENTIFIER":"kernel","MESSAGE":"x"}`:                                                                   "case-5",
		`{"Channel":"Security","EventID":1}`:                                                                             "case-0",
		`{"rule":{},"agent":{},"decoder":{"name":"json"}}`:                                                               "",
		`{"wazuh":{"agent":{"id":"1"}},"event":{"kind":"event","dataset":"wazuh.fim"}}`:                                  "",
		`{"nothing":"known"}`:                                                                                            "case-0 case-1 case-2 case-3 case-4 case-5",
		`{"winlog":{"channel":"Security","event_id":4688},"agent":{"type":"winlogbeat"},"rule":{"name":"x"},"ecs":true}`: "case-0",
	} {
		matcher, oracle := both(t, library)
		ids, err := fast(matcher, []byte(event))
		if got := strings.Join(ids, " "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", event, got, err, want)
		}
		if _, difference := agree(matcher, oracle, []byte(event)); difference != "" {
			t.Errorf("%s: %s", event, difference)
		}
	}
}

func TestMappingsThatCannotBeAreRefusedWithTheirLine(t *testing.T) {
	const head = "id: mine\nfields:\n  a: {path: a, type: string}\n"
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"a source without a name": {head + "sigma:\n  marks: [{a: x}]\n  sources:\n    - {when: {a: x}}\n", 6},
		"none and one":            {head + "sigma:\n  sources:\n    - {none: true, product: linux}\n", 5},
		"an empty line of marks":  {head + "sigma:\n  marks: [{}]\n", 5},
		"a field without a place": {head + "sigma:\n  fields:\n    Image: []\n", 5},
		"a place with many dots":  {head + "sigma:\n  fields:\n    Image: a.b.c.d.e.f.g.h.i.j\n", 5},
		"channels of nobody":      {head + "sigma:\n  channels: solaris\n", 5},
		"an unknown key":          {head + "sigma:\n  field: {Image: a}\n", 5},
		"a use of what is not":    {head + "time: [b]\n", 1},
	} {
		_, report := Load(fstest.MapFS{"mappings/mine.yaml": {Data: []byte(c.text)}})
		if len(report.Refused) != 1 || report.Refused[0].Line != c.line || report.Refused[0].Mend == "" {
			t.Errorf("%s: %v, want line %d", name, report.Refused, c.line)
		}
	}
}

func TestOnesOwnMappingIsTriedBeforeTheShippedOnes(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"mappings/door.yaml": "id: door\nfields:\n  card: {path: CardId, type: string}\nsigma:\n  marks: [{kind: door}]\n  sources: [{when: {kind: door}, product: door, service: access}]\n" +
			"  fields: {CardId: [card.number, badge]}\n",
		"rule.yml":    seen{source: "product: door", detection: "CardId: 7"}.rule(1),
		"native.yaml": "id: native\ntitle: N\nlevel: low\nmapping: door\ncondition: card == \"7\"\nevents:\n  - {name: a, match: true, event: {kind: door, badge: 7}}\n  - {name: b, match: false, event: {kind: door}}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	library, report := Load(content.Files, os.DirFS(folder))
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	matcher, oracle := both(t, library)
	for event, want := range map[string]string{
		`{"kind":"door","Channel":"x","EventID":1,"badge":"7"}`:         "case-1 native",
		`{"kind":"door","card":{"number":7},"badge":8}`:                 "case-1 native",
		`{"kind":"door","card":[{"number":1},{"number":7}],"badge":8}`:  "case-1",
		`{"kind":"door","card.number":null,"badge":7}`:                  "",
		`{"kind":"window","badge":7,"rule":{},"agent":{}}`:              "",
		`{"kind":"door","badge":7,"CardId":8}`:                          "case-1 native", // the table before the rule's own name
		`{"kind":"door","badge":8,"CardId":7}`:                          "",
		`{"kind":"door","CardId":7}`:                                    "case-1 native",
		`{"kind":"door","card":[{"x":1},{"number":7}],"card.number":9}`: "",
	} {
		ids, err := fast(matcher, []byte(event))
		if got := strings.Join(ids, " "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", event, got, err, want)
		}
		if _, difference := agree(matcher, oracle, []byte(event)); difference != "" {
			t.Errorf("%s: %s", event, difference)
		}
	}
	if got := library.Serving("door", "", ""); !slices.Equal(got, []string{"door"}) {
		t.Error(got)
	}
}

// TestANamedMappingCountsUnlessItSaysNothingToSigma: an event that looks like Wazuh's, in streams of four mappings.
func TestANamedMappingCountsUnlessItSaysNothingToSigma(t *testing.T) {
	library, report := Load(fstest.MapFS{
		"mappings/names.yaml": {Data: []byte("id: names\nfields: {a: {path: a, type: string}}\n")},
		"linux.yml":           {Data: []byte(seen{source: "product: linux, service: sshd", detection: "src_ip: 203.0.113.5"}.rule(1))},
		"web.yml":             {Data: []byte(seen{source: "category: webserver", detection: "src_ip: 203.0.113.6"}.rule(2))},
	})
	if len(report.Refused) > 0 {
		t.Fatal(report.Refused)
	}
	event := []byte(`{"rule":{"id":"1"},"agent":{"id":"001"},"decoder":{"name":"sshd"},"data":{"srcip":"203.0.113.5"},"source":{"ip":"203.0.113.6"},"event":{"dataset":"nginx.access"}}`)
	for mapping, want := range map[string]string{Auto: "case-1", "wazuh4": "case-1", "names": "case-1", "ecs": "case-2", "zeek": ""} {
		matcher, err := library.For(mapping)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := fast(matcher, event)
		if got := strings.Join(ids, " "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", mapping, got, err, want)
		}
		if _, difference := agree(matcher, &plain{library: library, mapping: library.mappings[mapping]}, event); difference != "" {
			t.Errorf("%s: %s", mapping, difference)
		}
	}
}

// TestBothReadingsAgreeOnEveryShape takes every event of the cases, and each with one value changed at any depth.
func TestBothReadingsAgreeOnEveryShape(t *testing.T) {
	files := fstest.MapFS{}
	for name, c := range everyShape {
		files[name+".yml"] = &fstest.MapFile{Data: []byte(c.rule(len(files)))}
	}
	library, _ := Load(content.Files, files)
	tried := 0
	for _, mapping := range append(Mappings(), Auto) {
		matcher, err := library.For(mapping)
		if err != nil {
			t.Fatal(err)
		}
		oracle := &plain{library: library, mapping: library.mappings[mapping]}
		for name, c := range everyShape {
			root, err := decode([]byte(c.event))
			if err != nil {
				t.Fatal(err)
			}
			for _, event := range variants(root) {
				text, err := json.Marshal(event)
				if err != nil {
					t.Fatal(err)
				}
				if _, difference := agree(matcher, oracle, text); difference != "" {
					t.Errorf("%s, mapping %s: %s\n%s", name, mapping, difference, text)
				}
				tried++
			}
		}
	}
	if tried < 5000 {
		t.Errorf("%d events", tried)
	}
}
