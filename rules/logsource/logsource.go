// Package logsource says which of Sigma's log sources an event belongs to. Both readings of the rules route by it.
//
// Windows' tables are those of the Sigma taxonomy 2.1.0 ("Windows Folder", categories and services), with what the public
// rules use beyond it; each such line says so.
package logsource

import (
	"maps"
	"slices"
	"strings"
)

// Class is what is known of an event's log source, in Sigma's words.
type Class struct {
	Any        bool // nothing is known: every Sigma rule may apply
	All        bool // nobody asks: every rule is tried, native ones of any mapping too
	None       bool // no rule applies
	Product    string
	Services   []string
	Categories []string
}

// Key tells classes apart.
func (c Class) Key() string {
	switch {
	case c.Any:
		return "any"
	case c.All:
		return "all"
	case c.None:
		return "none"
	}
	return c.Product + "/" + strings.Join(c.Services, ",") + "/" + strings.Join(c.Categories, ",")
}

// Takes reports whether rules of that log source apply: the event must have all that the rule names.
func (c Class) Takes(product, category, service string) bool {
	if c.Any || c.All || c.None {
		return !c.None
	}
	return (product == "" || product == c.Product) && (category == "" || slices.Contains(c.Categories, category)) &&
		(service == "" || slices.Contains(c.Services, service)) && product+category+service != ""
}

// Windows is the class of a Windows event, or of one that Sysmon for Linux wrote. An event that does not say its channel
// can only be tried with the rules for all of Windows.
func Windows(channel, id string) Class {
	channel = strings.ToLower(channel)
	if channel == linuxSysmon {
		return Class{Product: "linux", Services: []string{"sysmon"}, Categories: categories["sysmon "+id]}
	}
	service := services[channel]
	made := Class{Product: "windows", Categories: categories[service+" "+id]}
	if service != "" {
		made.Services = []string{service}
	}
	return made
}

// linuxSysmon is the channel of Sysmon for Linux, whose event numbers and fields are those of Windows' Sysmon.
const linuxSysmon = "linux-sysmon/operational"

// OfWindows reports whether some event of Windows' log belongs to that log source.
func OfWindows(category, service string) bool {
	for key, all := range categories {
		of, _, _ := strings.Cut(key, " ")
		if slices.Contains(all, category) && (service == "" || service == of) {
			return true
		}
	}
	return category == "" && (service == "" || slices.Contains(slices.Collect(maps.Values(services)), service))
}

// CloudTrail and Syslog are classes that one field tells.
var (
	CloudTrail = Class{Product: "aws", Services: []string{"cloudtrail"}}
	Syslog     = Class{Product: "linux"}
)

// Shippers are top-level keys by which programs that ship Windows' event log mark an event without Channel and EventID:
// the event is Windows' then, of a channel that its own schema keeps elsewhere.
//
//	log_name, beat, provider_guid   Winlogbeat 5 and 6, exported fields
//	winlog                          Winlogbeat 7 and later, exported fields
//	SourceModuleName, SourceName    NXLog, fields of im_msvistalog
var Shippers = []string{"log_name", "beat", "winlog", "provider_guid", "SourceModuleName", "SourceName"}

// categories are the taxonomy's, by service and EventID.
var categories = map[string][]string{
	"sysmon 1": {"process_creation"}, "sysmon 2": {"file_change"}, "sysmon 3": {"network_connection"}, "sysmon 4": {"sysmon_status"},
	"sysmon 5": {"process_termination"}, "sysmon 6": {"driver_load"}, "sysmon 7": {"image_load"}, "sysmon 8": {"create_remote_thread"},
	"sysmon 9": {"raw_access_thread"}, "sysmon 10": {"process_access"}, "sysmon 11": {"file_event"},
	"sysmon 12": {"registry_event", "registry_add", "registry_delete"}, "sysmon 13": {"registry_event", "registry_set"},
	"sysmon 14": {"registry_event", "registry_rename"}, "sysmon 15": {"create_stream_hash"}, "sysmon 16": {"sysmon_status"},
	"sysmon 17": {"pipe_created"}, "sysmon 18": {"pipe_created"}, "sysmon 19": {"wmi_event"}, "sysmon 20": {"wmi_event"}, "sysmon 21": {"wmi_event"},
	"sysmon 22": {"dns_query"}, "sysmon 23": {"file_delete"}, "sysmon 24": {"clipboard_capture"}, "sysmon 25": {"process_tampering"},
	"sysmon 26": {"file_delete", "file_delete_detected"}, // file_delete beyond the taxonomy: the same deletion, not archived
	"sysmon 27": {"file_block_executable"}, "sysmon 28": {"file_block_shredding"}, "sysmon 29": {"file_executable_detected"}, "sysmon 255": {"sysmon_error"},
	"security 4688":   {"process_creation"}, // beyond the taxonomy: Windows' own audit of the same fact
	"powershell 4103": {"ps_module"}, "powershell 4104": {"ps_script"},
	"powershell-classic 400": {"ps_classic_start"}, "powershell-classic 600": {"ps_classic_provider_start"}, "powershell-classic 800": {"ps_classic_script"},
}

