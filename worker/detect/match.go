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
	began := s.now()
	found, err := s.match(hit.Source)
	s.tellSlow(position, hit, s.now().Sub(began))
	if err != nil {
		s.unreadable(position, hit, err)
		return nil
	}
	entries := make([]opensearch.Entry, len(found))
	for i, detection := range found {
		detection.Stream = s.stream.Name
		detection.Event = soar.EventRef{IndexUUID: position.UUID, Index: hit.Index, ID: hit.ID}
		detection.ReadAt = s.now().UTC()
		s.complete(&detection)
		entries[i] = opensearch.Entry{Detection: detection, IndexCreated: position.Created}
	}
	return entries
}

// sampleEvery is how often a slot names an event that can't be read: a broken source may write nothing else.
const sampleEvery = 10 * time.Second

// unreadable counts an event on which no rule was tried, and names one of them now and then.
func (s *slot) unreadable(position *opensearch.Position, hit opensearch.Hit, err error) {
	reason := "unreadable"
	if errors.Is(err, errPanic) {
		reason = "panic"
	}
	s.d.Metrics.unreadable.WithLabelValues(s.stream.Name, reason).Inc()
	now := s.now()
	if now.Sub(s.named) < sampleEvery {
		s.unnamed++
		return
	}
	s.named = now
	s.log.Warn("event can't be read: no rule was tried on it", "index", hit.Index, "id", hit.ID, "shard", position.Shard, "seq_no", hit.SeqNo,
		"error", err, "not_named_before", s.unnamed)
	s.unnamed = 0
}

// errPanic says that the matcher has a bug that this event meets.
var errPanic = errors.New("matcher panicked")

// match tries every rule. A rule must not take the reader down, nor the other rules of its event: when one panics, each
// is tried by itself.
func (s *slot) match(source []byte) ([]soar.Detection, error) {
	found, err := guarded(s.matcher.Match, source)
	if !errors.Is(err, errPanic) {
		return found, err
	}
	return guarded(s.matcher.MatchAlone, source)
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

// complete bounds what the event says and decides what only the reader knows.
func (s *slot) complete(d *soar.Detection) {
	m, name := s.d.Metrics, s.stream.Name
	if d.EventTime.Year() < 1980 || d.EventTime.Sub(d.ReadAt) > skew {
		m.timeless.WithLabelValues(name).Inc()
		d.EventTime = d.ReadAt
	}
	m.lateness.WithLabelValues(name).Observe(max(0, d.ReadAt.Sub(d.EventTime).Seconds()))
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
