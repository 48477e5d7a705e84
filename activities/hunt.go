package activities

import "time"

// Steps of hunts.
var (
	// ReadHunt returns a hunt as content has it now: a snapshot.
	ReadHunt = Step[HuntRequest, Hunt]{"ReadHunt"}
	// RunHunt runs a hunt's queries over its bounded window and weighs what they found.
	RunHunt = Step[Hunt, HuntOutcome]{"RunHunt"}
	// RecordHunt writes what a hunt proves as detections into the ledger, and its outcome. Repeating it changes nothing.
	RecordHunt = Step[HuntRecord, None]{"RecordHunt"}
)

// HuntRequest names a hunt.
type HuntRequest struct {
	ID  string `json:"id"`
	Run string `json:"run"` // id of this run: makes the outcome's key
}

// String is the request's line on the analysts' screen.
func (r HuntRequest) String() string { return r.ID }

// Hunt is a hunt's file, as a snapshot. Body is its YAML.
type Hunt struct {
	ID       string        `json:"id"`
	Run      string        `json:"run"`
	Title    string        `json:"title"`
	Version  string        `json:"version"`
	Schedule string        `json:"schedule"`
	Timeout  time.Duration `json:"timeout"`
	Body     string        `json:"body"`
}

// String is the hunt's line on the analysts' screen.
func (h Hunt) String() string { return h.ID + " " + h.Title }

// Outcomes of a hunt.
const (
	Proved       = "proved"
	Disproved    = "disproved"
	Inconclusive = "inconclusive"
)

// HuntOutcome is what a hunt found, as known at the watermark of its stream: all that was acknowledged before it.
type HuntOutcome struct {
	Hunt       string               `json:"hunt"`
	Run        string               `json:"run"`
	Title      string               `json:"title"`
	Version    string               `json:"version"`
	Outcome    string               `json:"outcome"` // Proved, Disproved, Inconclusive
	Reason     string               `json:"reason"`
	Watermarks map[string]time.Time `json:"watermarks"` // by stream, index time
	From       time.Time            `json:"from"`
	To         time.Time            `json:"to"`
	Proofs     []HuntProof          `json:"found,omitempty"` // at most 100
	Documents  int64                `json:"documents"`
	At         time.Time            `json:"at"`
}

// String is the outcome's line on the analysts' screen.
func (o HuntOutcome) String() string { return o.Hunt + " " + o.Outcome + ": " + o.Reason }

// HuntRecord is a hunt that ran and what came of it: what is recorded.
type HuntRecord struct {
	Hunt    Hunt        `json:"hunt"`
	Outcome HuntOutcome `json:"outcome"`
}

// String is the record's line on the analysts' screen.
func (r HuntRecord) String() string { return r.Outcome.String() }

// HuntProof is one thing that proves a hunt's hypothesis.
type HuntProof struct {
	Entity       string            `json:"entity"` // the name; its family is the hunt's
	Values       map[string]string `json:"values"`
	Count        int64             `json:"count"`
	Index        string            `json:"index"`
	IndexUUID    string            `json:"index_uuid"`
	IndexCreated time.Time         `json:"index_created"`
	EventID      string            `json:"event_id"`
	At           time.Time         `json:"at"`
}
