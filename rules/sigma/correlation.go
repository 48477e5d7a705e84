package sigma

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// Correlation is a correlation document. It is read and checked; this package does not evaluate it.
type Correlation struct {
	ID, Name, Title, Level, Type string
	Rules                        []string // ids or names of rules and correlations
	GroupBy                      []string
	Aliases                      map[string]map[string]string // alias, rule, field
	Timespan                     time.Duration
	Fields                       []string // of value_*
	Bounds                       map[string]float64
	Extended                     string // a temporal type's condition over rule names
	Generate                     bool
	File                         string
	Line, Column                 int
}

var (
	correlationTypes = []string{"event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median", "temporal", "temporal_ordered"}
	bounds           = []string{"gt", "gte", "lt", "lte", "eq", "neq"}
	timespans        = regexp.MustCompile(`^([0-9]+)([smhdwMy])$`)
	units            = map[string]time.Duration{
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "M": 30 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
	}
)

func parseCorrelation(tree *document.Node) (Correlation, error) {
	c := tree.Child("correlation")
	made := Correlation{
		ID: tree.Word("id"), Name: tree.Word("name"), Title: tree.Word("title"), Level: tree.Word("level"), Type: c.Word("type"),
		Rules: c.Child("rules").Words(), GroupBy: c.Child("group-by").Words(), Generate: tree.Word("generate") == "true" || c.Word("generate") == "true", Line: tree.Line, Column: tree.Column,
	}
	switch {
	case c.Kind != document.Mapping || !slices.Contains(correlationTypes, made.Type):
		return made, &fault{c.Place, "unknown correlation type " + made.Type, "use one of " + strings.Join(correlationTypes, ", ")}
	case len(made.Rules) == 0 && !made.temporal():
		return made, &fault{c.Place, "the correlation names no rules", "add rules:"}
	}
	span := timespans.FindStringSubmatch(c.Word("timespan"))
	if span == nil {
		return made, &fault{c.Place, "the correlation has no timespan as 5m", "add timespan: a number and one of s, m, h, d, w, M, y"}
	}
	number, err := strconv.Atoi(span[1])
	if made.Timespan = time.Duration(number) * units[span[2]]; err != nil || made.Timespan <= 0 {
		return made, &fault{c.Place, "the timespan " + span[0] + " is out of bounds", "use a shorter one"}
	}
	made.readAliases(c.Child("aliases"))
	return made, made.readCondition(c)
}

func (c *Correlation) temporal() bool { return strings.HasPrefix(c.Type, "temporal") }

func (c *Correlation) readAliases(tree *document.Node) {
	if tree == nil {
		return
	}
	c.Aliases = map[string]map[string]string{}
	for i, alias := range tree.Keys {
		c.Aliases[alias.Text] = map[string]string{}
		for k, rule := range tree.Kids[i].Keys {
			c.Aliases[alias.Text][rule.Text] = tree.Kids[i].Kids[k].Text
		}
	}
}

func (c *Correlation) readCondition(body *document.Node) error {
	condition := body.Child("condition")
	switch {
	case condition == nil && c.temporal():
		return nil
	case condition == nil:
		return &fault{body.Place, "the correlation has no condition", "add condition: with one of " + strings.Join(bounds, ", ")}
	case condition.Kind == document.Text && c.temporal():
		c.Extended = condition.Text
		return nil
	case condition.Kind != document.Mapping:
		return &fault{condition.Place, "only a temporal correlation takes a condition over rule names", "write one of " + strings.Join(bounds, ", ") + " and a number"}
	}
	c.Fields, c.Bounds = condition.Child("field").Words(), map[string]float64{}
	for i, key := range condition.Keys {
		if key.Text == "field" || key.Text == "percentile" {
			continue
		}
		number, err := strconv.ParseFloat(condition.Kids[i].Text, 64)
		if !slices.Contains(bounds, key.Text) || err != nil {
			return &fault{key.Place, "the condition " + key.Text + " is none of " + strings.Join(bounds, ", ") + " with a number", "write for example gte: 10"}
		}
		c.Bounds[key.Text] = number
	}
	if strings.HasPrefix(c.Type, "value_") && len(c.Fields) == 0 {
		return &fault{condition.Place, c.Type + " counts no field", "add field: to the condition"}
	}
	if len(c.Bounds) == 0 {
		return &fault{condition.Place, "the condition has no bound", "add one of " + strings.Join(bounds, ", ")}
	}
	return nil
}

// Refer returns the correlations whose rules are all there and that do not wait for themselves, and the faults of the
// rest.
func Refer(rules []*Rule, correlations []Correlation) (kept []Correlation, refused []Fault) {
	known, feeds := map[string]bool{}, map[string][]string{}
	for _, r := range rules {
		known[r.ID], known[r.Name] = true, true
	}
	for _, c := range correlations {
		for _, name := range []string{c.ID, c.Name} {
			known[name] = true
			feeds[name] = append(feeds[name], c.Rules...)
		}
	}
	for _, c := range correlations {
		missing := slices.IndexFunc(c.Rules, func(name string) bool { return !known[name] || name == "" })
		switch {
		case missing >= 0:
			refused = append(refused, Fault{c.File, c.Line, c.Column, "the correlation names " + c.Rules[missing] + ", which no rule is named", "name a rule's id or name"})
		case reaches(feeds, c.Rules, c.ID, c.Name):
			refused = append(refused, Fault{c.File, c.Line, c.Column, "the correlation waits for itself", "take it out of the rules that it names"})
		default:
			kept = append(kept, c)
		}
	}
	return kept, refused
}

// reaches reports whether one of the names leads to a correlation of that id or name.
func reaches(feeds map[string][]string, names []string, id, name string) bool {
	seen := map[string]bool{}
	for open := slices.Clone(names); len(open) > 0; {
		next := open[0]
		open = open[1:]
		if next != "" && (next == id || next == name) {
			return true
		}
		if !seen[next] {
			seen[next] = true
			open = append(open, feeds[next]...)
		}
	}
	return false
}
