// Package soar is the vocabulary of the house: the nouns that every other package speaks.
// It holds types and pure functions only: no I/O, no clock, no Temporal, the standard library alone.
// The words are those of the glossary in docs/words.md; each has one meaning in code, files, flags and metrics alike.
package soar

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Level is how bad a rule says its match is: Sigma's five.
type Level string

// Levels, from the weakest.
const (
	Informational Level = "informational"
	Low           Level = "low"
	Medium        Level = "medium"
	High          Level = "high"
	Critical      Level = "critical"
)

// Levels lists all levels, the weakest first.
var Levels = []Level{Informational, Low, Medium, High, Critical}

// Rank orders levels: 0 for informational to 4 for critical, -1 for a word that is no level.
func (l Level) Rank() int { return slices.Index(Levels, l) }

// Severity is an incident's, 1 (low) to 4 (critical), as TheHive counts.
type Severity int

// String is the severity's word.
func (s Severity) String() string {
	switch s {
	case 1:
		return "low"
	case 2:
		return "medium"
	case 3:
		return "high"
	case 4:
		return "critical"
	}
	return fmt.Sprintf("severity(%d)", int(s))
}

// Entity is what a detection is about, normalised: a host, an account, an observable. Family is the first half of an
// incident's key ("host", "account", ...), Name the second ("web-01").
type Entity struct {
	Family string `json:"family"`
	Name   string `json:"name"`
}

// OwnFamily is the family of entities that are Sallyport itself: what it has to say of itself waits for no token.
const OwnFamily = "sallyport"

// String is the entity as people read it: family/name.
func (e Entity) String() string { return e.Family + "/" + e.Name }

// Normalised folds case and outer space, so that two spellings of one name share an incident.
func (e Entity) Normalised() Entity {
	return Entity{Family: strings.ToLower(strings.TrimSpace(e.Family)), Name: strings.ToLower(strings.TrimSpace(e.Name))}
}

// IncidentKey joins all detections of one entity, however it is spelt: it is the workflow id of its incident.
func (e Entity) IncidentKey() string {
	e = e.Normalised()
	return "incident/" + e.Family + "/" + e.Name
}

// Observable is a seen fact, not yet judged.
type Observable struct {
	Type  string `json:"type"` // ip, domain, url, hash, file, user, host, mail, cve
	Value string `json:"value"`
}

// String is the observable as people read it.
func (o Observable) String() string { return o.Type + " " + o.Value }

// Asset is a host of ours, as far as an event names it. Every field may be empty but Name.
type Asset struct {
	Name    string `json:"name"`
	AgentID string `json:"agent_id,omitempty"` // Wazuh's, three digits or more; "000" is the manager
	Address string `json:"address,omitempty"`
}

// Rule names the rule that matched, as it was when it did.
type Rule struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Level   Level  `json:"level"`
	Version string `json:"version,omitempty"` // hash of the rule's file
	Author  string `json:"author,omitempty"`
	Licence string `json:"licence,omitempty"`
}

// Credit says who wrote the rule and under which licence, as licences such as DRL 1.1 want it wherever a match is shown;
// "" if the rule says neither.
func (r Rule) Credit() string {
	switch {
	case r.Author == "":
		return r.Licence
	case r.Licence == "":
		return "by " + r.Author
	}
	return "by " + r.Author + ", " + r.Licence
}

// EventRef names one event for ever: the index's UUID and the document's id, never a hash of its content.
type EventRef struct {
	IndexUUID string `json:"index_uuid"`
	Index     string `json:"index"`
	ID        string `json:"id"`
}

// Detection says that a rule matched an event. It is a document of the ledger.
type Detection struct {
	Rule         Rule         `json:"rule"`
	Stream       string       `json:"stream"`
	Event        EventRef     `json:"event"`
	EventTime    time.Time    `json:"event_time"`
	ReadAt       time.Time    `json:"read_at"` // our clock at the first write: its index time
	Entity       Entity       `json:"entity"`
	Asset        Asset        `json:"asset"`
	Observables  []Observable `json:"observables,omitempty"`
	Tactics      []string     `json:"tactics,omitempty"`    // ATT&CK, as the rule's tags say: credential-access
	Techniques   []string     `json:"techniques,omitempty"` // T1110.001
	CVEs         []string     `json:"cves,omitempty"`
	Summary      string       `json:"summary"`                 // one line for people; hostile text, at most 300 bytes
	Opens        bool         `json:"opens"`                   // opens an incident by itself; else it only joins one
	Late         bool         `json:"late,omitempty"`          // older than the stream's late_after: opens nothing by itself
	SuppressedBy string       `json:"suppressed_by,omitempty"` // id of the suppression or allow-list entry that kept it quiet
	IncidentID   string       `json:"incident_id,omitempty"`   // set by the incident that claimed it
	Claim        int          `json:"claim,omitempty"`         // by which of its claims, so that it counts once

	// What correlations need: the values that they group by or count, by field; whether the rule is nothing by itself, so
	// that this lies among the matches; and, of a correlation's own detection, the newest of what it is made of, and why
	// it fired, line by line.
	Correlate map[string]string `json:"correlate,omitempty"`
	OnlyFeeds bool              `json:"only_feeds,omitempty"`
	From      []DetectionRef    `json:"from,omitempty"`
	Reasons   []string          `json:"reasons,omitempty"`
}

// OpensIncident says whether a detection opens an incident, or at most joins an open one.
func (d Detection) OpensIncident() bool {
	return (d.Opens || d.Rule.Level.Rank() >= High.Rank()) && !d.Late && d.SuppressedBy == ""
}

// DetectionRef is where a detection lies in the ledger.
type DetectionRef struct {
	Index string `json:"index"`
	ID    string `json:"id"`
}
