package logsource

import (
	"slices"
	"strings"
)

// Shape is what a mapping says of its events to Sigma rules: how such an event is recognised, which log source it
// belongs to, and where the fields of the taxonomy lie in it. Both readings of the rules read it, each in its own way.
type Shape struct {
	ID    string // the mapping's
	Order int    // shapes are tried by it, the lowest first
	// Channels are products whose events are told by channel and event id: windows, and linux by its Sysmon.
	Channels []string
	Marks    []Signs
	Sources  []Source
	Fields   map[string][]string // by a rule's field in lower case: the places where it may be, the first present counts
}

// Bare is what an event says without a mapping's help.
var Bare = Shape{Channels: []string{"windows", "linux"}, Sources: []Source{{Class: CloudTrail}, {Class: Syslog}}}

// Source is a log source, and what tells that an event belongs to it.
type Source struct {
	When  Signs
	Class Class
}

// Signs hold for an event when each holds: by the name of a field, the values that it may have, or one of the words.
type Signs map[string][]string

// The words that stand for more than a value.
const (
	There  = "*"  // it is there, and not null
	Object = "{}" // it is an object
	Absent = "-"  // it is not there, or null
)

// Sort puts shapes into the order in which they are tried.
func Sort(all []*Shape) {
	slices.SortFunc(all, func(a, b *Shape) int {
		if a.Order != b.Order {
			return a.Order - b.Order
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// Serves reports whether some event of the shape belongs to that log source.
func (s *Shape) Serves(product, category, service string) bool {
	for _, source := range s.Sources {
		if source.Class.Takes(product, category, service) {
			return true
		}
	}
	if product == "linux" {
		return slices.Contains(s.Channels, product) && category != "" && OfWindows(category, "sysmon") && (service == "" || service == "sysmon")
	}
	return slices.Contains(s.Channels, "windows") && (product == "windows" || product == "") && category+service+product != "" && OfWindows(category, service)
}
