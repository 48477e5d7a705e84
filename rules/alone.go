package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// MatchAlone is Match for an event on which Match panicked: it tries each rule by itself, so that the one with the bug
// matches nothing there, is told to Faulted, and keeps no other rule from the event. It is slow.
func (m *Matcher) MatchAlone(source []byte) ([]Match, error) {
	root, err := decode(source)
	if err != nil {
		return nil, err
	}
	shaped := newShape(root)
	mapping := m.mapping
	if mapping == nil {
		mapping = m.library.mappings[shaped.mapping]
	}
	var matches []Match
	for _, rule := range m.library.native {
		if mapping == nil || rule.Mapping != mapping.ID {
			continue
		}
		m.alone(rule.ID, func() {
			if holds, _ := rule.holds(mapping.env(shaped)); holds { // its error was told when all were tried
				matches = append(matches, mapping.facts(shaped).complete(rule.says, rule.Entity))
			}
		})
	}
	event := sigma.NewEvent(root, shaped.lookup)
	for _, rule := range m.route(shaped) {
		m.alone(rule.says.Rule.ID, func() {
			if rule.Match(event) {
				matches = append(matches, mapping.facts(shaped).complete(rule.says, nil))
			}
		})
	}
	slices.SortStableFunc(matches, func(a, b Match) int { return strings.Compare(a.Rule.ID, b.Rule.ID) })
	return matches, nil
}

// alone tries one rule, and tells when it panics.
func (m *Matcher) alone(rule string, try func()) {
	defer func() {
		if reason := recover(); reason != nil && m.Faulted != nil {
			m.Faulted(rule, fmt.Errorf("it panicked: %v", reason))
		}
	}()
	try()
}
