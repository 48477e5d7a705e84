package engine

import (
	"bytes"

	"github.com/sallyport-soar/sallyport/rules/logsource"
)

func (m *Matcher) kindAt(node int32) byte {
	if at := m.at[node]; at >= 0 {
		return m.spans[at].kind
	}
	return 0
}

func (m *Matcher) there(node int32) bool {
	kind := m.kindAt(node)
	return kind != 0 && kind != kindNull
}

// tellShape says where Windows' fields are, and the mapping for such events.
func (m *Matcher) tellShape() (s shape, mapping string) {
	k := &m.program.layout.known
	switch {
	case m.kindAt(k.event) == kindObject:
		return nested, "windows"
	case m.kindAt(k.winlog) == kindObject:
		return beats, "ecs"
	case m.kindAt(k.winFlat) == kindObject:
		s = wazuhFlat
	case m.kindAt(k.winFlat) == 0 && m.kindAt(k.data) == kindObject && m.kindAt(k.win) == kindObject:
		s = wazuh
	}
	switch {
	case m.there(k.channel) && m.there(k.eventID):
		if s == loose {
			s = flat
		}
		return s, "windows"
	case m.kindAt(k.rule) == kindObject && m.kindAt(k.agent) == kindObject:
		return s, "wazuh4"
	case m.there(k.ecs) || len(m.word(k.kind, loose)) > 0:
		return s, "ecs"
	}
	return s, ""
}

// IgnoreLogsource lets the matcher try every rule on every event, native rules of every mapping too.
func (m *Matcher) IgnoreLogsource() { m.everything = true }

// Source is the log source of the last event.
func (m *Matcher) Source() logsource.Class { return m.routed.source }

// route finds the class of the event's log source.
func (m *Matcher) route() *class {
	k := &m.program.layout.known
	s, seen := m.tellShape()
	mapping := m.mapping
	if mapping == "" {
		mapping = seen
	}
	m.shape = s
	m.key = append(append(append(m.key[:0], byte(s), byte(len(mapping))), mapping...), 0)
	head := len(m.key)
	channel, id := m.word(k.word, s), m.word(k.id, s)
	var shipped bool
	for _, node := range k.shippers {
		shipped = shipped || m.there(node)
	}
	windows := len(id) > 0 && (len(channel) > 0 || seen != "wazuh4")
	switch {
	case m.everything:
		m.key = append(m.key, 'e')
	case windows:
		m.key = append(append(append(append(m.key, 'w'), channel...), 0), id...)
	case m.there(k.source) && m.there(k.name):
		m.key = append(m.key, 'c')
	case m.there(k.syslog):
		m.key = append(m.key, 's')
	case shipped:
		m.key = append(m.key, 'w', 0)
	case seen == "wazuh4":
		m.key = append(append(m.key, 'd'), m.word(k.decoder, loose)...)
	default: // nothing tells it: every Sigma rule is tried, whether the stream's mapping is named or not
		m.key = append(m.key, 'a')
	}
	m.routed = m.classAt(s, mapping, head)
	return m.routed
}

// classAt is the class of the key, whose log source begins at head.
func (m *Matcher) classAt(s shape, mapping string, head int) *class {
	if known, ok := m.classes[string(m.key)]; ok {
		return known
	}
	if len(m.classes) >= maxKeys {
		clear(m.classes)
	}
	made := m.program.class(s, mapping, sourceOf(m.key[head:]))
	m.classes[string(m.key)] = made
	return made
}

// maxKeys bounds what a matcher remembers of log sources, whose names are an event's text.
const maxKeys = 4096

// sourceOf reads the log source off a key.
func sourceOf(key []byte) logsource.Class {
	text := string(key[1:])
	switch key[0] {
	case 'w':
		channel, id, _ := cutZero(text)
		return logsource.Windows(channel, id)
	case 'c':
		return logsource.CloudTrail
	case 's':
		return logsource.Syslog
	case 'd':
		if class, ok := logsource.Decoder(text); ok {
			return class
		}
		return logsource.Class{None: true}
	}
	return logsource.Class{Any: key[0] == 'a', All: key[0] == 'e'}
}

func cutZero(text string) (before, after string, ok bool) {
	at := bytes.LastIndexByte([]byte(text), 0)
	return text[:at], text[at+1:], true
}
