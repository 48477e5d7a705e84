package correlate

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// Rule is a correlation, ready to be fed. It never changes.
type Rule struct {
	sigma.Correlation

	// Feeds says that other correlations are made of this one, and Only that it is nothing by itself.
	Feeds, Only bool

	members []member
	order   []int // of temporal_ordered: the members that must match, in their order
	without []int // of temporal_ordered: those that must not between them
	bounds  []bound
	window  func() window
	keep    time.Duration // for so long an event takes part after it was read
	risk    *Risk
}

// member is a rule that feeds a correlation, with the fields of its events.
type member struct {
	id            string
	group, fields []string
}

type bound struct {
	word  string
	value float64
}

func (b bound) holds(v float64) bool {
	switch b.word {
	case "gt":
		return v > b.value
	case "gte":
		return v >= b.value
	case "lt":
		return v < b.value
	case "lte":
		return v <= b.value
	case "eq":
		return v == b.value
	}
	return v != b.value
}

// Set is a set of correlations, ready to be fed. It never changes and is safe for concurrent use.
type Set struct {
	rules []*Rule
	byID  map[string]int
	feeds map[string][]feed // by the id of what matches
	needs map[string][]string
	only  map[string]bool
	risk  int // the risk's place among the rules, -1 without
	print [sha256.Size]byte
}

type feed struct{ rule, member int }

// Compile makes correlations ready, whose rules are all known: ids says the id of each rule by its name. A risk may be
// nil.
func Compile(correlations []sigma.Correlation, ids map[string]string, risk *Risk) *Set {
	s := &Set{byID: map[string]int{}, feeds: map[string][]feed{}, needs: map[string][]string{}, only: map[string]bool{}, risk: -1}
	known := maps.Clone(ids)
	if known == nil {
		known = map[string]string{}
	}
	for _, c := range correlations {
		for _, name := range []string{c.Name, c.ID} {
			known[name] = c.ID
		}
	}
	for _, c := range correlations {
		s.add(newRule(c, known))
	}
	s.link()
	if risk != nil && risk.Threshold > 0 {
		s.risk = len(s.rules)
		s.byID[RiskRule] = s.risk
		s.rules = append(s.rules, risk.rule())
	}
	s.sign(risk)
	return s
}

// sign makes the fingerprint of all that decides what fires.
func (s *Set) sign(risk *Risk) {
	var members [][]string
	for _, rule := range s.rules {
		members = append(members, rule.Members())
	}
	correlations := make([]sigma.Correlation, len(s.rules))
	for i, rule := range s.rules {
		correlations[i] = rule.Correlation
	}
	text, _ := json.Marshal(struct { // plain values cannot fail
		Correlations []sigma.Correlation
		Members      [][]string
		Risk         *Risk
	}{correlations, members, risk})
	s.print = sha256.Sum256(text)
}

// Same reports whether two sets make the same fire, so that a memory of one is a memory of the other.
func (s *Set) Same(other *Set) bool { return s.print == other.print }

// Len is how many correlations there are, the risk included.
func (s *Set) Len() int { return len(s.rules) }

// IDs are the ids of the correlations, the risk's included.
func (s *Set) IDs() (ids []string) {
	for _, rule := range s.rules {
		ids = append(ids, rule.ID)
	}
	return ids
}

func (s *Set) add(rule *Rule) {
	place := len(s.rules)
	s.rules = append(s.rules, rule)
	s.byID[rule.ID] = place
	for i, m := range rule.members {
		s.feeds[m.id] = append(s.feeds[m.id], feed{place, i})
	}
}

// Rules are the correlations, in the order in which they were given; the risk comes last.
func (s *Set) Rules() []*Rule { return slices.Clone(s.rules) }

// Rule is the correlation of that id, nil if there is none.
func (s *Set) Rule(id string) *Rule {
	if i, there := s.byID[id]; there {
		return s.rules[i]
	}
	return nil
}

// Memory is how long after it was read an event, or a firing, may still matter.
func (s *Set) Memory() (longest time.Duration) {
	for _, rule := range s.rules {
		longest = max(longest, rule.keep+rule.keep/buckets, rule.quiet())
	}
	return longest
}

