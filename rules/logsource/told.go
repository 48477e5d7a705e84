package logsource

import (
	"maps"
	"slices"
	"strings"
)

// Told are the classes beside Windows' that events of a mapping may have.
func Told(mapping string) []Class {
	all := []Class{CloudTrail, Syslog}
	if mapping == "wazuh4" {
		for _, name := range slices.Sorted(maps.Keys(decoders)) {
			all = append(all, decoders[name])
		}
	}
	return all
}

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
