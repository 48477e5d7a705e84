package detect

import (
	"fmt"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
)

// NewRuleMatcher returns the library's rules for one mapping as a Matcher.
func NewRuleMatcher(library *rules.Library, mapping string) (Matcher, error) {
	matcher, err := library.For(mapping)
	if err != nil {
		return nil, fmt.Errorf("rules for mapping %s: %w", mapping, err)
	}
	return ruleMatcher{matcher}, nil
}

type ruleMatcher struct{ rules *rules.Matcher }

// Match implements Matcher.
func (r ruleMatcher) Match(source []byte) ([]soar.Detection, error) {
	matches, err := r.rules.Match(source)
	if err != nil {
		return nil, err
	}
	found := make([]soar.Detection, len(matches))
	for i, m := range matches {
		found[i] = soar.Detection{
			Rule: m.Rule, EventTime: m.EventTime, Entity: m.Entity, Asset: m.Asset, Observables: m.Observables,
			Tactics: m.Tactics, Techniques: m.Techniques, CVEs: m.CVEs, Summary: m.Summary, Opens: m.Opens,
		}
	}
	return found, nil
}
