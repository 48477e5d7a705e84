package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/logsource"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// Serving are the mappings whose events may belong to a log source, sorted: the streams that a Sigma rule can see.
func (l *Library) Serving(product, category, service string) (ids []string) {
	for id := range l.mappings {
		if serves(id, product, category, service) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func serves(mapping, product, category, service string) bool {
	for _, class := range logsource.Told(mapping) {
		if class.Takes(product, category, service) {
			return true
		}
	}
	return (product == "" || product == "windows") && product+category+service != "" && logsource.OfWindows(category, service)
}

// Lists are the names of the lists that rules may ask, with their values.
func (l *Library) Lists() map[string][]string { return maps.Clone(l.lists) }

// Mapping is the one of that name, nil if there is none.
func (l *Library) Mapping(id string) *Mapping { return l.mappings[id] }

// Sigma are the Sigma rules as they were read, by id.
func (l *Library) Sigma() []*sigma.Rule {
	all := make([]*sigma.Rule, len(l.sigma))
	for i, rule := range l.sigma {
		all[i] = rule.Rule
	}
	return all
}

// String is the log source as people read it.
func (s LogSource) String() string {
	var parts []string
	for _, part := range [][2]string{{"mapping", s.Mapping}, {"product", s.Product}, {"category", s.Category}, {"service", s.Service}} {
		if part[1] != "" {
			parts = append(parts, part[0]+" "+part[1])
		}
	}
	return strings.Join(parts, ", ")
}
