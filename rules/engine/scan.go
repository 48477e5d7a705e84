package engine

import "fmt"

// SyntaxError says that an event is no JSON object.
type SyntaxError struct {
	Offset int // bytes from the event's begin
	Reason string
}

// Error implements error.
func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.Reason) }

// kinds of a scanned value; numbers are 'n' and literals their first letter, null is '0'.
const (
	kindString = 's'
	kindNumber = 'n'
	kindNull   = '0'
	kindObject = '{'
	kindArray  = '['
)

// span is one value of the event at a node that some rule asks for.
type span struct {
	node       int32
	prev       int32 // the one before it at the same node, -1 if none
	start, end int32 // a string's without its quotes
	kind       byte
	how        spelling
	listed     bool // within a list of objects
}

// maxDepth bounds nesting, as encoding/json does.
const maxDepth = 10000

// span32 is a range.
type span32 struct{ from, to int32 }

// oddString is a string that is not simple. It has its canonical form once that was asked for.
type oddString struct {
	span32
	how       spelling
	canonical []byte
}

// scanner reads one event in one pass and notes the values at the tree's nodes.
type scanner struct {
	tree   *tree
	in     []byte
	marks  marks
	odds   []oddString
	again  bool // a name stands twice in an object: only a sorted copy tells which counts
	sorted bool // in is that copy: of names that mean the same field the last one counts
	spans  []span
	at     []int32 // by node: its last span, -1 if none
	inList int     // lists of objects around
	names  *names
}

func (s *scanner) scan(in []byte, sorted bool) *SyntaxError {
	for i := range s.spans {
		s.at[s.spans[i].node] = -1
	}
	s.spans, s.in, s.sorted, s.inList = s.spans[:0], in, sorted, 0
	s.again, s.odds = false, s.odds[:0]
	if s.marks.mark(in); s.marks.wrong >= 0 {
		return &SyntaxError{s.marks.wrong, "unknown escape"}
	}
	i := s.space(0)
	if i >= len(in) || in[i] != '{' {
		return &SyntaxError{i, "no object"}
	}
	i, wrong := s.object(i+1, 0, 1)
	if wrong == "" {
		if i = s.space(i); i == len(in) {
			return nil
		}
		wrong = "text after the object"
	}
	return &SyntaxError{min(i, len(in)), wrong}
}

func (s *scanner) space(i int) int {
	for i < len(s.in) && (s.in[i] == ' ' || s.in[i] == '\n' || s.in[i] == '\r' || s.in[i] == '\t') {
		i++
	}
	return i
}

// object reads behind a '{' and returns the place behind the '}'.
func (s *scanner) object(i int, node int32, depth int) (int, string) {
	if depth > maxDepth {
		return i, "nested too deep"
	}
	begin, in := int32(i), s.in
	if i = s.space(i); i < len(in) && in[i] == '}' {
		return i + 1, ""
	}
	for {
		if i >= len(in) || in[i] != '"' {
			if i = s.space(i); i >= len(in) || in[i] != '"' {
				return i, "no name"
			}
		}
		end, at, wrong := s.name(i+1, node)
		if wrong != "" {
			return end, wrong
		}
		if i = end + 1; i >= len(in) || in[i] != ':' {
			if i = s.space(i); i >= len(in) || in[i] != ':' {
				return i, "no colon"
			}
		}
		if i++; i < len(in) && in[i] <= ' ' {
			i = s.space(i)
		}
		if i, wrong = s.member(at, i, begin, depth); wrong != "" {
			return i, wrong
		}
		if i < len(in) && in[i] <= ' ' {
			i = s.space(i)
		}
		if i >= len(in) {
			return i, "the object does not end"
		}
		if in[i] == '}' {
			return i + 1, ""
		}
		if in[i] != ',' {
			return i, "no comma"
		}
		i++
	}
}

// member reads a value for each node that its name leads to.
func (s *scanner) member(at nodes, i int, begin int32, depth int) (end int, wrong string) {
	if at.folded < 0 {
		return s.value(i, at.exact, begin, depth)
	}
	if at.exact >= 0 {
		if end, wrong = s.value(i, at.exact, begin, depth); wrong != "" {
			return end, wrong
		}
	}
	return s.value(i, at.folded, begin, depth)
}

func (s *scanner) note(node, begin int32, start, end int, kind byte, how spelling) {
	prev := s.at[node]
	if prev >= 0 && !s.tree.nodes[node].many {
		switch {
		case s.inList > 0 && s.spans[prev].start < begin: // of another object of the list
		case s.sorted:
			prev = -1
		default:
			s.again = true
		}
	}
	s.at[node] = int32(len(s.spans))
	s.spans = append(s.spans, span{node, prev, int32(start), int32(end), kind, how, s.inList > 0})
}

func (s *scanner) value(i int, node, begin int32, depth int) (end int, wrong string) {
	if i >= len(s.in) {
		return i, "no value"
	}
	switch c := s.in[i]; c {
	case '"':
		end, how, wrong := s.text(i + 1)
		if wrong == "" && node >= 0 {
			s.note(node, begin, i+1, end, kindString, how)
		}
		return end + 1, wrong
	case '{':
		inner := node
		if node >= 0 && !s.tree.nodes[node].inner {
			inner = -1
		}
		at := len(s.spans)
		if node >= 0 {
			s.note(node, begin, i, i, kindObject, simple)
		}
		end, wrong = s.object(i+1, inner, depth+1)
		if node >= 0 {
			s.spans[at].end = int32(end)
		}
		return end, wrong
	case '[':
		return s.list(i, node, begin, depth+1)
	default:
		end, kind, wrong := s.scalar(i)
		if wrong == "" && node >= 0 {
			s.note(node, begin, i, end, kind, simple)
		}
		return end, wrong
	}
}

func (s *scanner) list(i int, node, begin int32, depth int) (end int, wrong string) {
	at, start := len(s.spans), i
	if node >= 0 {
		s.note(node, begin, start, start, kindArray, simple)
	}
	if depth > maxDepth {
		return i, "nested too deep"
	}
	descend := node >= 0 && s.tree.nodes[node].inner && s.tree.nodes[node].lists
	i = s.space(i + 1)
	for first := true; ; first = false {
		if i < len(s.in) && s.in[i] == ']' && first {
			break
		}
		if descend && i < len(s.in) && s.in[i] == '{' {
			s.inList++
			i, wrong = s.object(i+1, node, depth+1)
			s.inList--
		} else {
			i, wrong = s.value(i, -1, begin, depth)
		}
		if wrong != "" {
			return i, wrong
		}
		if i = s.space(i); i >= len(s.in) {
			return i, "the list does not end"
		}
		if s.in[i] == ']' {
			break
		}
		if s.in[i] != ',' {
			return i, "no comma"
		}
		i = s.space(i + 1)
	}
	if node >= 0 {
		s.spans[at].end = int32(i + 1)
	}
	return i + 1, ""
}
