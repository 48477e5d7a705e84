package rules

import (
	"bytes"
	"time"
)

// EventTime is the time that an event names, by the fields of its mapping; zero if it names none that can be read. The
// usual event has the mapping's first field at its top level: no more of it is read than that.
func (m *Matcher) EventTime(source []byte) time.Time {
	if m.mapping != nil && len(m.mapping.Time) > 0 {
		text, found := topLevel(source, m.mapping.Fields[m.mapping.Time[0]].Path)
		if at := readTime(string(text)); found && !at.IsZero() {
			return at
		}
	}
	root, err := decode(source)
	if err != nil {
		return time.Time{}
	}
	shaped, mapping := m.shaped(root), m.mapping
	if mapping == nil {
		mapping = m.library.mappings[shaped.mapping]
	}
	if mapping == nil {
		return time.Time{}
	}
	return timeOf(mapping, shaped)
}

// EventTime is Matcher.EventTime with the library in use.
func (m *LiveMatcher) EventTime(source []byte) time.Time { return m.of.Load().EventTime(source) }

// TimePaths are where the mapping's events hold their time, the one that counts first first. For Auto there are none: each
// event's shape says where.
func (m *LiveMatcher) TimePaths() (paths []string) {
	mapping := m.of.Load().mapping
	if mapping == nil {
		return nil
	}
	for _, name := range mapping.Time {
		paths = append(paths, mapping.Fields[name].Path)
	}
	return paths
}

// topLevel finds the string of that name among the members of a JSON object, not deeper; one with an escape is not found.
func topLevel(source []byte, name string) (text []byte, found bool) {
	i := skipSpace(source, 0)
	for i < len(source) && (source[i] == '{' || source[i] == ',') {
		key, next, ok := plainString(source, skipSpace(source, i+1))
		if i = skipSpace(source, next); !ok || i >= len(source) || source[i] != ':' {
			return nil, false
		}
		i = skipSpace(source, i+1)
		if string(key) == name {
			text, _, found = plainString(source, i)
			return text, found
		}
		i = skipSpace(source, skipValue(source, i))
	}
	return nil, false
}

func skipSpace(source []byte, i int) int {
	for i < len(source) && (source[i] == ' ' || source[i] == '\n' || source[i] == '\t' || source[i] == '\r') {
		i++
	}
	return i
}

// plainString reads a string without escapes and says where it ends.
func plainString(source []byte, i int) (text []byte, next int, ok bool) {
	if i >= len(source) || source[i] != '"' {
		return nil, i, false
	}
	end := skipString(source, i)
	text = source[i+1 : max(i+1, end-1)]
	return text, end, bytes.IndexByte(text, '\\') < 0
}

// skipString is the place behind the string that begins at i.
func skipString(source []byte, i int) int {
	for i++; i < len(source); i++ {
		next := bytes.IndexByte(source[i:], '"')
		if next < 0 {
			return len(source)
		}
		slashes := 0
		for slashes < next && source[i+next-1-slashes] == '\\' {
			slashes++
		}
		if i += next; slashes%2 == 0 {
			return i + 1
		}
	}
	return len(source)
}

// skipValue is the place behind the value that begins at i.
func skipValue(source []byte, i int) int {
	for depth := 0; i < len(source); i++ {
		switch source[i] {
		case '"':
			i = skipString(source, i) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		switch {
		case depth < 0: // of the object around
			return i
		case depth == 0:
			return i + 1
		}
	}
	return i
}
