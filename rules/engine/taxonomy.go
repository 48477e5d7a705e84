package engine

import (
	"maps"
	"slices"

	"github.com/sallyport-soar/sallyport/rules/logsource"
)

// taxonomy is what a mapping says of its events, ready to be asked.
type taxonomy struct {
	of      *logsource.Shape
	places  [structures]map[int32][]place // by field: of those that the mapping has elsewhere
	marks   []signs
	asked   []inquiry // of all sources
	sources []source
}

// signs are a line of marks: all hold for an event of the mapping.
type signs struct {
	all []inquiry
	// at are the nodes at one of which such an event has something, for the first of all; nil if it may have nothing. An
	// event is of one mapping, and this look tells that it is not of the others.
	at []int32
}

// inquiry asks what an event has at a field.
type inquiry struct {
	field  int32
	values map[string]byte // the answers that are values
	want   answers         // of a mark: those that hold
}

// answers are a set.
type answers [4]uint64

func (a *answers) add(answer byte) { a[answer>>6] |= 1 << (answer & 63) }

func (a *answers) has(answer byte) bool { return a[answer>>6]>>(answer&63)&1 != 0 }

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
	answers
}

// ask makes the inquiries.
func (t *taxonomy) ask(l *layout) {
	for _, marks := range t.of.Marks {
		var there, others []inquiry
		for _, name := range slices.Sorted(maps.Keys(marks)) {
			q := inquiry{field: l.field(name), values: map[string]byte{}}
			if q.want = q.answers(marks[name]); q.want.has(isAbsent) {
				others = append(others, q)
			} else {
				there = append(there, q)
			}
		}
		t.marks = append(t.marks, signs{all: append(there, others...)})
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

// look notes where an event that the signs hold for has something.
func (s *signs) look(l *layout) {
	if first := s.all[0]; !first.want.has(isAbsent) {
		for _, p := range l.places[loose][first.field] {
			s.at = append(s.at, p.node)
		}
	}
}

// answers are those that hold when one of the values, or of the words, is wanted.
func (q *inquiry) answers(values []string) (all answers) {
	for _, value := range values {
		switch value {
		case "": // no text
		case logsource.Absent:
			all.add(isAbsent)
		case logsource.Object:
			all.add(isObject)
		case logsource.There:
			for answer := isPresent; answer < 255; answer++ {
				all.add(answer)
			}
		default:
			if q.values[value] == 0 {
				q.values[value] = firstValue + byte(len(q.values))
			}
			all.add(q.values[value])
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
	for table, t := range m.program.layout.taxonomies {
		for i := range t.marks {
			if m.hold(&t.marks[i]) {
				return table
			}
		}
	}
	return -1
}

func (m *Matcher) hold(s *signs) bool {
	there := s.at == nil
	for _, node := range s.at {
		there = there || m.at[node] >= 0
	}
	if !there {
		return false
	}
	for i := range s.all {
		if !s.all[i].want.has(m.inquire(&s.all[i], loose)) {
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
func (t *taxonomy) class(given []byte) (class logsource.Class, told bool) {
	for _, s := range t.sources {
		if !slices.ContainsFunc(s.wants, func(w wanted) bool { return !w.has(given[w.inquiry]) }) {
			return s.class, true
		}
	}
	return class, false
}
