package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// correlate makes the correlations ready, and warns of rules that say nothing by themselves any more though they are
// grave.
func (l *loader) correlate(all []*sigma.Rule) {
	ids := map[string]string{}
	for _, rule := range all {
		ids[rule.ID] = rule.ID
		if rule.Name != "" {
			ids[rule.Name] = rule.ID
		}
	}
	l.library.Correlations = slices.DeleteFunc(l.library.Correlations, l.neverFires)
	l.library.Correlate = correlate.Compile(l.library.Correlations, ids, l.risk)
	l.checkSuppressions(ids)
	for _, rule := range l.native {
		if l.library.Correlate.OnlyFeeds(rule.ID) && (rule.Opens || rule.Level.Rank() >= soar.High.Rank()) {
			l.warnFeeds(rule.File, 1, rule.ID)
		}
	}
	for _, rule := range l.sigma {
		if l.library.Correlate.OnlyFeeds(rule.ID) && rule.says.Opens {
			l.warnFeeds(rule.File, rule.Line, rule.ID)
		}
	}
}

// neverFires refuses a correlation that waits for more events than are remembered.
func (l *loader) neverFires(c sigma.Correlation) bool {
	least := max(c.Bounds["gt"], c.Bounds["gte"], c.Bounds["eq"])
	if c.Type != "event_count" && c.Type != "value_count" || least < float64(correlate.Usual.PerGroup) {
		return false
	}
	l.refuse(c.File, c.Line, fmt.Sprintf("the correlation waits for %g events of a group, and %d are remembered", least, correlate.Usual.PerGroup), "wait for fewer within a shorter time")
	return true
}

func (l *loader) warnFeeds(file string, line int, id string) {
	l.report.Warnings = append(l.report.Warnings, Fault{
		File: file, Line: line, Text: "a correlation is made of " + id + ", which opens no incident by itself any more",
		Mend: "add generate: true to the correlation if it should",
	})
}

// Says is what every detection of a correlation says.
func Says(c *correlate.Rule) Match {
	says := Match{Rule: soar.Rule{ID: c.ID, Title: c.Title, Level: soar.Level(c.Level), Version: c.Version, Author: c.Author, Licence: c.Licence}}
	says.Opens = c.Opens || says.Rule.Level.Rank() >= soar.High.Rank()
	says.tag(c.Tags)
	return says
}

// maxCorrelated bounds a value that correlations group by or count, in bytes.
const maxCorrelated = 200

// correlated are the values of an event that correlations over a rule need.
func (c *completer) correlated(id string, native bool) map[string]string {
	needs := c.library.Correlate.Needs(id)
	if len(needs) == 0 {
		return nil
	}
	values := make(map[string]string, len(needs))
	for _, field := range needs {
		if text := c.field(field, native); text != "" {
			values[field] = bounded(text)
		}
	}
	return values
}

// field is a scalar of the event, by the name that the rule would use: native rules by their mapping's names, Sigma's by
// the event's own, and then by the mapping's.
func (c *completer) field(name string, native bool) string {
	declared := ""
	if c.mapping != nil {
		if _, there := c.mapping.Fields[name]; there {
			if texts := c.mapping.values(c.shaped, name); len(texts) > 0 {
				declared = texts[0]
			}
			if native {
				return declared
			}
		}
	}
	if value, there := c.shaped.lookup(name); there {
		return textOf(value)
	}
	return declared
}

// bounded keeps the beginning of a long value and its hash, so that two of them stay two.
func bounded(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= maxCorrelated {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return strings.ToValidUTF8(text[:maxCorrelated-17], "") + "~" + hex.EncodeToString(sum[:8])
}
