package detect

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-soar/sallyport/activities/opensearch"
	"github.com/sallyport-soar/sallyport/internal/soar"
	"github.com/sallyport-soar/sallyport/rules/correlate"
)

// Bounds of what an event may put into a detection; events are hostile text.
const (
	maxSummary = 300
	maxName    = 200 // of an entity: it becomes part of a workflow id
	maxValue   = 1000
	skew       = 24 * time.Hour // an event this far in the future has no usable time
)

// evaluate tries the rules on one event. An event that can't be read never stops the shard.
func (s *slot) evaluate(position *opensearch.Position, hit opensearch.Hit) []opensearch.Entry {
	now := s.now().UTC()
	if s.tooEarly(position.From, hit) {
		return nil
	}
	found, err := s.match(hit)
	s.tellSlow(position, hit, s.now().Sub(now))
	if err != nil {
		s.unreadable(position, hit, err)
		return nil
	}
	s.observeTime(hit, now)
	return s.entries(found, soar.EventRef{IndexUUID: position.UUID, Index: hit.Index, ID: hit.ID}, position.Created, now)
}

// entries makes what the ledger keeps of what rules found in one event of an index that was created then.
func (s *slot) entries(found []soar.Detection, event soar.EventRef, created, now time.Time) []opensearch.Entry {
	entries := make([]opensearch.Entry, len(found))
	for i, detection := range found {
		detection.Stream, detection.Event, detection.ReadAt = s.stream.Name, event, now
		s.complete(&detection)
		entries[i] = opensearch.Entry{Detection: detection, IndexCreated: created}
	}
	return entries
}

// sampleEvery is in what time a slot names so many events that can't be read: a broken source may write nothing else.
const (
	sampleEvery = 10 * time.Second
	sampleSize  = 20
)

// unreadable counts an event on which no rule was tried, and names it unless many were named just now.
func (s *slot) unreadable(position *opensearch.Position, hit opensearch.Hit, err error) {
	s.d.Metrics.unreadable.WithLabelValues(s.stream.Name, reasonOf(err)).Inc()
	if now := s.now(); now.Sub(s.sampled) >= sampleEvery {
		s.sampled, s.named = now, 0
	}
	if s.named >= sampleSize {
		s.unnamed++
		return
	}
	s.named++
	s.log.Warn("event can't be read: no rule was tried on it", "index", hit.Index, "id", hit.ID, "seq", hit.SeqNo, "shard", position.Shard,
		"error", err, "not_named_before", s.unnamed)
	s.unnamed = 0
}

// errPanic says that the matcher has a bug that this event meets; errNoSource that the index keeps none.
var (
	errPanic    = errors.New("matcher panicked")
	errNoSource = errors.New("the document has no _source: its index does not keep it")
)

// reasonOf is the metric's word for what is wrong with an event.
func reasonOf(err error) string {
	for word, wrong := range map[string]error{
		"panic": errPanic, "no_source": errNoSource, "too_large": opensearch.ErrTooLarge, "unparsable": opensearch.ErrUnparsable,
	} {
		if errors.Is(err, wrong) {
			return word
		}
	}
	return "unreadable"
}

// match tries every rule. A rule must not take the reader down, nor the other rules of its event: when one panics, each
// is tried by itself.
func (s *slot) match(hit opensearch.Hit) ([]soar.Detection, error) {
	switch {
	case hit.Withheld != nil:
		return nil, hit.Withheld
	case len(hit.Source) == 0:
		return nil, errNoSource
	}
	found, err := guarded(s.matcher.Match, hit.Source)
	if !errors.Is(err, errPanic) {
		return found, err
	}
	return guarded(s.matcher.MatchAlone, hit.Source)
}

// guarded turns a panic into an error.
func guarded(match func([]byte) ([]soar.Detection, error), source []byte) (found []soar.Detection, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			found, err = nil, fmt.Errorf("%w: %v", errPanic, reason)
		}
	}()
	return match(source)
}

