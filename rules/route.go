package rules

import (
	"slices"
	"strings"
)

// class is what is known of an event's log source, in Sigma's words.
type class struct {
	known      bool // false: any rule may apply
	none       bool // no rule applies
	product    string
	service    string
	categories []string
}

func (c class) key() string {
	if !c.known {
		if c.none {
			return "none"
		}
		return "any"
	}
	return c.product + "/" + c.service + "/" + strings.Join(c.categories, ",")
}

// takes reports whether a rule of that log source applies. A Windows event must have all that the rule names.
func (c class) takes(product, category, service string) bool {
	if !c.known {
		return !c.none
	}
	return (product == "" || product == c.product) && (category == "" || slices.Contains(c.categories, category)) &&
		(service == "" || service == c.service) && product+category+service != ""
}

func classOf(s *shape, auto bool) class {
	channel, id := s.word("Channel"), s.word("EventID")
	if id != "" && (channel != "" || s.mapping != "wazuh4") { // a Windows event, even if it does not name its channel
		service := channels[strings.ToLower(channel)]
		return class{known: true, product: "windows", service: service, categories: categories[service+" "+id]}
	}
	if s.root["eventSource"] != nil && s.root["eventName"] != nil {
		return class{known: true, product: "aws", service: "cloudtrail"}
	}
	if s.root["SyslogMessage"] != nil {
		return class{known: true, product: "linux"}
	}
	for _, beat := range []string{"log_name", "beat", "winlog", "provider_guid", "SourceModuleName", "SourceName"} {
		if s.root[beat] != nil {
			return class{none: true} // a Windows event of a schema whose names no rule uses, as Winlogbeat 6 and older
		}
	}
	if s.mapping == "wazuh4" {
		if known, ok := decoders[s.path("decoder.name")]; ok {
			return known
		}
		return class{none: true}
	}
	return class{none: !auto}
}

// decoders are Wazuh's decoders whose log source is sure.
var decoders = map[string]class{
	"sshd": {known: true, product: "linux", service: "sshd"}, "sudo": {known: true, product: "linux", service: "sudo"},
	"pam": {known: true, product: "linux", service: "auth"}, "clamd": {known: true, product: "linux", service: "clamav"},
	"auditd": {known: true, product: "linux", service: "auditd"}, "vsftpd": {known: true, product: "linux", service: "vsftpd"},
	"web-accesslog": {known: true, categories: []string{"webserver"}},
}

// categories are Sigma's, by service and EventID.
var categories = map[string][]string{
	"sysmon 1": {"process_creation"}, "sysmon 2": {"file_change"}, "sysmon 3": {"network_connection"}, "sysmon 4": {"sysmon_status"},
	"sysmon 5": {"process_termination"}, "sysmon 6": {"driver_load"}, "sysmon 7": {"image_load"}, "sysmon 8": {"create_remote_thread"},
	"sysmon 9": {"raw_access_thread"}, "sysmon 10": {"process_access"}, "sysmon 11": {"file_event"},
	"sysmon 12": {"registry_event", "registry_add", "registry_delete"}, "sysmon 13": {"registry_event", "registry_set"},
	"sysmon 14": {"registry_event", "registry_rename"}, "sysmon 15": {"create_stream_hash"}, "sysmon 16": {"sysmon_status"},
	"sysmon 17": {"pipe_created"}, "sysmon 18": {"pipe_created"}, "sysmon 19": {"wmi_event"}, "sysmon 20": {"wmi_event"}, "sysmon 21": {"wmi_event"},
	"sysmon 22": {"dns_query"}, "sysmon 23": {"file_delete"}, "sysmon 25": {"process_tampering"}, "sysmon 26": {"file_delete"},
	"sysmon 27": {"file_block_executable"}, "sysmon 29": {"file_executable_detected"}, "sysmon 255": {"sysmon_error"},
	"security 4688": {"process_creation"}, "powershell 4103": {"ps_module"}, "powershell 4104": {"ps_script"},
	"powershell-classic 400": {"ps_classic_start"}, "powershell-classic 600": {"ps_classic_provider_start"}, "powershell-classic 800": {"ps_classic_provider_start"},
}

// channels are Sigma's services, by Windows channel in lower case.
var channels = map[string]string{
	"security": "security", "system": "system", "application": "application", "directory service": "ldap", "dns server": "dns-server",
	"microsoft-windows-sysmon/operational": "sysmon", "microsoft-windows-powershell/operational": "powershell",
	"powershellcore/operational": "powershell", "windows powershell": "powershell-classic",
	"microsoft-windows-windows defender/operational": "windefend", "microsoft-windows-taskscheduler/operational": "taskscheduler",
	"microsoft-windows-wmi-activity/operational": "wmi", "microsoft-windows-dns-client/operational": "dns-client",
	"microsoft-windows-windows firewall with advanced security/firewall": "firewall-as", "microsoft-windows-bits-client/operational": "bits-client",
	"microsoft-windows-codeintegrity/operational": "codeintegrity-operational", "microsoft-windows-ntlm/operational": "ntlm",
	"microsoft-windows-appxdeploymentserver/operational": "appxdeployment-server", "microsoft-windows-appmodel-runtime/admin": "appmodel-runtime",
	"microsoft-windows-appxpackaging/operational": "appxpackaging-om", "microsoft-windows-applocker/msi and script": "applocker",
	"microsoft-windows-applocker/exe and dll": "applocker", "microsoft-windows-applocker/packaged app-deployment": "applocker",
	"microsoft-windows-applocker/packaged app-execution": "applocker", "msexchange management": "msexchange-management",
	"microsoft-windows-dns-server/analytical": "dns-server-analytic", "microsoft-windows-driverframeworks-usermode/operational": "driver-framework",
	"microsoft-windows-security-mitigations/kernel mode": "security-mitigations", "microsoft-windows-security-mitigations/user mode": "security-mitigations",
	"microsoft-windows-smbclient/security": "smbclient-security", "microsoft-windows-smbclient/connectivity": "smbclient-connectivity",
	"microsoft-windows-smbserver/connectivity": "smbserver-connectivity", "microsoft-windows-printservice/admin": "printservice-admin",
	"microsoft-windows-printservice/operational": "printservice-operational", "microsoft-windows-shell-core/operational": "shell-core",
	"microsoft-windows-terminalservices-localsessionmanager/operational": "terminalservices-localsessionmanager",
	"microsoft-windows-ldap-client/debug":                                "ldap", "microsoft-windows-lsa/operational": "lsa-server", "openssh/operational": "openssh",
	"microsoft-windows-capi2/operational": "capi2", "microsoft-windows-diagnosis-scripted/operational": "diagnosis-scripted",
	"microsoft-iis-configuration/operational": "iis-configuration", "microsoft-servicebus-client": "microsoft-servicebus-client",
	"microsoft-windows-certificateservicesclient-lifecycle-system/operational": "certificateservicesclient-lifecycle-system",
	"microsoft-windows-kerberos-key-distribution-center/operational":           "kerberos",
}
