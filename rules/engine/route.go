package engine

import "github.com/sallyport-soar/sallyport/rules/logsource"

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

// structure says where Windows' fields are.
func (m *Matcher) structure() shape {
	k := &m.program.layout.known
	switch {
	case m.kindAt(k.event) == kindObject:
		return nested
	case m.kindAt(k.winlog) == kindObject:
		return beats
	case m.kindAt(k.winFlat) == kindObject:
		return wazuhFlat
	case m.kindAt(k.winFlat) == 0 && m.kindAt(k.data) == kindObject && m.kindAt(k.win) == kindObject:
		return wazuh
	case m.there(k.channel) && m.there(k.eventID):
		return flat
	}
	return loose
}

// IgnoreLogsource lets the matcher try every rule on every event, native rules of every mapping too.
func (m *Matcher) IgnoreLogsource() { m.everything = true }

// Source is the log source of the last event.
func (m *Matcher) Source() logsource.Class { return m.routed.source }

// route finds the class of the event's log source.
func (m *Matcher) route() *class {
	l := m.program.layout
	mapping, at := m.mapping, m.table
	if at < 0 {
		if at = m.recognise(); at >= 0 && mapping == "" {
			mapping = l.taxonomies[at].of.ID
		}
	}
	var of *taxonomy
	if at >= 0 {
		of = l.taxonomies[at]
	}
	s := m.structure().with(at)
	m.shape = s
	m.key = append(append(append(m.key[:0], byte(s), byte(s>>8), byte(len(mapping))), mapping...), 0)
	head := len(m.key)
	if m.everything {
		m.key = append(m.key, 'e')
	} else {
		m.tellSource(of, s)
	}
	m.routed = m.classAt(of, mapping, head)
	return m.routed
}

// classAt is the class of the key, whose log source begins at head.
func (m *Matcher) classAt(of *taxonomy, mapping string, head int) *class {
	if known, ok := m.classes[string(m.key)]; ok {
		return known
	}
	if len(m.classes) >= maxKeys {
		clear(m.classes)
	}
	made := m.program.class(m.shape, mapping, sourceOf(m.key[head:], of))
	m.classes[string(m.key)] = made
	return made
}

// tellSource appends what tells the log source: that of a Windows event by its channel and id, else what the table asks
// and what stands for other sources.
func (m *Matcher) tellSource(of *taxonomy, s shape) {
	k := &m.program.layout.known
	windows := of == nil || len(of.of.Channels) > 0
	var channel, id []byte
	if windows {
		channel, id = m.word(k.word, s), m.word(k.id, s)
	}
	channel = channel[:min(len(channel), 1<<16-1)]
	if len(id) > 0 && len(channel) > 0 {
		m.key = append(append(append(m.key, 'w', byte(len(channel)), byte(len(channel)>>8)), channel...), id...)
		return
	}
	m.key = append(m.key, 't')
	if of != nil {
		m.tell(of, s)
	}
	shipped := false
	for _, node := range k.shippers {
		shipped = shipped || m.there(node)
	}
	switch {
	case len(id) > 0:
		m.key = append(append(m.key, 'w', 0, 0), id...)
	case m.there(k.source) && m.there(k.name):
		m.key = append(m.key, 'c')
	case m.there(k.syslog):
		m.key = append(m.key, 's')
	case shipped:
		m.key = append(m.key, 'w', 0, 0)
	default: // nothing tells it: every Sigma rule is tried, whether the stream's mapping is named or not
		m.key = append(m.key, 'a')
	}
}

// maxKeys bounds what a matcher remembers of log sources, whose names are an event's text.
const maxKeys = 4096

// sourceOf reads the log source off a key.
func sourceOf(key []byte, of *taxonomy) logsource.Class {
	if key[0] == 't' {
		key = key[1:]
		if of != nil {
			if class, told := of.class(key); told {
				return class
			}
			key = key[len(of.asked):]
		}
	}
	switch key[0] {
	case 'w':
		at := 3 + int(key[1]) + int(key[2])<<8
		return logsource.Windows(string(key[3:at]), string(key[at:]))
	case 'c':
		return logsource.CloudTrail
	case 's':
		return logsource.Syslog
	}
	return logsource.Class{Any: key[0] == 'a', All: key[0] == 'e'}
}
