package rules

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/logsource"
)

// Taxonomy is a mapping's part sigma: what its events are in Sigma's words. Without it Sigma rules find their fields by
// their own names, and the event's shape tells the log source.
type Taxonomy struct {
	Order    int                `yaml:"order"`    // among mappings that an event could be of, the lowest counts; 0 if not given
	Channels texts              `yaml:"channels"` // products whose channel and event id tell the log source, of events that have them: windows, linux (Sysmon)
	Marks    []map[string]texts `yaml:"marks"`    // an event for which all of one line holds is of this mapping
	Sources  []TaxonomySource   `yaml:"sources"`  // the first one that holds tells the log source
	Fields   map[string]texts   `yaml:"fields"`   // by a rule's field: the places where it may be, the first present counts
}

// TaxonomySource is a log source and what tells it.
type TaxonomySource struct {
	When     map[string]texts `yaml:"when"` // by field, of fields or the event's own: values, * (is there), - (is not) or {} (is an object)
	Product  string           `yaml:"product"`
	Service  texts            `yaml:"service"`
	Category texts            `yaml:"category"`
	None     bool             `yaml:"none"` // no rule is for such events
}

// texts is one text or a list of them.
type texts []string

// UnmarshalYAML reads either.
func (t *texts) UnmarshalYAML(decode func(any) error) error {
	var all []string
	if decode(&all) == nil {
		*t = all
		return nil
	}
	var one string
	if err := decode(&one); err != nil {
		return err
	}
	*t = texts{one}
	return nil
}

// bounds of what a mapping may ask of each event.
const (
	maxValues = 250 // values of one field that tell log sources
	maxDots   = 8   // of a place: each doubles where it may be
)

// check says what is wrong, and the key below sigma: where.
func (t *Taxonomy) check() (wrong, key string) {
	for _, marks := range t.Marks {
		if len(marks) == 0 {
			return "a line of marks is empty", "marks"
		}
	}
	for _, product := range t.Channels {
		if product != "windows" && product != "linux" {
			return "channels of " + product + " are not known", "channels"
		}
	}
	values := map[string]int{}
	for _, source := range t.Sources {
		if source.None == (source.Product != "" || len(source.Service)+len(source.Category) > 0) {
			return "a source names no log source, or both none and one", "sources"
		}
		for name, of := range source.When {
			if values[name] += len(of); values[name] > maxValues {
				return fmt.Sprintf("%s has more than %d values", name, maxValues), "sources"
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Fields)) {
		places := t.Fields[name]
		bad := func(place string) bool { return place == "" || strings.Count(place, ".") > maxDots }
		if name == "" || len(places) == 0 || slices.ContainsFunc(places, bad) {
			return fmt.Sprintf("field %q has no place, or one with more than %d dots", name, maxDots), "fields"
		}
	}
	return "", ""
}

// shape is the same for both readings of the rules.
func (m *Mapping) shape() *logsource.Shape {
	made := &logsource.Shape{ID: m.ID, Order: m.Sigma.Order, Channels: m.Sigma.Channels, Fields: map[string][]string{}}
	for _, marks := range m.Sigma.Marks {
		made.Marks = append(made.Marks, signs(marks))
	}
	for _, source := range m.Sigma.Sources {
		class := logsource.Class{Product: source.Product, Services: source.Service, Categories: source.Category, None: source.None}
		made.Sources = append(made.Sources, logsource.Source{When: signs(source.When), Class: class})
	}
	for name, places := range m.Sigma.Fields {
		made.Fields[strings.ToLower(name)] = places
	}
	return made
}

func signs(from map[string]texts) logsource.Signs {
	made := logsource.Signs{}
	for name, values := range from {
		made[name] = values
	}
	return made
}

// shapes are those of all mappings, in the order in which an event is tried.
func (l *Library) taxonomies() (all []*logsource.Shape) {
	for _, mapping := range l.mappings {
		if mapping.Sigma != nil {
			all = append(all, mapping.shape())
		}
	}
	logsource.Sort(all)
	return all
}

// Serving are the mappings whose events may belong to a log source, sorted: the streams that a Sigma rule can see. A
// mapping of native names alone leaves its events to their shape, which may tell any log source that Told has.
func (l *Library) Serving(product, category, service string) (ids []string) {
	for _, shape := range l.shapes {
		if shape.Serves(product, category, service) {
			ids = append(ids, shape.ID)
		}
	}
	for id, mapping := range l.mappings {
		if mapping.Sigma == nil && l.Told(product, category, service) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Told reports whether an event of some shape belongs to a log source, be the shape a mapping's or not.
func (l *Library) Told(product, category, service string) bool {
	return slices.ContainsFunc(append(slices.Clip(l.shapes), &logsource.Bare), func(shape *logsource.Shape) bool {
		return shape.Serves(product, category, service)
	})
}

// wordPlace is where a word first stands in a mapping, as a key or a value below one of its top keys; "" is the whole.
func wordPlace(source fs.FS, name, under, word string) document.Place {
	text, err := readFile(source, name, maxRule)
	if err != nil {
		return document.Place{Line: 1}
	}
	trees, err := document.Read(text)
	if err != nil || len(trees) == 0 {
		return document.Place{Line: 1}
	}
	part := trees[0]
	if under != "" {
		part = part.Child(under)
	}
	if found := findWord(part, word); found != nil {
		return found.Place
	}
	return part.Place
}

// findWord is the first node of that text, keys before values; nil if there is none.
func findWord(in *document.Node, word string) *document.Node {
	for _, key := range in.Keys {
		if key.Text == word {
			return key
		}
	}
	for _, kid := range in.Kids {
		if kid.Text == word && len(kid.Kids) == 0 {
			return kid
		}
		if found := findWord(kid, word); found != nil {
			return found
		}
	}
	return nil
}
