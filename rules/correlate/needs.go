package correlate

import "slices"

// link says what the matches of each rule must carry, and which are nothing by themselves. A correlation over a
// correlation may ask for fields that the inner one does not group by: its last event carries them.
func (s *Set) link() {
	generated := map[string]bool{}
	for _, rule := range s.rules {
		for _, m := range rule.members {
			s.only[m.id] = true
			generated[m.id] = generated[m.id] || rule.Generate
			for _, field := range slices.Concat(m.group, m.fields) {
				s.need(m.id, field)
			}
		}
	}
	for id := range generated {
		if generated[id] {
			delete(s.only, id)
		}
	}
	for id, place := range s.byID {
		s.rules[place].Feeds, s.rules[place].Only = len(s.feeds[id]) > 0, s.only[id]
	}
}

// need notes that matches of a rule, or what a correlation's events carry, must have a field.
func (s *Set) need(id, field string) {
	if slices.Contains(s.needs[id], field) || field == EntityField || field == AssetField || field == RuleField {
		return
	}
	s.needs[id] = append(s.needs[id], field)
	place, correlation := s.byID[id]
	if !correlation || slices.Contains(s.rules[place].GroupBy, field) {
		return
	}
	for _, m := range s.rules[place].members {
		s.need(m.id, field)
	}
}

// Needs are the fields that a rule's matches must carry for correlations.
func (s *Set) Needs(id string) []string { return s.needs[id] }

// OnlyFeeds reports whether a rule, or a correlation, is nothing by itself: correlations are made of it, and none of
// them says generate: true.
func (s *Set) OnlyFeeds(id string) bool { return s.only[id] }