// Reach is how long before a moment all must be fed that may matter at it: what a correlation is made of, what those are
// made of, and all of that again for what fired last before a silence.
func (s *Set) Reach() (longest time.Duration) {
	for _, rule := range s.rules {
		longest = max(longest, s.reach(rule))
	}
	return longest
}

func (s *Set) reach(rule *Rule) (inner time.Duration) {
	for _, other := range s.rules {
		feeds := slices.Contains(rule.Members(), other.ID) || rule.risk != nil && other != rule && !s.only[other.ID]
		if feeds {
			inner = max(inner, s.reach(other))
		}
	}
	return inner + rule.Suppress + rule.keep + rule.keep/buckets
}

// quiet is how long after it was read a firing matters.
func (r *Rule) quiet() time.Duration { return max(r.Suppress, r.Timespan) + Lateness + Ahead }

func newRule(c sigma.Correlation, known map[string]string) *Rule {
	rule := &Rule{Correlation: c, keep: c.Timespan + Lateness + Ahead, window: windowOf(c)}
	for _, name := range c.Rules {
		id := cmp.Or(known[name], name)
		if slices.ContainsFunc(rule.members, func(m member) bool { return m.id == id }) {
			continue // named by id and by name
		}
		m := member{id: id, fields: rule.fieldsOf(c.Fields, name, id, known)}
		m.group = rule.fieldsOf(c.GroupBy, name, id, known)
		rule.members = append(rule.members, m)
	}
	for _, word := range slices.Sorted(maps.Keys(c.Bounds)) {
		rule.bounds = append(rule.bounds, bound{word, c.Bounds[word]})
	}
	if len(rule.bounds) == 0 && c.Extended == nil {
		rule.bounds = []bound{{"gte", float64(len(rule.members))}}
	}
	if c.Type == "temporal_ordered" {
		rule.arrange()
	}
	return rule
}

// arrange says which rules must come one after the other, and which must not come between.
func (r *Rule) arrange() {
	if r.Extended != nil {
		r.without = r.Extended.Negated()
	}
	for i := range r.members {
		if !slices.Contains(r.without, i) {
			r.order = append(r.order, i)
		}
	}
	if r.Extended != nil {
		r.bounds = []bound{{"gte", float64(len(r.order))}}
	}
}

// fieldsOf are the fields that a member's events have for names that may be aliases.
func (r *Rule) fieldsOf(names []string, rule, id string, known map[string]string) (fields []string) {
	for _, name := range names {
		field := name
		for named, of := range r.Aliases[name] {
			if named == rule || cmp.Or(known[named], named) == id {
				field = of
			}
		}
		fields = append(fields, field)
	}
	return fields
}

// Members are the ids of the rules that feed the correlation.
func (r *Rule) Members() (ids []string) {
	for _, m := range r.members {
		if m.id != "" {
			ids = append(ids, m.id)
		}
	}
	return ids
}

func (r *Rule) holds(value float64) bool {
	for _, b := range r.bounds {
		if !b.holds(value) {
			return false
		}
	}
	return true
}

// measure is what a member's event brings to the count; not every event has something.
func (r *Rule) measure(e *Event, m *member) (text string, number float64, ok bool) {
	switch {
	case r.risk != nil:
		weight := r.risk.Weights[e.Level]
		return e.Rule, weight, weight > 0
	case len(m.fields) == 0:
		return "", 0, true
	case len(m.fields) > 1:
		key, ok := joined(nil, e, m.fields)
		return string(key), 0, ok
	}
	if text = e.value(m.fields[0]); text == "" || r.Type == "value_count" {
		return text, 0, text != ""
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil && number-number == 0 { // neither NaN nor endless
		return "", number, true
	}
	return text, 0, r.Type == "value_percentile"
}

// joined appends the fields' values so that no two lists of values look the same.
func joined(key []byte, e *Event, fields []string) ([]byte, bool) {
	for _, field := range fields {
		text := e.value(field)
		if text == "" {
			return key, false
		}
		key = strconv.AppendInt(key, int64(len(text)), 10)
		key = append(append(key, ':'), text...)
	}
	return key, true
}
