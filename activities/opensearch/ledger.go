package opensearch

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-soar/sallyport/activities"
	"github.com/sallyport-soar/sallyport/internal/soar"
)

// ledgerPrefix begins the name of every index of the ledger; the month follows.
const ledgerPrefix = "sallyport-detections-"

// LedgerPattern is what a reader of the whole ledger asks for.
const LedgerPattern = ledgerPrefix + "*"

// Ledger keeps detections, each once: its id is made of the event's key and the rule, and it is created, never
// overwritten. What changes later is one field, incident_id, by compare-and-set.
type Ledger struct{ client *Client }

// NewLedger returns the ledger that the cluster keeps.
func NewLedger(c *Client) *Ledger { return &Ledger{client: c} }

// matchesIndex keeps what only feeds correlations.
const matchesIndex = "sallyport-matches"

// CorrelatedPattern is what a reader asks for who wants the ledger and the matches.
const CorrelatedPattern = LedgerPattern + "," + matchesPattern

// IsMatch reports whether a document of that index is a match that only feeds correlations.
func IsMatch(index string) bool { return strings.HasPrefix(index, matchesIndex) }

// MonthOf is when the event's index was created, to the month, by where its detection lies; false for a match.
func MonthOf(ref soar.DetectionRef) (time.Time, bool) {
	begin, err := time.Parse(month, strings.TrimPrefix(ref.Index, ledgerPrefix))
	return begin, err == nil
}

// DetectionRefFor is where a detection belongs: the month in which its event's index was created, never our clock, so
// that a replay meets its own document. What only feeds correlations lies among the matches.
func DetectionRefFor(d soar.Detection, indexCreated time.Time) soar.DetectionRef {
	sum := sha256.Sum256([]byte(d.Event.IndexUUID + "\x00" + d.Event.ID + "\x00" + d.Rule.ID))
	ref := soar.DetectionRef{Index: ledgerPrefix + indexCreated.UTC().Format(month), ID: base64.RawURLEncoding.EncodeToString(sum[:])}
	if d.OnlyFeeds {
		ref.Index = matchesIndex
	}
	return ref
}

// Entry is a detection and the creation date of its event's index.
type Entry struct {
	Detection    soar.Detection
	IndexCreated time.Time
}

// Write puts detections that are not there yet into the ledger; when it returns without an error, every one is durable.
// It returns how many are new. A detection that the server refuses as it is, is written without its details instead:
// nothing is lost because an event is strange.
func (l *Ledger) Write(ctx context.Context, entries []Entry) (written int, err error) {
	bare := false
	for len(entries) > 0 {
		docs := make([]NewDocument, len(entries))
		for i, entry := range entries {
			ref := DetectionRefFor(entry.Detection, entry.IndexCreated)
			docs[i] = NewDocument{Index: ref.Index, ID: ref.ID, Doc: entry.Detection}
		}
		all, err := l.client.CreateAll(ctx, docs)
		if err != nil {
			return written, fmt.Errorf("write ledger: %w", err)
		}
		var refused []Entry
		for i, one := range all {
			switch {
			case one.Created:
				written++
			case one.Refused != nil && bare:
				return written, fmt.Errorf("write ledger: %w", one.Refused)
			case one.Refused != nil:
				refused = append(refused, Entry{stripped(entries[i].Detection), entries[i].IndexCreated})
			}
		}
		entries, bare = refused, true
	}
	return written, nil
}

// stripped leaves what makes a detection: rule, event, entity.
func stripped(d soar.Detection) soar.Detection {
	return soar.Detection{
		Rule: d.Rule, Stream: d.Stream, Event: d.Event, EventTime: d.ReadAt, ReadAt: d.ReadAt, Entity: d.Entity, Opens: d.Opens, Late: d.Late,
		Correlate: d.Correlate, OnlyFeeds: d.OnlyFeeds, SuppressedBy: d.SuppressedBy,
		Summary: "the ledger refused this detection's details; see the event",
	}
}

// Detections reads ledger documents by reference, as last written, in the order asked; one that is not there is
// a permanent error.
func (l *Ledger) Detections(ctx context.Context, refs []soar.DetectionRef) ([]soar.Detection, error) {
	documents, err := l.read(ctx, refs)
	if err != nil {
		return nil, err
	}
	detections := make([]soar.Detection, len(documents))
	for i, document := range documents {
		if document.Source == nil {
			return nil, activities.Permanent(fmt.Errorf("detection %s is not in the ledger", refs[i].ID))
		}
		if err := json.Unmarshal(document.Source, &detections[i]); err != nil {
			return nil, fmt.Errorf("ledger document %s is not one that Sallyport wrote", refs[i].ID)
		}
	}
	return detections, nil
}

func inLedger(ref soar.DetectionRef) bool {
	return strings.HasPrefix(ref.Index, ledgerPrefix) && !strings.ContainsAny(ref.Index, "*,") && ref.ID != ""
}
