package sigma

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/rules/document"
)

// Correlation is a correlation document. It is read and checked; rules/correlate evaluates it.
type Correlation struct {
	ID, Name, Title, Level, Type string // without an id, the name or the title stands for it
	Author, Licence, Version     string // the version is the loader's: a hash of the file
	Tags                         []string
	Rules                        []string // ids or names of rules and correlations
	GroupBy                      []string
	Aliases                      map[string]map[string]string // alias, rule, field
	Timespan                     time.Duration
	Fields                       []string // of value_*
	Bounds                       map[string]float64
	Percentile                   float64    // of value_percentile, 0-100; 50 if the document says none
	Extended                     *Combining // a temporal type's condition over rule names; nil: it has bounds, or none
	Generate                     bool
	File                         string
	Line, Column                 int
	aliased                      []aliased

	// Sallyport's own words, at the top of the document; Sigma lets a tool have such.
	Suppress time.Duration // for so long it is silent about a group after it fired; the timespan if the document says none
	Opens    bool          // opens an incident whatever its level
	Entity   [2]string     // family, and the group-by field that names it; empty: the last event's entity
}

// aliased is a rule for which an alias stands for a field, and where that is written.
type aliased struct {
	alias, rule string
	document.Place
}

var (
	correlationTypes = []string{"event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median", "temporal", "temporal_ordered"}
	correlationKeys  = []string{"type", "rules", "group-by", "timespan", "aliases", "condition", "generate"}
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
		Name: tree.Word("name"), Title: tree.Word("title"), Level: cmp.Or(strings.ToLower(tree.Word("level")), "medium"), Type: c.Word("type"),
		Author: tree.Word("author"), Licence: tree.Word("license"), Tags: tree.Child("tags").Words(), Opens: tree.Word("opens") == "true",
		Rules: c.Child("rules").Words(), GroupBy: c.Child("group-by").Words(), Generate: tree.Word("generate") == "true" || c.Word("generate") == "true", Line: tree.Line, Column: tree.Column,
	}
	made.ID = cmp.Or(tree.Word("id"), made.Name, made.Title)
	switch {
	case c.Kind != document.Mapping || !slices.Contains(correlationTypes, made.Type):
		return made, &fault{c.Place, "unknown correlation type " + made.Type, "use one of " + strings.Join(correlationTypes, ", ")}
	case made.ID == "":
		return made, &fault{tree.Place, "the correlation has no title", "add title:"}
	case len(made.Rules) == 0:
		return made, &fault{c.Place, "the correlation names no rules", "add rules:"}
	case len(made.GroupBy)+1 > maxFields:
		return made, &fault{c.Place, fmt.Sprintf("the correlation groups by more than %d fields", maxFields-1), "group by fewer"}
	case !slices.Contains(levels, made.Level):
		return made, &fault{tree.Child("level").Place, "unknown level " + made.Level, "use one of " + strings.Join(levels, ", ")}
	}
	for i, key := range c.Keys {
		if sliding := key.Text == "window" && c.Kids[i].Text == "sliding"; !sliding && !slices.Contains(correlationKeys, key.Text) {
			return made, &fault{key.Place, "a correlation has no " + key.Text, "use only " + strings.Join(correlationKeys, ", ")}
		}
	}
	for _, key := range []string{"rules", "group-by"} {
		if err := flat(c, key); err != nil {
			return made, err
		}
	}
	var err error
	if made.Timespan, err = span(c, "timespan"); err != nil {
		return made, err
	}
	if made.Suppress = made.Timespan; tree.Child("suppress") != nil {
		if made.Suppress, err = span(tree, "suppress"); err != nil {
			return made, err
		}
	}
	if err := made.readAliases(c.Child("aliases")); err != nil {
		return made, err
	}
	if err := made.readEntity(tree.Child("entity")); err != nil {
		return made, err
	}
	return made, made.readCondition(c)
}

// maxFields bounds the fields that a correlation makes every match of its rules carry.
const maxFields = 12

// span reads a time as 5m. A window must last; silence need not.
func span(tree *document.Node, key string) (time.Duration, error) {
	at := tree.Place
	if kid := tree.Child(key); kid != nil {
		at = kid.Place
	}
	read := timespans.FindStringSubmatch(tree.Word(key))
	if read == nil {
		return 0, &fault{at, "the correlation has no " + key + " as 5m", "add " + key + ": a number and one of s, m, h, d, w, M, y"}
	}
	number, err := strconv.Atoi(read[1])
	made := time.Duration(number) * units[read[2]]
	if least := key == "timespan"; err != nil || made < 0 || made/units[read[2]] != time.Duration(number) || least && made == 0 || made > maxSpan {
		return 0, &fault{at, "the " + key + " " + read[0] + " is out of bounds", "use one from 1s to 366d"}
	}
	return made, nil
}

// maxSpan bounds what must be remembered.
const maxSpan = 366 * 24 * time.Hour

func (c *Correlation) readEntity(tree *document.Node) error {
	if tree == nil {
		return nil
	}
	c.Entity = [2]string{tree.Word("family"), tree.Word("field")}
	if c.Entity[0] == "" || !slices.Contains(c.GroupBy, c.Entity[1]) {
		return &fault{tree.Place, "the entity has no family, or no field that the correlation groups by", "write entity: {family: host, field: one of group-by}"}
	}
	return nil
}

