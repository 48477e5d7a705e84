package logsource

import "testing"

func TestAnEventMustHaveAllThatTheRuleNames(t *testing.T) {
	sysmon := Windows("Microsoft-Windows-Sysmon/Operational", "26")
	for name, c := range map[string]struct {
		class                      Class
		product, category, service string
		want                       bool
	}{
		"category of the event id":        {sysmon, "windows", "file_delete_detected", "", true},
		"another category":                {sysmon, "windows", "file_event", "", false},
		"another product":                 {sysmon, "linux", "file_delete", "", false},
		"the service":                     {sysmon, "windows", "", "sysmon", true},
		"a rule without source":           {sysmon, "", "", "", false},
		"all of Windows, channel unknown": {Windows("", ""), "windows", "", "", true},
		"a service, channel unknown":      {Windows("", ""), "windows", "", "security", false},
		"nothing known":                   {Class{Any: true}, "linux", "", "sshd", true},
		"nothing applies":                 {Class{None: true}, "", "", "", false},
		"taxonomy's classic script":       {Windows("Windows PowerShell", "800"), "windows", "ps_classic_script", "", true},
	} {
		if got := c.class.Takes(c.product, c.category, c.service); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
