package engine

import "bytes"

// Wazuh 4 writes the values of Windows' event data with every backslash and quote escaped once more than JSON asks, so
// that a decoded event holds C:\\Windows. Rules say C:\Windows: at the places where that is so one level is taken off.

// undouble takes the level off a value's text. What is spelled plainly stays so.
func (m *Matcher) undouble(v *value) {
	if v.kind != kindString || bytes.IndexByte(v.raw, '\\') < 0 {
		return
	}
	made := value{at: -1, kind: kindString, how: v.how}
	if v.how == simple {
		made.raw = m.keep(undoubledRaw(m.take(len(v.raw)), v.raw))
	} else {
		plain := m.plain(v)
		made.plain, made.how = m.keep(undoubled(m.take(len(plain)), plain)), strange
		made.raw = made.plain
	}
	*v = made
}

// undoubled takes the level off plain text.
func undoubled(into, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (text[i+1] == '\\' || text[i+1] == '"') {
			i++
		}
		into = append(into, text[i])
	}
	return into
}

// undoubledRaw takes it off text as the event spells it, in which each backslash begins an escape of two bytes.
func undoubledRaw(into, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			into = append(into, raw[i])
			continue
		}
		if i+3 < len(raw) && raw[i+1] == '\\' && raw[i+2] == '\\' && (raw[i+3] == '\\' || raw[i+3] == '"') {
			i += 2
		}
		into = append(into, raw[i], raw[i+1])
		i++
	}
	return into
}
