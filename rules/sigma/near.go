package sigma

import "slices"

// Near reports whether an event that the rule does not match comes near it: it satisfies a part of what the rule asks
// for, or, where all that the rule asks for is in one field, it has that field with another value. Routing is the
// caller's.
func (r *Rule) Near(e *Event) bool {
	if r.Match(e) {
		return false
	}
	asked := wanted(r.condition, nil)
	if slices.ContainsFunc(asked, func(part expression) bool { return part.holds(e) }) {
		return true
	}
	var fields []string
	for _, part := range asked {
		if field := fieldOf(part); !slices.Contains(fields, field) {
			fields = append(fields, field)
		}
	}
	return len(fields) == 1 && (fields[0] == "" && len(e.all()) > 0 || e.field(fields[0]).present)
}

// wanted are the tests that help a match when they hold.
func wanted(e expression, into []expression) []expression {
	switch e := bare(e).(type) {
	case allOf:
		for _, part := range e {
			into = wanted(part, into)
		}
	case anyOf:
		for _, part := range e {
			into = wanted(part, into)
		}
	case item, exists, sameAs:
		into = append(into, e)
	}
	return into
}

func fieldOf(e expression) string {
	switch e := e.(type) {
	case item:
		return e.field
	case exists:
		return e.field
	case sameAs:
		return e.field
	}
	return ""
}
