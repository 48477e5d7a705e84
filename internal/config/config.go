// Package config loads the one YAML file: strict, all faults at once, each with file, line and the mend; secrets stand
// in it as references and are resolved only by the role that needs them.
//
// A system's Config is a struct whose fields carry three tags: yaml (its name), doc (one sentence for people; the
// commented file of `sallyport config init` and docs/config.md are made from it) and, optionally, example.
package config

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with a config: where, what, and how to mend it.
type Fault struct {
	Field   string // path below the struct that is validated: "alias", "tls.ca"
	Problem string
	Mend    string
}

// Error implements error.
func (f Fault) Error() string {
	text := f.Problem
	if f.Field != "" {
		text = f.Field + ": " + text
	}
	if f.Mend != "" {
		text += ": " + f.Mend
	}
	return text
}

// Faults are all that is wrong, told at once.
type Faults []Fault

// Error implements error.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Validator is a part of the config that can say what is wrong with it. Validate does no I/O.
type Validator interface {
	Validate() Faults
}

// Within puts a part's faults below its field's name.
func Within(field string, faults Faults) Faults {
	out := make(Faults, len(faults))
	for i, f := range faults {
		out[i] = f
		out[i].Field = strings.Trim(strings.ReplaceAll(field+"."+f.Field, ".[", "["), ".")
	}
	return out
}

// Required says of each empty value that it is missing; pairs are field, value, field, value...
func Required(pairs ...string) (faults Faults) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) == "" {
			faults = append(faults, Fault{Field: pairs[i], Problem: "is missing", Mend: fmt.Sprintf("set %s", pairs[i])})
		}
	}
	return faults
}
