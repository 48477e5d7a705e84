package activities

import (
	"time"

	"github.com/sallyport-soar/sallyport/internal/soar"
)

// Steps that write what is searched.
var (
	// WriteRecord writes the incident's record, which outlives Temporal's retention. A record of a lower revision never
	// replaces a higher one.
	WriteRecord = Step[IncidentRecord, None]{"WriteRecord"}
	// LastEpisode finds the episode of the same key that ended last; an empty one if there is none.
	LastEpisode = Step[EpisodeRequest, Episode]{"LastEpisode"}
	// Audit appends one entry to a chain; a retry finds its own entry by its cause.
	Audit = Step[AuditEntry, None]{"Audit"}
)

// IncidentRecord is an episode as people look it up: the same shape in the index, in `incident show` and in the
// demo's report.
type IncidentRecord struct {
	ID          string             `json:"id"`
	Key         string             `json:"key"`
	Entity      soar.Entity        `json:"entity"`
	Status      string             `json:"status"` // open, contained, watching, closed
	Title       string             `json:"title"`
	Brief       soar.Brief         `json:"brief"`
	Verdict     soar.Verdict       `json:"verdict"`
	Answers     []soar.Answer      `json:"answers,omitempty"`
	Case        CaseRef            `json:"case"`
	Actions     []ActionRecord     `json:"actions"`
	Exposure    Exposure           `json:"exposure"`
	Remediation []RemediationState `json:"remediation"`
	Timeline    []TimelineEntry    `json:"timeline"` // at most 200
	Opened      time.Time          `json:"opened"`
	Updated     time.Time          `json:"updated"`
	Closed      *time.Time         `json:"closed,omitempty"`
	Previous    string             `json:"previous,omitempty"`
	Revision    int                `json:"revision"`
	Pending     []PendingApproval  `json:"pending,omitempty"`
}

// String is the record's line on the analysts' screen.
func (r IncidentRecord) String() string { return r.Status }

// EpisodeRequest asks for the episode before an incident.
type EpisodeRequest struct {
	Key      string `json:"key"`
	Incident string `json:"incident"` // the one that asks
}

// Episode is an incident that is over.
type Episode struct {
	ID     string    `json:"id"`
	Closed time.Time `json:"closed"`
}

// ActionRecord is an action and what became of it.
type ActionRecord struct {
	ID          string       `json:"id"`
	Kind        string       `json:"kind"`
	Target      string       `json:"target"`
	System      string       `json:"system"`
	On          string       `json:"on,omitempty"`
	Mode        soar.Mode    `json:"mode"`
	State       string       `json:"state"`             // a soar.State, or pending, denied, expired, suggested, done, failed
	Outcome     soar.Outcome `json:"outcome,omitempty"` // of its approval, if it was asked
	DecidedBy   []string     `json:"decided_by,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	AppliedAt   *time.Time   `json:"applied_at,omitempty"`
	ConfirmedAt *time.Time   `json:"confirmed_at,omitempty"`
	ReleasedAt  *time.Time   `json:"released_at,omitempty"`
	Expires     *time.Time   `json:"expires,omitempty"`
}

// PendingApproval is an approval that waits for people.
type PendingApproval struct {
	Request  string        `json:"request"`
	Workflow string        `json:"workflow"`
	Digest   string        `json:"digest"`
	Actions  []soar.Action `json:"actions"`
	Expires  time.Time     `json:"expires"`
	Needs    int           `json:"needs"`
	Approved []string      `json:"approved,omitempty"`
}

// RemediationState is how far the remediation of one host has come.
type RemediationState struct {
	ActionID string `json:"action_id"`
	Host     string `json:"host"`
	Playbook string `json:"playbook"`
	// Status is begun, asked, denied, expired, refused, running, interrupted, failed (the run, or what it was to mend is
	// still there), stopped (another host went wrong), unproved, or done: run, and proved.
	Status  string           `json:"status"`
	Checks  []PlaybookReport `json:"checks,omitempty"`
	Runs    []PlaybookReport `json:"runs,omitempty"`
	Proof   *ScanReport      `json:"proof,omitempty"`
	Proved  bool             `json:"proved"` // each CVE that was asked for is gone: by a scan that saw it before, or by the inventory
	Reason  string           `json:"reason,omitempty"`
	Outcome soar.Outcome     `json:"outcome,omitempty"` // of its approval
	// DecidedBy names who decided, and how.
	DecidedBy []string `json:"decided_by,omitempty"`
	// Pending is what the remediation asks people now; the incident's record shows it among its own.
	Pending []PendingApproval `json:"pending,omitempty"`
}

// TimelineEntry says in plain words what happened when.
type TimelineEntry struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Actors of audit entries that are no person.
const (
	ActorIncident    = "sallyport/incident"    // an incident's workflow: judged, planned, asked, granted, closed
	ActorRemediation = "sallyport/remediation" // a remediation's workflow
	ActorReconcile   = "sallyport/reconcile"   // gave a containment that had lost its workflow a new one, or dropped what is old
	ActorEnvelope    = "sallyport/envelope"    // what was admitted, carried out, read back and released
)

// HouseChain is the audit chain of what stands outside incidents.
const HouseChain = "house"

// AuditEntry is one line of a chain. Chain is the incident's id, or HouseChain for what stands outside incidents.
type AuditEntry struct {
	Chain   string         `json:"chain"`
	Cause   string         `json:"cause"` // workflow, run and event: the same cause is written once
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor"` // a person, or the part of Sallyport that acted
	What    string         `json:"what"`  // opened, judged, planned, asked, decided, granted, admitted, refused, applied, confirmed, released, ...
	Subject string         `json:"subject,omitempty"`
	Detail  map[string]any `json:"detail,omitempty"` // facts: versions, digests, reasons; never a secret
}

// String is the entry's line on the analysts' screen.
func (e AuditEntry) String() string { return e.What + " " + e.Subject }
