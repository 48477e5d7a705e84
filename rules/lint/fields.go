package lint

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/rules"
)

//go:embed fields.yaml
var fieldsFile []byte

// section are the fields that events of a log source have.
type section struct {
	Product  string `yaml:"product"`
	Category string `yaml:"category"`
	Service  string `yaml:"service"`
	Common   bool   `yaml:"common"` // beside what others of the product have
	Fields   string `yaml:"fields"`
}

// logSource is a log source, in Sigma's words.
type logSource struct{ product, category, service string }

// String is the log source as people read it.
func (s logSource) String() string {
	return rules.LogSource{Product: s.product, Category: s.category, Service: s.service}.String()
}

// knowledge says which fields a log source has.
type knowledge struct {
	sections []section
	spelled  map[string]string // a field as its table writes it, by it in lower case
	bySource map[logSource]known
}

// known are a log source's fields in lower case; rest are beginnings of names whose rest may be anything.
type known struct {
	told   bool // false: nothing is known of the log source's fields
	fields map[string]bool
	rest   []string
}

func newKnowledge() (*knowledge, error) {
	k := &knowledge{bySource: map[logSource]known{}, spelled: map[string]string{}}
	if err := yaml.UnmarshalWithOptions(fieldsFile, &k.sections, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("fields.yaml: %w", err)
	}
	for _, section := range k.sections {
		for field := range strings.FieldsSeq(section.Fields) {
			k.spelled[strings.ToLower(field)] = field
		}
	}
	return k, nil
}

// of is what is known of a log source.
func (k *knowledge) of(s logSource) known {
	if made, ok := k.bySource[s]; ok {
		return made
	}
	made := known{fields: map[string]bool{}}
	for _, section := range k.sections {
		if !section.of(s) {
			continue
		}
		made.told = made.told || !section.Common
		for field := range strings.FieldsSeq(strings.ToLower(section.Fields)) {
			if beginning, any := strings.CutSuffix(field, "*"); any {
				made.rest = append(made.rest, beginning)
				continue
			}
			made.fields[field] = true
		}
	}
	k.bySource[s] = made
	return made
}

// of reports whether the section tells of such a log source. A rule for all of Windows may ask for what any of its events
// has.
func (s section) of(rule logSource) bool {
	if s.Product != "" && s.Product != rule.product {
		return false
	}
	if rule.category+rule.service == "" {
		return s.Product != "" || rule.product == "windows"
	}
	return (s.Category == "" || s.Category == rule.category) && (s.Service == "" || s.Service == rule.service)
}

func (k known) has(field string) bool {
	field = strings.ToLower(field)
	return k.fields[field] || slices.ContainsFunc(k.rest, func(beginning string) bool { return strings.HasPrefix(field, beginning) })
}
