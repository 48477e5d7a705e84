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
	"github.com/sallyport-soar/sallyport/rules/engine"
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
	engines sync.Pool
}

// For returns the matcher of a stream whose mapping has that name, or Auto.
func (l *Library) For(mapping string) (*Matcher, error) {
	m := &Matcher{library: l}
	if mapping == Auto {
		mapping = ""
	}
	if m.mapping = l.mappings[mapping]; m.mapping == nil && mapping != "" {
		return nil, fmt.Errorf("no mapping is named %s", mapping)
	}
	m.engines.New = func() any { return l.program.NewMatcher(mapping) }
	return m, nil
}

// Match returns the rules that match a document's source, by id. An event that is no JSON object is a MalformedError.
func (m *Matcher) Match(source []byte) ([]Match, error) {
	eng := m.engines.Get().(*engine.Matcher)
	hits, err := eng.Match(source)
	hits = slices.Clone(hits)
	m.engines.Put(eng) // one that panicked is left to the collector
	if wrong, ok := errors.AsType[*engine.SyntaxError](err); ok {
		return nil, &MalformedError{int64(wrong.Offset), wrong.Reason}
	}
	if err != nil || len(hits) == 0 {
		return nil, err
	}
	return m.complete(source, hits)
}

// complete decodes an event that rules match, asks the programs of native ones, and adds what the event says.
func (m *Matcher) complete(source []byte, hits []engine.Hit) ([]Match, error) {
	c, err := m.completer(source)
	if err != nil {
		return nil, err
	}
	for _, hit := range hits {
		if err := c.add(hit.Rule); err != nil && m.Faulted != nil {
			m.Faulted(m.library.id(hit.Rule), err)
		}
	}
	return c.sorted(), nil
}

// completer makes matches of the rules that the engine found in one event.
type completer struct {
	library *Library
	shaped  *shape
	mapping *Mapping
	seen    *facts
	env     map[string]any
	matches []Match
}

func (m *Matcher) completer(source []byte) (*completer, error) {
	root, err := decode(source)
	if err != nil {
		return nil, err
	}
	named := ""
	if m.mapping != nil {
		named = m.mapping.ID
	}
	c := &completer{library: m.library, shaped: newShape(root, m.library.shapes, named), mapping: m.mapping}
	if c.mapping == nil {
		c.mapping = m.library.mappings[c.shaped.mapping]
	}
	return c, nil
}

// add adds a rule's match, if a native rule's program says so too.
func (c *completer) add(rule int) error {
	var says Match
	var entity []Named
	if native := c.library.native; rule >= len(native) {
		says = c.library.sigma[rule-len(native)].says
	} else {
		if c.env == nil {
			c.env = c.mapping.env(c.shaped)
		}
		if holds, err := native[rule].holds(c.env); !holds {
			return err
		}
		says, entity = native[rule].says, native[rule].Entity
	}
	if c.seen == nil {
		c.seen = c.mapping.facts(c.shaped)
	}
	c.matches = append(c.matches, c.seen.complete(says, entity))
	return nil
}

func (c *completer) sorted() []Match {
	slices.SortStableFunc(c.matches, func(a, b Match) int { return strings.Compare(a.Rule.ID, b.Rule.ID) })
	return c.matches
}

// id is a rule's id, by its place in the program.
func (l *Library) id(rule int) string {
	if rule < len(l.native) {
		return l.native[rule].ID
	}
	return l.sigma[rule-len(l.native)].ID
}
