package rules

import (
	"errors"
	"fmt"

	"github.com/sallyport-soar/sallyport/rules/engine"
)

// MatchAlone is Match for an event on which Match panicked: it tries each rule by itself, so that the one with the bug
// matches nothing there, is told to Faulted, and keeps no other rule from the event. It is slow.
func (m *Matcher) MatchAlone(source []byte) ([]Match, error) {
	c, err := m.completer(source)
	if err != nil {
		return nil, err
	}
	eng := m.engines.New().(*engine.Matcher)
	hits, err := eng.MatchAlone(source, func(rule int, reason any) { m.fault(rule, reason) })
	if wrong, ok := errors.AsType[*engine.SyntaxError](err); ok {
		return nil, &MalformedError{int64(wrong.Offset), wrong.Reason}
	}
	for _, hit := range hits {
		m.alone(hit.Rule, func() { _ = c.add(hit.Rule) }) // its error was told when all were tried
	}
	return c.sorted(), err
}

func (m *Matcher) fault(rule int, reason any) {
	if m.Faulted != nil {
		m.Faulted(m.library.id(rule), fmt.Errorf("it panicked: %v", reason))
	}
}

// alone tries one rule, and tells when it panics.
func (m *Matcher) alone(rule int, try func()) {
	defer func() {
		if reason := recover(); reason != nil {
			m.fault(rule, reason)
		}
	}()
	try()
}
