package opensearch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// ErrConflict says that a document is not as the condition wants it: created by another, or changed since it was read.
var ErrConflict = errors.New("document is not as expected: somebody else wrote it")

// ErrTooLarge says that an answer is over the limit of its request; ask for less.
var ErrTooLarge = errors.New("answer is too large")

// ErrUnparsable says that a page of documents is no JSON, although the server wrote it: it hands out a document's source as
// it was sent, and takes comments in it.
var ErrUnparsable = errors.New("a document's source is no JSON")

// ErrIncomplete says that an answer with status 200 does not cover every shard that was asked.
var ErrIncomplete = errors.New("answer is incomplete: a shard failed or time ran out")

// Fault is an answer outside 2xx. It carries the server's own error type, a word, but no text of it.
type Fault struct {
	Op      string
	Status  int
	Type    string // index_not_found_exception, ...; may be empty
	Cause   string // of a search that no shard answered: why the first did not; else as Type
	Missing string // the privilege that a 403 names, such as indices:data/read/search; may be empty
}

// Error implements error.
func (f *Fault) Error() string {
	text := fmt.Sprintf("%s: status %d", f.Op, f.Status)
	if f.Type != "" {
		text += " " + f.Type
	}
	if f.Cause != f.Type && f.Cause != "" {
		text += " (" + f.Cause + ")"
	}
	switch {
	case f.Missing != "":
		text += ": the user lacks the privilege " + f.Missing
	case f.Status == http.StatusUnauthorized:
		text += ": it refuses user and password: correct them under opensearch (of another cluster: under clusters) in the config"
	}
	return text
}

// Permanent reports whether repeating the same request can't help.
func (f *Fault) Permanent() bool {
	return f.Status/100 == 4 && !f.Overload() && f.Status != http.StatusRequestTimeout && f.Status != http.StatusConflict
}

// Overload reports whether the server asks for less: circuit breaker, full queue, or search backpressure, which comes
// with status 429 or 500.
func (f *Fault) Overload() bool {
	return f.Status == http.StatusTooManyRequests || f.Cause == "circuit_breaking_exception" ||
		f.Cause == "task_cancelled_exception" || strings.HasSuffix(f.Cause, "rejected_execution_exception")
}

// Is lets errors.Is find ErrConflict.
func (f *Fault) Is(target error) bool {
	return target == ErrConflict && f.Status == http.StatusConflict
}

// Gone reports whether err says that an index is not there or is closed.
func Gone(err error) bool {
	var fault *Fault
	return errors.As(err, &fault) && (fault.Type == "index_not_found_exception" || fault.Type == "index_closed_exception")
}

// Overloaded reports whether err asks for a smaller request, later.
func Overloaded(err error) bool {
	var fault *Fault
	return errors.As(err, &fault) && fault.Overload()
}

var (
	word      = regexp.MustCompile(`^[a-z_]{1,64}$`)
	privilege = regexp.MustCompile(`^no permissions for \[([a-z:/_*\[\], -]{1,128}?)\]`)
)

// newFault reads of a body only what is a word of the server's own vocabulary.
func newFault(op string, status int, body []byte) *Fault {
	fault := &Fault{Op: op, Status: status}
	var answer struct {
		Error struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
			Root   []struct {
				Type string `json:"type"`
			} `json:"root_cause"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil { // a 401 is plain text, a proxy's 502 is HTML
		return fault
	}
	if word.MatchString(answer.Error.Type) {
		fault.Type, fault.Cause = answer.Error.Type, answer.Error.Type
	}
	if root := answer.Error.Root; len(root) > 0 && word.MatchString(root[0].Type) {
		fault.Cause = root[0].Type
	}
	if named := privilege.FindStringSubmatch(answer.Error.Reason); named != nil && status == http.StatusForbidden {
		fault.Missing = named[1]
	}
	return fault
}
