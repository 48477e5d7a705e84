package lint

import "strconv"

// Kinds of warnings beside those of a detection (package sigma).
const (
	MissingID        = "missing-id"
	BadID            = "id-no-uuid"
	MissingLevel     = "missing-level"
	BadStatus        = "bad-status"
	BadDate          = "bad-date"
	NoLogsource      = "no-logsource"
	UnknownLogsource = "unknown-logsource" // no mapping's events are of it
	UnknownField     = "unknown-field"     // no event of the log source has it
	DuplicateName    = "duplicate-name"
	LongTimespan     = "long-timespan" // longer than matches are kept
	UnknownGroup     = "unknown-group" // a correlation groups by a field that none of its rules' events have
	PartialAlias     = "partial-alias" // it leaves out a rule that the correlation names
	UselessGenerate  = "useless-generate"
	IdleFilter       = "idle-filter"      // it names a rule that is not there, or not of its log source
	NoRule           = "no-rule"          // the folder holds none
	Eventless        = "looks-at-nothing" // a native condition that asks nothing of the event
)

// Kinds of notes.
const (
	Replaces  = "replaces"    // it takes the place of a shipped rule
	Unchecked = "not-checked" // fields of log sources that nobody has listed
)

// Warning is one thing that is worth a look, where it is, and how it is mended.
type Warning struct {
	Kind   string `json:"kind"`
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`   // from 1; 0 for what is said of the whole folder
	Column int    `json:"column,omitempty"` // from 1; 0 is not known
	Rule   string `json:"rule,omitempty"`   // its id, or its title
	Text   string `json:"text"`
	Mend   string `json:"mend,omitempty"`
}

// String is the warning on one line, as compilers write it.
func (w Warning) String() string {
	text := w.File
	if w.Line > 0 {
		text += ":" + strconv.Itoa(w.Line)
	}
	if w.Column > 0 {
		text += ":" + strconv.Itoa(w.Column)
	}
	text += ": " + w.Text
	if w.Mend != "" {
		text += "; " + w.Mend
	}
	return text + " [" + w.Kind + "]"
}
