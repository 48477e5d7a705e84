package activities

import "github.com/sallyport-soar/sallyport/internal/soar"

// Steps of casework: TheHive, or our own record where no TheHive is configured. Every text bears the incident's id, so
// a retry finds what an earlier attempt made.
var (
	// OpenCase opens the case of an incident, or finds the one that an earlier attempt opened.
	OpenCase = Step[CaseRequest, CaseRef]{"OpenCase"}
	// NoteCase adds a comment, once per Key, and the observables that the case lacks.
	NoteCase = Step[CaseNote, None]{"NoteCase"}
	// CloseCase closes the case with a summary; closing a closed one changes nothing.
	CloseCase = Step[CaseClose, None]{"CloseCase"}
)

// CaseRequest asks for the case of an incident.
type CaseRequest struct {
	Incident string       `json:"incident"`
	Key      string       `json:"key"`
	Title    string       `json:"title"`
	Brief    soar.Brief   `json:"brief"`
	Verdict  soar.Verdict `json:"verdict"`
	UIBase   string       `json:"ui_base"`
	Previous string       `json:"previous,omitempty"` // id of the earlier episode, if this one continues it
}

// String is the request's line on the analysts' screen.
func (r CaseRequest) String() string { return r.Title }

// CaseRef is a case where it is kept.
type CaseRef struct {
	System string `json:"system"` // thehive, or sallyport for our own record
	ID     string `json:"id"`     // "~4128"
	Number int    `json:"number"`
	URL    string `json:"url"`
}

// CaseNote adds to a case.
type CaseNote struct {
	Incident    string            `json:"incident"`
	Case        CaseRef           `json:"case"`
	Key         string            `json:"key"` // the same key is noted once
	Text        string            `json:"text"`
	Observables []soar.Observable `json:"observables,omitempty"`
}

// String is the note's line on the analysts' screen.
func (n CaseNote) String() string { return n.Key }

// CaseClose closes a case.
type CaseClose struct {
	Incident string  `json:"incident"`
	Case     CaseRef `json:"case"`
	Status   string  `json:"status"` // TruePositive, FalsePositive, Indeterminate, Other, Duplicated
	Summary  string  `json:"summary"`
}
