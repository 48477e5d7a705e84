package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// maxReasons bounds the lines that say why a correlation fired.
const maxReasons = 20

// entryOf makes a detection of what fired. Its event is the last one of the window, so that its id, made of that event
// and the correlation, is the same whenever it is found again.
func (m *memory) entryOf(f correlate.Firing, now time.Time) opensearch.Entry {
	says, last := rules.Says(f.Rule), f.Trigger
	d := soar.Detection{
		Rule: says.Rule, Stream: last.Stream, Event: last.Event, EventTime: f.Time, ReadAt: f.ReadAt, Entity: entityOf(f), Asset: last.Asset,
		Tactics: says.Tactics, Techniques: says.Techniques, CVEs: says.CVEs, Opens: says.Opens, Observables: observablesOf(f),
		OnlyFeeds: f.Rule.Only || f.Silent, Correlate: map[string]string{}, Reasons: reasonsOf(f),
	}
	for _, value := range f.Values() {
		d.Correlate[value.Name] = value.Text
	}
	for _, e := range f.Events {
		d.From = append(d.From, e.Ref)
	}
	d.Summary = cut(oneLine(says.Rule.Title+": "+strings.Join(d.Reasons, "; ")), maxSummary)
	if quiet := m.library.Quiet(says.Rule.ID, d.Entity, func(name string) string { return d.Correlate[name] }); quiet.Holds(now) {
		d.SuppressedBy = quiet.ID
	}
	entry := opensearch.Entry{Detection: d, IndexCreated: f.Time}
	if month, known := opensearch.MonthOf(last.Ref); known {
		entry.IndexCreated = month
	}
	return entry
}

// entityOf is what the correlation names, or what its last event is about.
func entityOf(f correlate.Firing) soar.Entity {
	entity := f.Trigger.Entity
	for _, value := range f.Group {
		if f.Rule.Entity[1] == value.Name {
			entity = soar.Entity{Family: f.Rule.Entity[0], Name: value.Text}
		}
	}
	return boundEntity(entity, f.Trigger.Stream)
}

// observablesOf are those of the events, the newest first.
func observablesOf(f correlate.Firing) (all []soar.Observable) {
	for _, e := range slices.Backward(f.Events) {
		for _, o := range e.Observables {
			if len(all) < soar.MaxObservables && !slices.Contains(all, o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// reasonsOf say why it fired, for people.
func reasonsOf(f correlate.Firing) (lines []string) {
	for _, part := range f.Parts {
		lines = append(lines, fmt.Sprintf("%.1f by %s (%d)", part.Sum, oneLine(part.Rule), part.Count))
	}
	if f.Parts != nil {
		lines = append([]string{fmt.Sprintf("risk %.1f", f.Value)}, lines...)
		return lines[:min(len(lines), maxReasons)]
	}
	words := []string{fmt.Sprintf("%s %s %g of %d within %s", f.Rule.Type, strings.Join(f.Rule.Fields, "+"), f.Value, f.Count, f.Rule.Timespan)}
	for _, value := range f.Group {
		words = append(words, value.Name+"="+cut(value.Text, maxName))
	}
	return []string{oneLine(strings.Join(words, " "))}
}
