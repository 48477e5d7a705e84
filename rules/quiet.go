package rules

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Suppression keeps detections quiet that are known to mean nothing: they stay in the ledger, marked with its id, open
// nothing and feed no correlation. It holds until its day is over, and says why.
type Suppression struct {
	ID     string              `yaml:"id"`
	Reason string              `yaml:"reason"`
	Until  string              `yaml:"until"`  // the last day, as 2027-03-31, in UTC
	Rules  []string            `yaml:"rules"`  // ids; none: every rule
	Entity []string            `yaml:"entity"` // family/name; none: every entity
	Fields map[string][]string `yaml:"fields"` // each must have one of the values; a network holds its addresses

	over time.Time
	file string
}

// Holds reports whether it still holds. Nobody holds for ever.
func (s *Suppression) Holds(now time.Time) bool { return s != nil && now.Before(s.over) }

// Over is when it ends.
func (s *Suppression) Over() time.Time { return s.over }

// readSuppressions reads the suppressions of a source; a later source's replaces an earlier one's of the same id.
func (l *loader) readSuppressions(source fs.FS) {
	for _, name := range filesIn(source, "suppressions") {
		var read []Suppression
		if !l.readStrict(source, name, maxList, &read) {
			continue
		}
		for i := range read {
			read[i].file = NameIn(source, name)
			l.addSuppression(read[i].file, &read[i])
		}
	}
}

func (l *loader) addSuppression(name string, s *Suppression) {
	day, err := time.Parse(time.DateOnly, s.Until)
	s.over = day.AddDate(0, 0, 1)
	switch {
	case s.ID == "" || strings.TrimSpace(s.Reason) == "":
		l.refuse(name, 1, "a suppression has no id or no reason", "add id: and reason:")
	case err != nil:
		l.refuse(name, 1, "suppression "+s.ID+" has no end", "add until: its last day, as 2027-03-31")
	case len(s.Rules)+len(s.Entity)+len(s.Fields) == 0:
		l.refuse(name, 1, "suppression "+s.ID+" would keep everything quiet", "name rules, entities or fields")
	default:
		if now := time.Now(); !s.Holds(now) {
			l.warn(name, "suppression "+s.ID+" ended on "+s.Until+" and does nothing", "remove it, or say why it must go on")
		}
		l.library.quiet = slices.DeleteFunc(l.library.quiet, func(old *Suppression) bool { return old.ID == s.ID })
		l.library.quiet = append(l.library.quiet, s)
	}
}

// keepQuiet takes from the library before what stood in a file that is refused now.
func (l *loader) keepQuiet(before *Library, file string) {
	for _, s := range before.quiet {
		if s.file == file && !slices.ContainsFunc(l.library.quiet, func(read *Suppression) bool { return read.ID == s.ID }) {
			l.library.quiet = append(l.library.quiet, s)
		}
	}
}

func (l *loader) warn(name, text, mend string) {
	l.report.Warnings = append(l.report.Warnings, Fault{File: name, Line: 1, Text: text, Mend: mend})
}

// checkSuppressions warns of those that name a rule which is not there: they do less than they say.
func (l *loader) checkSuppressions(ids map[string]string) {
	for _, s := range l.library.quiet {
		for _, rule := range s.Rules {
			if ids[rule] == "" && l.library.Correlate.Rule(rule) == nil {
				l.warn(s.file, fmt.Sprintf("suppression %s names rule %s, which is not there", s.ID, rule), "name the rule's id")
			}
		}
	}
}

// Quiet is the suppression of a detection that lasts longest, nil if there is none. field tells the event's values.
func (l *Library) Quiet(rule string, entity soar.Entity, field func(string) string) (longest *Suppression) {
	for _, s := range l.quiet {
		if s.fits(rule, entity, field) && (longest == nil || s.over.After(longest.over)) {
			longest = s
		}
	}
	return longest
}

func (s *Suppression) fits(rule string, entity soar.Entity, field func(string) string) bool {
	about := entity.Normalised().String()
	if len(s.Rules) > 0 && !slices.Contains(s.Rules, rule) ||
		len(s.Entity) > 0 && !slices.ContainsFunc(s.Entity, func(e string) bool { return strings.EqualFold(strings.TrimSpace(e), about) }) {
		return false
	}
	for name, values := range s.Fields {
		text := field(name)
		if text == "" || !slices.ContainsFunc(values, func(value string) bool { return strings.EqualFold(value, text) || holds(value, text) }) {
			return false
		}
	}
	return true
}

// holds reports whether a network holds an address.
func holds(network, text string) bool {
	prefix, err := netip.ParsePrefix(network)
	address, wrong := netip.ParseAddr(text)
	return err == nil && wrong == nil && prefix.Contains(address.Unmap())
}
