package rules

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// proof is one of the tests that a correlation carries: events in their order, and how often it fires on them.
type proof struct {
	Correlation string `yaml:"-"`
	File        string `yaml:"-"`
	Name        string `yaml:"name"`
	Mapping     string `yaml:"mapping"`
	Fires       int    `yaml:"fires"`
	Events      []struct {
		After time.Duration  `yaml:"after"` // since the test began
		Times int            `yaml:"times"` // so many of it; $n in its texts counts them from 1
		Every time.Duration  `yaml:"every"`
		Event map[string]any `yaml:"event"`
	} `yaml:"events"`
}

// maxProof bounds what one test feeds.
const maxProof = 100_000

// readProofs reads the tests of a file's correlations.
func (l *loader) readProofs(name string, text []byte) {
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var read struct {
			ID    string  `yaml:"id"`
			Name  string  `yaml:"name"`
			Title string  `yaml:"title"`
			Tests []proof `yaml:"tests"`
		}
		err := documents.Decode(&read)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			l.report.Refused = append(l.report.Refused, faultOf(name, document.Refusal(text, &read, err)))
			return
		}
		id := cmp.Or(read.ID, read.Name, read.Title)
		l.library.proofs = slices.DeleteFunc(l.library.proofs, func(p proof) bool { return p.Correlation == id })
		for _, made := range read.Tests {
			made.Correlation, made.File = id, name
			l.library.proofs = append(l.library.proofs, made)
		}
	}
}

// correlation plays the tests that a correlation carries, each in a memory of its own. One that must not fire is a near miss.
func (t *trial) correlation(c sigma.Correlation) {
	proved := Proved{Rule: c.ID, Title: c.Title, File: c.File}
	for _, p := range t.library.proofs {
		if p.Correlation != c.ID {
			continue
		}
		fired, err := t.library.play(p)
		if err == nil && fired != p.Fires {
			err = fmt.Errorf("it fires %d times, not %d", fired, p.Fires)
		}
		t.add(&proved, Tested{Rule: c.ID, File: c.File, Event: p.Name, Want: p.Fires > 0, Got: fired > 0, Near: p.Fires == 0, Err: err})
	}
	t.made.Rules = append(t.made.Rules, proved)
}

// play feeds the events of a test as if they were read when they happened.
func (l *Library) play(p proof) (fired int, err error) {
	matcher, err := l.For(p.Mapping)
	if err != nil {
		return 0, err
	}
	state, at, fed := correlate.New(l.Correlate, correlate.Usual), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0
	for _, step := range p.Events {
		source, err := json.Marshal(step.Event)
		if err != nil {
			return fired, err
		}
		for n := range max(1, min(step.Times, maxProof)) {
			event := bytes.ReplaceAll(source, []byte("$n"), []byte(strconv.Itoa(n+1)))
			matches, err := matcher.Match(event)
			if err != nil {
				return fired, err
			}
			when := at.Add(step.After + time.Duration(n)*step.Every)
			for _, m := range matches {
				fed++
				fired += fires(state, m.correlated(strconv.Itoa(fed), when), p.Correlation)
			}
		}
	}
	return fired, nil
}

// correlated is a match as correlations see it.
func (m *Match) correlated(id string, when time.Time) *correlate.Event {
	e := &correlate.Event{
		Ref: soar.DetectionRef{ID: id}, Rule: m.Rule.ID, Level: m.Rule.Level, Time: when, ReadAt: when, Entity: m.Entity, Asset: m.Asset, Match: m.OnlyFeeds,
	}
	for name, text := range m.Correlate {
		e.Values = append(e.Values, correlate.Value{Name: name, Text: text})
	}
	return e
}

// fires feeds an event, and what fires on it, and counts the firings of one correlation.
func fires(state *correlate.State, e *correlate.Event, of string) (count int) {
	for _, f := range state.Feed(e) {
		if f.Rule.ID == of && !f.Silent {
			count++
		}
		count += fires(state, &correlate.Event{
			Ref: soar.DetectionRef{ID: strings.Join([]string{f.Rule.ID, e.Ref.ID}, "/")}, Rule: f.Rule.ID, Level: soar.Level(f.Rule.Level), Time: f.Time, ReadAt: f.ReadAt,
			Values: f.Values(), Entity: f.Trigger.Entity, Asset: f.Trigger.Asset, Match: f.Rule.Only || f.Silent,
		}, of)
	}
	return count
}
