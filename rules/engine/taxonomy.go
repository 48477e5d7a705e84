package engine

import (
	"slices"

	"github.com/sallyport-soar/sallyport/rules/logsource"
)

// taxonomy is what a mapping says of its events, ready to be asked.
type taxonomy struct {
	of      *logsource.Shape
	places  [structures]map[int32][]place // by field: of those that the mapping has elsewhere
	marks   [][]inquiry
	asked   []inquiry // of all sources
	sources []source
}

// inquiry asks what an event has at a field.
type inquiry struct {
	field  int32
	values map[string]byte // the answers that are values
	want   []byte          // of a mark: the answers that hold
}

// The answers to an inquiry; those from firstValue on are values.
const (
	isAbsent byte = iota
	isPresent
	isObject
	firstValue
)

// source is a log source, and the answers that tell it.
type source struct {
	wants []wanted
	class logsource.Class
}

// wanted are the answers to one inquiry that hold.
type wanted struct {
	inquiry int
	answers []byte
}

// ask makes the inquiries.
func (t *taxonomy) ask(l *layout) {
	for _, marks := range t.of.Marks {
		var all []inquiry
		for name, values := range marks {
			q := inquiry{field: l.field(name), values: map[string]byte{}}
			q.want = q.answers(values)
			all = append(all, q)
		}
		t.marks = append(t.marks, all)
	}
	known := map[string]int{}
	for _, of := range t.of.Sources {
		made := source{class: of.Class}
		for name, values := range of.When {
			at, asked := known[name]
			if !asked {
				at = len(t.asked)
				known[name] = at
				t.asked = append(t.asked, inquiry{field: l.field(name), values: map[string]byte{}})
			}
			made.wants = append(made.wants, wanted{at, t.asked[at].answers(values)})
		}
		t.sources = append(t.sources, made)
	}
}

// answers are those that hold when one of the values, or of the words, is wanted.
func (q *inquiry) answers(values []string) (all []byte) {
	for _, value := range values {
		switch value {
		case "": // no text
		case logsource.Absent:
			all = append(all, isAbsent)
		case logsource.Object:
			all = append(all, isObject)
		case logsource.There:
			for answer := isPresent; answer < 255; answer++ {
				all = append(all, answer)
			}
		default:
			if q.values[value] == 0 {
				q.values[value] = firstValue + byte(len(q.values))
			}
			all = append(all, q.values[value])
		}
	}
	return all
}

// inquire looks at the event.
func (m *Matcher) inquire(q *inquiry, in shape) byte {
	places := m.program.layout.places[in][q.field]
	for _, p := range places {
		at := m.at[p.node]
		if at < 0 || !m.counts(p, at) {
			continue
		}
		switch span := &m.spans[at]; {
		case span.kind == kindNull && !span.listed:
			return isAbsent
		case span.kind == kindObject && !span.listed:
			return isObject
		case len(q.values) == 0:
			return isPresent
		}
		return max(isPresent, q.values[string(m.word(q.field, in))])
	}
	return isAbsent
}

// recognise returns the table by whose marks the event is known, -1 if there is none.
func (m *Matcher) recognise() int {
	return slices.IndexFunc(m.program.layout.taxonomies, func(t *taxonomy) bool {
		return slices.ContainsFunc(t.marks, m.marksHold)
	})
}

func (m *Matcher) marksHold(marks []inquiry) bool {
	for i := range marks {
		if !slices.Contains(marks[i].want, m.inquire(&marks[i], loose)) {
			return false
		}
	}
	return true
}

// tell appends an event's answers to what its table asks.
func (m *Matcher) tell(t *taxonomy, in shape) {
	for i := range t.asked {
		m.key = append(m.key, m.inquire(&t.asked[i], in))
	}
}

// class is the log source that the answers tell.
func (t *taxonomy) class(answers []byte) (class logsource.Class, told bool) {
	for _, s := range t.sources {
		if !slices.ContainsFunc(s.wants, func(w wanted) bool { return !slices.Contains(w.answers, answers[w.inquiry]) }) {
			return s.class, true
		}
	}
	return class, false
}