// services are the taxonomy's, by channel in lower case.
var services = map[string]string{
	"application": "application", "security": "security", "system": "system", "dns server": "dns-server",
	"microsoft-windows-application-experience/program-telemetry":               "application-experience",
	"microsoft-windows-application-experience/program-compatibility-assistant": "application-experience",
	"microsoft-windows-applocker/msi and script":                               "applocker", "microsoft-windows-applocker/exe and dll": "applocker",
	"microsoft-windows-applocker/packaged app-deployment": "applocker", "microsoft-windows-applocker/packaged app-execution": "applocker",
	"microsoft-windows-appmodel-runtime/admin": "appmodel-runtime", "microsoft-windows-appxdeploymentserver/operational": "appxdeployment-server",
	"microsoft-windows-appxpackaging/operational": "appxpackaging-om", "microsoft-windows-bitlocker/bitlocker management": "bitlocker",
	"microsoft-windows-bits-client/operational": "bits-client", "microsoft-windows-capi2/operational": "capi2",
	"microsoft-windows-certificateservicesclient-lifecycle-system/operational": "certificateservicesclient-lifecycle-system",
	"microsoft-windows-codeintegrity/operational":                              "codeintegrity-operational", "microsoft-windows-dhcp-server/operational": "dhcp",
	"microsoft-windows-diagnosis-scripted/operational": "diagnosis-scripted", "microsoft-windows-dns client events/operational": "dns-client",
	"microsoft-windows-dns-server/analytical": "dns-server-analytic", "microsoft-windows-dns-server/audit": "dns-server-audit",
	"microsoft-windows-driverframeworks-usermode/operational":            "driver-framework",
	"microsoft-windows-windows firewall with advanced security/firewall": "firewall-as", "microsoft-windows-hyper-v-worker": "hyper-v-worker",
	"microsoft-iis-configuration/operational": "iis-configuration", "microsoft-windows-kernel-event-tracing": "kernel-event-tracing",
	"microsoft-windows-kernel-shimengine/operational": "kernel-shimengine", "microsoft-windows-kernel-shimengine/diagnostic": "kernel-shimengine",
	"microsoft-windows-ldap-client/debug": "ldap", "microsoft-windows-lsa/operational": "lsa-server", "msexchange management": "msexchange-management",
	"microsoft-windows-ntfs/operational": "ntfs", "microsoft-windows-ntlm/operational": "ntlm", "openssh/operational": "openssh",
	"microsoft-windows-powershell/operational": "powershell", "powershellcore/operational": "powershell", "windows powershell": "powershell-classic",
	"microsoft-windows-printservice/admin": "printservice-admin", "microsoft-windows-printservice/operational": "printservice-operational",
	"microsoft-windows-security-mitigations/kernel mode": "security-mitigations", "microsoft-windows-security-mitigations/user mode": "security-mitigations",
	"microsoft-windows-sense/operational": "sense", "microsoft-servicebus-client/operational": "servicebus-client", "microsoft-servicebus-client/admin": "servicebus-client",
	"microsoft-windows-shell-core/operational": "shell-core", "microsoft-windows-smbclient/security": "smbclient-security",
	"microsoft-windows-sysmon/operational": "sysmon", "microsoft-windows-taskscheduler/operational": "taskscheduler",
	"microsoft-windows-terminalservices-localsessionmanager/operational": "terminalservices-localsessionmanager",
	"microsoft-windows-vhdmp/operational":                                "vhdmp", "microsoft-windows-windows defender/operational": "windefend",
	"microsoft-windows-wmi-activity/operational": "wmi",

	// Beyond the taxonomy: services of public rules, and the channels' names as Windows writes them.
	"directory service": "ldap", "microsoft-windows-dns-client/operational": "dns-client", "microsoft-servicebus-client": "microsoft-servicebus-client",
	"microsoft-windows-smbclient/connectivity": "smbclient-connectivity", "microsoft-windows-smbserver/connectivity": "smbserver-connectivity",
	"microsoft-windows-kerberos-key-distribution-center/operational": "kerberos",
}
