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
	Tags                      []string // the rule's own, as written
	Tactics, Techniques, CVEs []string
	Opens                     bool // opens an incident by itself
	Entity                    soar.Entity
	Asset                     soar.Asset
	Observables               []soar.Observable
	EventTime                 time.Time // zero if the event names none that can be read
	Summary                   string    // one printable line of at most 300 bytes

	// Correlate are the values that correlations over the rule group by or count, by field. OnlyFeeds says that the rule
	// is nothing by itself: correlations are made of it.
	Correlate map[string]string
	OnlyFeeds bool
	Quiet     *Suppression // that fits and lasts longest; nil: none. Whether it still holds the reader decides
}

// tag keeps the tags, and takes ATT&CK and CVE ids from Sigma's tags.
func (m *Match) tag(tags []string) {
	m.Tags = tags
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
	// Absent is told of each field of the mapping whose value is not of its type, so that the field counts as absent. It is
	// asked only where a native rule may match. It may be nil; set it before the first event.
	Absent func(field string)
	// EveryRule tries every rule on every event, whatever log source or mapping the rule is for. Set it before the first event.
	EveryRule bool

	library *Library
	mapping *Mapping // nil: by shape
	engines sync.Pool
	costs   *costs // nil: nobody asks
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
	m.engines.New = func() any {
		made := l.program.NewMatcher(mapping)
		if m.EveryRule {
			made.IgnoreLogsource()
		}
		return made
	}
	return m, nil
}

// Match returns the rules that match a document's source, by id. An event that is no JSON object is a MalformedError.
func (m *Matcher) Match(source []byte) ([]Match, error) {
	eng := m.engines.Get().(*engine.Matcher)
	hits, err := m.ask(eng, source)
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

func (m *Matcher) ask(eng *engine.Matcher, source []byte) ([]engine.Hit, error) {
	if m.costs.asks() {
		return m.costs.time(m.library, eng, source)
	}
	return eng.Match(source)
}

// name is the mapping's, "" if each event's shape says it.
func (m *Matcher) name() string {
	if m.mapping == nil {
		return ""
	}
	return m.mapping.ID
}

// complete decodes an event that rules match, asks the programs of native ones, and adds what the event says.
func (m *Matcher) complete(source []byte, hits []engine.Hit) ([]Match, error) {
	c, err := m.completer(source)
	if err != nil {
		return nil, err
	}
	timed := m.costs.asks()
	for _, hit := range hits {
		begin := time.Now()
		if err := c.add(hit.Rule); err != nil && m.Faulted != nil {
			m.Faulted(m.library.id(hit.Rule), err)
		}
		if timed && hit.Rule < len(m.library.native) { // its program ran here
			m.costs.add(m.library, hit.Rule, time.Since(begin))
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
	envs    map[string]map[string]any // by mapping
	absent  func(field string)
	matches []Match
}

// shaped is a decoded event as rules of the stream ask it.
func (m *Matcher) shaped(root map[string]any) *shape {
	named := ""
	if m.mapping != nil {
		named = m.mapping.ID
	}
	return newShape(root, m.library.shapes, named)
}

func (m *Matcher) completer(source []byte) (*completer, error) {
	root, err := decode(source)
	if err != nil {
		return nil, err
	}
	c := &completer{library: m.library, shaped: m.shaped(root), mapping: m.mapping, envs: map[string]map[string]any{}, absent: m.Absent}
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
		if holds, err := native[rule].holds(c.env(native[rule].Mapping)); !holds {
			return err
		}
		says, entity = native[rule].says, native[rule].Entity
	}
	if c.seen == nil {
		c.seen = c.mapping.facts(c.shaped)
	}
	says = c.seen.complete(says, entity)
	says.Correlate, says.OnlyFeeds = c.correlated(says.Rule.ID, rule < len(c.library.native)), c.library.Correlate.OnlyFeeds(says.Rule.ID)
	if len(c.library.quiet) > 0 {
		says.Quiet = c.library.Quiet(says.Rule.ID, says.Entity, func(name string) string { return c.field(name, rule < len(c.library.native)) })
	}
	c.matches = append(c.matches, says)
	return nil
}

// env is what the conditions of a mapping's rules see of the event.
func (c *completer) env(mapping string) map[string]any {
	if c.envs[mapping] == nil {
		c.envs[mapping] = c.library.mappings[mapping].env(c.shaped, c.absent)
	}
	return c.envs[mapping]
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
