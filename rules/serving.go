package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/sigma"
)

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

// Filters are the Sigma filters of all sources.
func (l *Library) Filters() []*sigma.Filter { return slices.Clone(l.filters) }

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