// usable reports whether an event's time can be one.
func usable(at, now time.Time) bool { return at.Year() >= 1980 && at.Sub(now) <= skew }

// tooEarly reports whether an event is left out by the stream's from. One without a time is not.
func (s *slot) tooEarly(from *opensearch.From, hit opensearch.Hit) bool {
	if from == nil || hit.SeqNo > from.Upto {
		return false
	}
	at := s.matcher.EventTime(hit.Source)
	early := !at.IsZero() && at.Before(from.Time)
	if early {
		s.d.Metrics.before.WithLabelValues(s.stream.Name).Inc()
	}
	return early
}

// observeTime counts how late an event was read after it had happened. One without a time that can be is counted and
// named: its rules were tried.
func (s *slot) observeTime(hit opensearch.Hit, now time.Time) {
	at := s.matcher.EventTime(hit.Source)
	if at.Sub(now) > correlate.Ahead {
		s.d.Metrics.ahead.WithLabelValues(s.stream.Name, clockOfEvent).Inc()
	}
	if !usable(at, now) {
		s.d.Metrics.timeless.WithLabelValues(s.stream.Name).Inc()
		if s.timeless = append(s.timeless, hit.Index+"/"+hit.ID); len(s.timeless) > mostNamed {
			s.timeless = s.timeless[:mostNamed]
		}
		return
	}
	late := max(0, now.Sub(at))
	s.d.Metrics.lateness.WithLabelValues(s.stream.Name).Observe(late.Seconds())
	observeLateness(&s.lateness, now, late)
}

// mostNamed bounds the events that one line of the log names: a stream with the wrong mapping has no other.
const mostNamed = 20

// sayTimeless names the events of a page that have no usable time.
func (s *slot) sayTimeless() {
	if len(s.timeless) == 0 {
		return
	}
	s.log.Warn("events have no time that can be: the time of reading stands in", "events", s.timeless, "named_at_most", mostNamed)
	s.timeless = nil
}

// complete bounds what the event says and decides what only the reader knows.
func (s *slot) complete(d *soar.Detection) {
	m, name := s.d.Metrics, s.stream.Name
	if !usable(d.EventTime, d.ReadAt) {
		d.EventTime = d.ReadAt
	}
	if d.Late = d.ReadAt.Sub(d.EventTime) > s.stream.LateAfter; d.Late {
		m.late.WithLabelValues(name).Inc()
	}
	d.Opens = d.Opens || d.Rule.Level.Rank() >= soar.High.Rank()
	d.IncidentID = ""
	d.Entity = boundEntity(d.Entity, name)
	d.Summary = cut(oneLine(d.Summary), maxSummary)
	d.Asset.Name, d.Asset.AgentID, d.Asset.Address = cut(d.Asset.Name, maxValue), cut(d.Asset.AgentID, maxValue), cut(d.Asset.Address, maxValue)
	d.Observables = d.Observables[:min(len(d.Observables), soar.MaxObservables)]
	for i := range d.Observables {
		d.Observables[i].Value = cut(d.Observables[i].Value, maxValue)
	}
	d.CVEs = d.CVEs[:min(len(d.CVEs), soar.MaxObservables)]
}

// boundEntity gives every detection an entity: one without a name is the stream's own, and a name that is too long for
// a workflow id keeps its beginning and its hash.
func boundEntity(e soar.Entity, stream string) soar.Entity {
	e = e.Normalised()
	if e.Name == "" || e.Family == "" {
		return soar.Entity{Family: "stream", Name: stream}
	}
	e.Name, e.Family = strings.ToValidUTF8(e.Name, "?"), cut(e.Family, maxName)
	if len(e.Name) > maxName {
		sum := sha256.Sum256([]byte(e.Name))
		e.Name = cut(e.Name, maxName-17) + "~" + hex.EncodeToString(sum[:8])
	}
	return e
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// cut shortens text to at most n bytes, at a border between characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
