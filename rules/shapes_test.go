package rules

import "fmt"

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
	"Alertmanager, a rule of one's own": {
		"alertmanager", "product: prometheus, service: alertmanager", "body.labels.severity: page",
		`{"received":"2026-11-27T06:00:00Z","source":"am","body":{"status":"firing","labels":{"alertname":"DiskFull","severity":"page"}}}`,
		`{"received":"2026-11-27T06:00:00Z","source":"am","body":{"status":"firing","labels":{"alertname":"DiskFull","severity":"none"}}}`,
	},
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
