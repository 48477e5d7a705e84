package rules

import (
	"fmt"
	"slices"

	"github.com/sallyport-soar/sallyport/rules/document"
	"github.com/sallyport-soar/sallyport/rules/sigma"
)

// origin is where the rule of an id stands.
type origin struct {
	source int
	file   string
	line   int
}

// admit reports whether a rule may have its id. Within one source an id is one rule's, whatever its form; a later source
// replaces what an earlier one has.
func (l *loader) admit(id, file string, at document.Place) bool {
	first, known := l.ids[id]
	if known && first.source == l.source {
		l.report.Refused = append(l.report.Refused, Fault{
			File: file, Line: at.Line, Column: at.Column, Text: fmt.Sprintf("%s:%d has the id %s already", first.file, first.line, id), Mend: "give one of the two an id of its own",
		})
		return false
	}
	if known {
		l.report.Replaced = append(l.report.Replaced, Fault{
			File: file, Line: at.Line, Column: at.Column, Text: fmt.Sprintf("replaces the rule %s of an earlier folder (%s)", id, first.file),
		})
		delete(l.native, id)
		delete(l.sigma, id)
		l.library.Correlations = slices.DeleteFunc(l.library.Correlations, func(c sigma.Correlation) bool { return c.ID == id })
	}
	l.ids[id] = origin{l.source, file, at.Line}
	return true
}