func (c *Correlation) temporal() bool { return strings.HasPrefix(c.Type, "temporal") }

// flat refuses what is neither a name nor a list of names; it would be read as none.
func flat(tree *document.Node, key string) error {
	at := tree.Child(key)
	if at == nil {
		return nil
	}
	names := []*document.Node{at}
	if at.Kind == document.List {
		names = at.Kids
	}
	for _, name := range names {
		if name.Kind == document.Mapping || name.Kind == document.List || name != at && name.Text == "" {
			return &fault{name.Place, "what stands under " + key + " is no name", "write " + key + ": [one, another]"}
		}
	}
	return nil
}

func (c *Correlation) readAliases(tree *document.Node) error {
	if tree == nil || tree.Kind == document.Null {
		return nil
	}
	wrong := func(at *document.Node, text string) error {
		return &fault{at.Place, text, "write aliases: {name: {rule: field, another rule: its field}}"}
	}
	if tree.Kind != document.Mapping {
		return wrong(tree, "the aliases are no mapping")
	}
	c.Aliases = map[string]map[string]string{}
	for i, alias := range tree.Keys {
		if tree.Kids[i].Kind != document.Mapping || len(tree.Kids[i].Keys) == 0 {
			return wrong(tree.Kids[i], "the alias "+alias.Text+" names no rules with their fields")
		}
		c.Aliases[alias.Text] = map[string]string{}
		for k, rule := range tree.Kids[i].Keys {
			field := tree.Kids[i].Kids[k]
			if field.Kind == document.Mapping || field.Kind == document.List || field.Text == "" {
				return wrong(field, "the alias "+alias.Text+" has no field of "+rule.Text)
			}
			c.Aliases[alias.Text][rule.Text] = field.Text
			c.aliased = append(c.aliased, aliased{alias.Text, rule.Text, rule.Place})
		}
	}
	return nil
}

func (c *Correlation) readCondition(body *document.Node) error {
	condition := body.Child("condition")
	switch {
	case condition == nil && c.temporal():
		return nil
	case condition == nil:
		return &fault{body.Place, "the correlation has no condition", "add condition: with one of " + strings.Join(bounds, ", ")}
	case condition.Kind == document.Text && c.temporal():
		made, err := parseCombining(condition.Text, c.Rules, c.Type == "temporal_ordered")
		if c.Extended = made; err != nil {
			return &fault{condition.Place, err.Error(), "combine the names under rules: with and, or, not and brackets"}
		}
		return nil
	case condition.Kind != document.Mapping:
		return &fault{condition.Place, "only a temporal correlation takes a condition over rule names", "write one of " + strings.Join(bounds, ", ") + " and a number"}
	}
	if err := flat(condition, "field"); err != nil {
		return err
	}
	c.Fields, c.Bounds, c.Percentile = condition.Child("field").Words(), map[string]float64{}, 50
	for i, key := range condition.Keys {
		if key.Text == "field" {
			continue
		}
		number, err := strconv.ParseFloat(condition.Kids[i].Text, 64)
		if key.Text == "percentile" && c.Type == "value_percentile" {
			if c.Percentile = number; err != nil || number < 0 || number > 100 {
				return &fault{condition.Kids[i].Place, "the percentile " + condition.Kids[i].Text + " is no number from 0 to 100", "write for example percentile: 95"}
			}
			continue
		}
		if !slices.Contains(bounds, key.Text) || err != nil || math.IsNaN(number) {
			return &fault{key.Place, "the condition " + key.Text + " is none of " + strings.Join(bounds, ", ") + " with a number", "write for example gte: 10"}
		}
		c.Bounds[key.Text] = number
	}
	if strings.HasPrefix(c.Type, "value_") && len(c.Fields) == 0 {
		return &fault{condition.Place, c.Type + " counts no field", "add field: to the condition"}
	}
	if many := len(c.Fields) > 1 && c.Type != "value_count"; many || len(c.Fields)+len(c.GroupBy) > maxFields {
		return &fault{condition.Place, c.Type + " counts too many fields", "name one field; value_count may name several"}
	}
	if len(c.Bounds) == 0 {
		return &fault{condition.Place, "the condition has no bound", "add one of " + strings.Join(bounds, ", ")}
	}
	if c.unmet() {
		return &fault{condition.Place, "no number meets all bounds of the condition", "correct one of them, or leave it out"}
	}
	return nil
}

// unmet reports whether the bounds exclude one another.
func (c *Correlation) unmet() bool {
	low, high := math.Inf(-1), math.Inf(1)
	for name, bound := range c.Bounds {
		if name == "gt" || name == "gte" || name == "eq" {
			low = max(low, bound)
		}
		if name == "lt" || name == "lte" || name == "eq" {
			high = min(high, bound)
		}
	}
	open := func(name string) bool { bound, has := c.Bounds[name]; return has && bound == low }
	return low > high || low == high && (open("gt") || open("lt") || open("neq"))
}
