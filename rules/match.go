package rules

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// Match is one rule that matched an event, with what the event says of it.
type Match struct {
	Rule                      soar.Rule
	Tactics, Techniques, CVEs []string
	Opens                     bool // opens an incident by itself
	Entity                    soar.Entity
	Asset                     soar.Asset
	Observables               []soar.Observable
	EventTime                 time.Time // zero if the event names none that can be read
	Summary                   string    // one printable line of at most 300 bytes
}

// tag takes ATT&CK and CVE ids from Sigma's tags.
func (m *Match) tag(tags []string) {
	for _, tag := range tags {
		space, name, _ := strings.Cut(strings.ToLower(tag), ".")
		switch {
		case space == "cve":
			m.CVEs = append(m.CVEs, "CVE-"+strings.ReplaceAll(name, ".", "-"))
		case space != "attack" || name == "":
		case len(name) > 4 && name[0] == 't' && name[1] >= '0' && name[1] <= '9':
			m.Techniques = append(m.Techniques, strings.ToUpper(name))
		case name[0] != 'g' && name[0] != 's' || strings.Trim(name[1:], "0123456789") != "":
			m.Tactics = append(m.Tactics, strings.ReplaceAll(name, "_", "-"))
		}
	}
}

func version(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// MalformedError says that an event is no JSON object.
type MalformedError struct {
	Offset int64 // bytes from the event's begin
	Reason string
}

// Error implements error.
func (m *MalformedError) Error() string {
	return fmt.Sprintf("not a JSON object at byte %d: %s", m.Offset, m.Reason)
}

// Permanent says that no retry mends it.
func (m *MalformedError) Permanent() bool { return true }

// decode reads one JSON object; numbers keep their text.
func decode(source []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.UseNumber()
	var root map[string]any
	if err := decoder.Decode(&root); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, &MalformedError{syntax.Offset, syntax.Error()}
		}
		return nil, &MalformedError{decoder.InputOffset(), "no object"}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &MalformedError{decoder.InputOffset(), "text after the object"}
	}
	if root == nil {
		return nil, &MalformedError{0, "null"}
	}
	return root, nil
}

// Auto is the name of the mapping that is chosen by each event's shape.
const Auto = "auto"

// Matcher evaluates a library on the events of one stream. It is safe for concurrent use.
type Matcher struct {
	// Faulted is told of each rule whose condition fails on an event: the rule then matches nothing there. It may be nil;
	// set it before the first event.
	Faulted func(rule string, err error)

	library *Library
	mapping *Mapping // nil: by shape
	classes sync.Map // of string to []sigmaRule; routing tables bound their number
}

// For returns the matcher of a stream whose mapping has that name, or Auto.
func (l *Library) For(mapping string) (*Matcher, error) {
	if mapping == Auto || mapping == "" {
		return &Matcher{library: l}, nil
	}
	found := l.mappings[mapping]
	if found == nil {
		return nil, fmt.Errorf("no mapping is named %s", mapping)
	}
	return &Matcher{library: l, mapping: found}, nil
}

// Match returns the rules that match a document's source, by id. An event that is no JSON object is a MalformedError.
func (m *Matcher) Match(source []byte) ([]Match, error) {
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
	var seen *facts
	add := func(says Match, entity []Named) {
		if seen == nil {
			seen = mapping.facts(shaped)
		}
		matches = append(matches, seen.complete(says, entity))
	}
	m.matchNative(mapping, shaped, add)
	event := sigma.NewEvent(root, shaped.lookup)
	for _, rule := range m.route(shaped) {
		if rule.Match(event) {
			add(rule.says, nil)
		}
	}
	slices.SortStableFunc(matches, func(a, b Match) int { return strings.Compare(a.Rule.ID, b.Rule.ID) })
	return matches, nil
}

func (m *Matcher) matchNative(mapping *Mapping, shaped *shape, add func(Match, []Named)) {
	var env map[string]any
	for _, rule := range m.library.native {
		if mapping == nil || rule.Mapping != mapping.ID {
			continue
		}
		if env == nil {
			env = mapping.env(shaped)
		}
		holds, err := rule.holds(env)
		if err != nil && m.Faulted != nil {
			m.Faulted(rule.ID, err)
		}
		if holds {
			add(rule.says, rule.Entity)
		}
	}
}

// route returns the Sigma rules of the event's class, which is made once.
func (m *Matcher) route(shaped *shape) []sigmaRule {
	class := classOf(shaped, m.mapping == nil)
	if known, ok := m.classes.Load(class.key()); ok {
		return known.([]sigmaRule)
	}
	var rules []sigmaRule
	for _, rule := range m.library.sigma {
		if class.takes(rule.Product, rule.Category, rule.Service) {
			rules = append(rules, rule)
		}
	}
	m.classes.Store(class.key(), rules)
	return rules
}
