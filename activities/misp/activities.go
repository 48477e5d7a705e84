// Package misp asks MISP what it knows of an incident's observables: indicators, and warninglists that name what must
// never be blocked for being in a feed.
package misp

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// System is MISP's name as a source and in config.
const System = "misp"

// MISP is a source of enrichment.
type MISP struct {
	client  client
	trusted []string
	fresh   time.Duration
}

// Ask returns a reading for each observable that MISP has something to say about, and an unknown one for the rest that
// it was asked about. It only reads, so a retry is harmless.
func (m *MISP) Ask(ctx context.Context, in activities.Inquiry) (soar.Answer, error) {
	answer := soar.Answer{Source: in.Source}
	asked, left := askable(in.Observables)
	if left > 0 {
		answer.Detail = fmt.Sprintf("%d not asked: MISP has no type for them, or would read them as a pattern", left)
	}
	if len(asked) == 0 {
		answer.Answered = true
		return answer, nil
	}
	found, complete, err := m.client.search(ctx, values(asked))
	if err != nil {
		return answer, fmt.Errorf("misp: search: %w", err)
	}
	listed, err := m.client.listed(ctx, names(asked))
	if err != nil {
		return answer, fmt.Errorf("misp: warninglists: %w", err)
	}
	if !complete {
		answer.Detail = strings.TrimPrefix(answer.Detail+"; only the first attributes were read", "; ")
	}
	for _, q := range asked {
		answer.Readings = append(answer.Readings, m.read(q, found, listed))
	}
	answer.Answered = true
	return answer, nil
}

// read is the worst that MISP says of one observable.
func (m *MISP) read(q question, found []attribute, listed map[string][]string) soar.Reading {
	reading := soar.Reading{Source: System, About: q.about, Opinion: soar.Unknown, Detail: "not known"}
	known := 0
	for _, a := range found {
		if a.Deleted || !a.is(q.value) {
			continue
		}
		known++
		for _, w := range a.Warnings {
			reading.Warninglist = cmp.Or(reading.Warninglist, w.Name)
		}
		if opinion, why := m.weigh(a); known == 1 || rank(opinion) > rank(reading.Opinion) {
			reading.Opinion = opinion
			reading.Detail = fmt.Sprintf("%s: event %s of %s, %q", why, a.Event.ID, a.Event.Orgc.Name, a.Event.Info)
		}
	}
	for _, name := range q.names {
		for _, list := range listed[name] {
			reading.Warninglist = cmp.Or(reading.Warninglist, list)
		}
	}
	if known > 1 {
		reading.Detail = strconv.Itoa(known) + " attributes; " + reading.Detail
	}
	if reading.Warninglist != "" {
		reading.Warninglist = clip(reading.Warninglist)
		reading.Detail = "on warninglist " + strconv.Quote(reading.Warninglist) + "; " + reading.Detail
		if reading.Opinion == soar.Malicious {
			reading.Opinion = soar.Suspicious
		}
	}
	reading.Detail = clip(reading.Detail)
	return reading
}

// weigh is what one attribute says. Only a published, fresh indicator of a trusted organisation is malicious.
func (m *MISP) weigh(a attribute) (opinion soar.Opinion, why string) {
	switch {
	case !a.ToIDs:
		return soar.Unknown, "known, but not as an indicator"
	case m.decayed(a):
		return soar.Unknown, "indicator, but decayed"
	case !a.Event.Published:
		return soar.Suspicious, "indicator, not yet published"
	case !m.trusts(a.Event.Orgc.Name):
		return soar.Suspicious, "indicator of an organisation that is not trusted"
	}
	return soar.Malicious, "indicator"
}

// decayed asks MISP's models; where none knows the type, the indicator's age decides.
func (m *MISP) decayed(a attribute) bool {
	for _, model := range a.Decay {
		if !model.Decayed {
			return false // several models may judge: one that still holds it is enough
		}
	}
	if len(a.Decay) > 0 {
		return true
	}
	seconds, err := strconv.ParseInt(a.Timestamp, 10, 64)
	return err != nil || time.Since(time.Unix(seconds, 0)) > m.fresh
}

func (m *MISP) trusts(org string) bool {
	return slices.Contains(m.trusted, "*") || (org != "" && slices.Contains(m.trusted, org))
}

// is reports whether the attribute is about the value: MISP is asked without regard to case, and composite types hold
// two values.
func (a attribute) is(value string) bool {
	return slices.ContainsFunc(append(strings.Split(a.Value, "|"), a.Value), func(part string) bool { return strings.EqualFold(part, value) })
}

func rank(o soar.Opinion) int {
	return slices.Index([]soar.Opinion{soar.Harmless, soar.Unknown, soar.Suspicious, soar.Malicious}, o)
}

// clip keeps a line for people to 300 bytes, never cut inside a character.
func clip(line string) string {
	line = strings.ToValidUTF8(strings.Join(strings.Fields(line), " "), "?")
	if len(line) <= 300 {
		return line
	}
	line = line[:300]
	for !utf8.ValidString(line) {
		line = line[:len(line)-1]
	}
	return line
}
