package engine

import "bytes"

// Wazuh 4 writes the values of Windows' event data with every backslash and quote escaped once more than JSON asks, so
// that a decoded event holds C:\\Windows. Rules say C:\Windows: at the places where that is so one level is taken off.

// undouble takes the level off a value's text.
func (m *Matcher) undouble(v *value) {
	if v.kind != kindString || v.plain == nil && bytes.IndexByte(v.raw, '\\') < 0 {
		return
	}
	if text := m.plain(v); bytes.Contains(text, []byte(`\\`)) || bytes.Contains(text, []byte(`\"`)) {
		v.plain, v.folded, v.simple = m.keep(undoubled(m.take(len(text)), text)), nil, false
	}
}

func undoubled(into, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (text[i+1] == '\\' || text[i+1] == '"') {
			i++
		}
		into = append(into, text[i])
	}
	return into
}

// siftDoubled is siftSpan at such a place.
func (m *Matcher) siftDoubled(s *sieve, f *filter, span *span) {
	from, start := len(m.values), int(span.start)
	if span.kind == kindString {
		start--
	}
	m.gather(start)
	for k := from; k < len(m.values); k++ {
		v := &m.values[k]
		m.undouble(v)
		m.siftGathered(s, f, v)
	}
	for _, p := range f.present { // also an empty list is there
		m.wake(s, p)
	}
}
