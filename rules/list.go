package rules

import (
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// Known are all rules of the library, native ones first, as their detections name them.
func (l *Library) Known() []soar.Rule {
	var all []soar.Rule
	for _, rule := range l.native {
		all = append(all, rule.says.Rule)
	}
	for _, rule := range l.sigma {
		all = append(all, rule.says.Rule)
	}
	for _, rule := range l.Correlate.Rules() {
		all = append(all, Says(rule).Rule)
	}
	return all
}

// Risk is what an entity's detections are worth together; nil if no source says so.
func (l *Library) Risk() *correlate.Risk { return l.risk }

// TimeFields are where the events of a mapping hold their time, the place that counts first first.
func (l *Library) TimeFields(mapping string) (paths []string) {
	made := l.mappings[mapping]
	if made == nil {
		return nil
	}
	for _, name := range made.Time {
		paths = append(paths, made.Fields[name].Path)
	}
	return paths
}
