package rules

import (
	"io/fs"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Mapping says what a stream's events hold: the names and types that native rules see, and which of them tell the
// entity, the asset, the time, the observables and the summary.
type Mapping struct {
	ID     string           `yaml:"id"`
	Fields map[string]Field `yaml:"fields"`
	Entity []Named          `yaml:"entity"` // the first one present counts
	Asset  struct {
		Name    []string `yaml:"name"`
		AgentID []string `yaml:"agent_id"`
		Address []string `yaml:"address"`
	} `yaml:"asset"`
	Time        []string `yaml:"time"`
	Observables []Seen   `yaml:"observables"`
	Techniques  []string `yaml:"techniques"`
	CVEs        []string `yaml:"cves"`
	Summary     []string `yaml:"summary"`

	// Sigma is nil for a mapping of native names alone.
	Sigma *Taxonomy `yaml:"sigma"`

	file string // where it was read
}

// Field is where a name lies in the event, and its type: string, int, float, bool or list (of strings).
type Field struct {
	Path string `yaml:"path"`
	Type string `yaml:"type"`
}

// Named makes an entity of a field.
type Named struct {
	Family string `yaml:"family"`
	Field  string `yaml:"field"`
}

// Seen makes observables of a field.
type Seen struct {
	Type  string `yaml:"type"`
	Field string `yaml:"field"`
}

func (l *loader) readMappings(source fs.FS) {
	for _, name := range filesIn(source, "mappings") {
		made := &Mapping{}
		if !l.readStrict(source, name, maxRule, made) {
			continue
		}
		if wrong, word, mend := made.check(); wrong != "" {
			l.refuseAt(NameIn(source, name), wordPlace(source, name, "", word), wrong, mend)
			continue
		}
		if made.Sigma != nil {
			if wrong, key := made.Sigma.check(); wrong != "" {
				l.refuseAt(NameIn(source, name), wordPlace(source, name, "sigma", key), wrong, "correct it below sigma:")
				continue
			}
		}
		made.file = NameIn(source, name)
		l.library.mappings[made.ID] = made
	}
}

func (l *loader) readLists(source fs.FS) {
	for _, name := range filesIn(source, "lists") {
		var values []string
		list := strings.TrimSuffix(path.Base(name), path.Ext(name))
		if !l.readStrict(source, name, maxList, &values) {
			l.lostLists = append(l.lostLists, list)
			continue
		}
		l.lists[list] = values
	}
}

var observableTypes = []string{"ip", "domain", "url", "hash", "file", "user", "host", "mail", "cve"}

var types = map[string]any{"string": "", "int": 0, "float": 0.0, "bool": false, "list": []string{}}

// check says what is wrong, at which word of the file, and how it is mended.
func (m *Mapping) check() (wrong, word, mend string) {
	const typed = "a type string, int, float, bool or list"
	if m.ID == "" {
		return "the mapping has no id", "", "add id:"
	}
	names := slices.Sorted(maps.Keys(m.Fields))
	for _, name := range names {
		if field := m.Fields[name]; types[field.Type] == nil || field.Path == "" {
			return name + " has no path or an unknown type " + field.Type, name, "give it a path, and " + typed
		}
	}
	used := slices.Concat(m.Asset.Name, m.Asset.AgentID, m.Asset.Address, m.Time, m.Techniques, m.CVEs, m.Summary)
	for _, entity := range m.Entity {
		used = append(used, entity.Field)
	}
	for _, seen := range m.Observables {
		if !slices.Contains(observableTypes, seen.Type) {
			return seen.Type + " is no type of an observable", seen.Type, nearest("write one of "+strings.Join(observableTypes, ", "), seen.Type, observableTypes)
		}
		used = append(used, seen.Field)
	}
	for _, name := range used {
		if _, ok := m.Fields[name]; !ok {
			return name + " is used and not declared", name, nearest("declare it under fields, with "+typed, name, names)
		}
	}
	return "", "", ""
}

// values are a field's texts, without empty ones and Windows' "-".
func (m *Mapping) values(s *shape, name string) (texts []string) {
	value, _ := s.lookup(m.Fields[name].Path)
	all, isList := value.([]any)
	if !isList {
		all = []any{value}
	}
	for _, each := range all {
		if t := strings.TrimSpace(textOf(each)); t != "" && t != "-" {
			texts = append(texts, t)
		}
	}
	return texts
}

func (m *Mapping) first(s *shape, names []string) string {
	for _, name := range names {
		if texts := m.values(s, name); len(texts) > 0 {
			return texts[0]
		}
	}
	return ""
}

// facts are what an event says of any match.
type facts struct {
	mapping *Mapping
	shape   *shape
	common  Match
}

// bounds of what a detection carries from an event.
const (
	maxObservables = 32
	maxValue       = 1024 // bytes
	maxSummary     = 300  // bytes
)

func (m *Mapping) facts(s *shape) *facts {
	f := &facts{mapping: m, shape: s}
	if m == nil {
		return f
	}
	f.common.Asset = soar.Asset{Name: clip(m.first(s, m.Asset.Name), maxValue), AgentID: clip(m.first(s, m.Asset.AgentID), 32), Address: address(m.first(s, m.Asset.Address))}
	f.common.EventTime = timeOf(m, s)
	for _, seen := range m.Observables {
		for _, text := range m.values(s, seen.Field) {
			f.observe(seen.Type, text)
		}
	}
	for _, name := range m.Techniques {
		f.common.Techniques = append(f.common.Techniques, m.values(s, name)...)
	}
	for _, name := range m.CVEs {
		f.common.CVEs = append(f.common.CVEs, m.values(s, name)...)
	}
	f.common.Summary = m.first(s, m.Summary)
	return f
}

// observe adds what can be an observable of that type. Sysmon writes several hashes as SHA1=...,MD5=...
func (f *facts) observe(kind, text string) {
	for part := range strings.SplitSeq(text, ",") {
		if kind == "hash" {
			if _, after, ok := strings.Cut(part, "="); ok {
				if strings.HasPrefix(part, "IMPHASH") {
					continue
				}
				part = after
			}
			part = strings.ToLower(strings.TrimSpace(part))
		} else {
			part = text
		}
		if kind == "ip" {
			part = address(part)
		}
		made := soar.Observable{Type: kind, Value: part}
		if part == "" || len(part) > maxValue || len(f.common.Observables) >= maxObservables || slices.Contains(f.common.Observables, made) {
			continue
		}
		f.common.Observables = append(f.common.Observables, made)
	}
}

// address is an address in its usual form, "" if it is none or every host's own.
func address(text string) string {
	made, err := netip.ParseAddr(text)
	if err != nil || made.IsLoopback() || made.IsUnspecified() {
		return ""
	}
	return made.Unmap().String()
}

// complete joins what the rule says with what the event says.
func (f *facts) complete(says Match, entity []Named) Match {
	says.Asset, says.EventTime, says.Observables = f.common.Asset, f.common.EventTime, slices.Clone(f.common.Observables)
	says.Techniques = union(says.Techniques, f.common.Techniques)
	says.CVEs = union(says.CVEs, f.common.CVEs)
	says.Tactics = slices.Clone(says.Tactics)
	if f.mapping != nil {
		for _, named := range slices.Concat(entity, f.mapping.Entity) {
			if texts := f.mapping.values(f.shape, named.Field); len(texts) > 0 {
				says.Entity = soar.Entity{Family: named.Family, Name: clip(texts[0], maxValue)}
				break
			}
		}
	}
	says.Summary = says.Rule.Title
	if f.common.Summary != "" && f.common.Summary != says.Summary {
		says.Summary += ": " + f.common.Summary
	}
	says.Summary = clip(says.Summary, maxSummary)
	return says
}

func union(a, b []string) (all []string) {
	for _, text := range slices.Concat(a, b) {
		if !slices.Contains(all, text) && len(all) < maxObservables {
			all = append(all, clip(text, 100))
		}
	}
	return all
}

// clip makes text one printable line of at most so many bytes.
func clip(text string, most int) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsSpace(r) {
			r = ' '
		}
		if !unicode.IsPrint(r) {
			continue
		}
		if b.Len()+len(string(r)) > most {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
