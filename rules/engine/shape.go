package engine

import (
	"slices"
	"strings"
)

// shape is where an event keeps Windows' fields, if it has any.
type shape uint8

const (
	loose     shape = iota // fields at their own paths
	flat                   // Windows' fields at the top
	nested                 // Event.System, Event.EventData, Event.UserData, as EVTX tools write them
	beats                  // winlog and the common schema
	wazuh                  // data.win
	wazuhFlat              // the same, under the one name "data.win"
	shapes
)

// place is where a field may be. Of a field's places the first that the event has counts.
type place struct {
	node   int32
	within int32 // must be an object, -1 if nothing must
	whole  bool  // an object here does not count
	path   bool  // a list of objects on the way stands for its elements
}

// layout knows where each field of a rule is, in each shape.
type layout struct {
	tree   *tree
	fields []string
	index  map[string]int32
	places [shapes][][]place // by field
	known  knownPlaces
}

// knownPlaces are those that tell an event's shape and log source.
type knownPlaces struct {
	event, winlog, data, win, winFlat, rule, agent, ecs, channel, eventID int32
	source, name, syslog                                                  int32
	shippers                                                              []int32
	kind, decoder, word, id                                               int32 // fields
}

// maxDots bounds the dots of a field's name: each doubles the places where it may be.
const maxDots = 8

// field is the number of a field of that name.
func (l *layout) field(name string) int32 {
	if at, ok := l.index[name]; ok {
		return at
	}
	at := int32(len(l.fields))
	l.index[name], l.fields = at, append(l.fields, name)
	paths := l.paths(0, name)
	lowered := strings.ToLower(name)
	squeezed := place{node: l.tree.lead(l.tree.side(0, spaced), name), within: -1}
	for s, windows := range map[shape][]place{
		loose: nil, flat: nil, nested: l.nested(lowered), beats: l.beats(lowered),
		wazuh: l.wazuh(l.known.win, lowered), wazuhFlat: l.wazuh(l.known.winFlat, lowered),
	} {
		l.places[s] = append(l.places[s], slices.Concat(windows, paths))
	}
	l.places[flat][at] = append(l.places[flat][at], squeezed)
	return at
}

// paths are the places of a dotted name: the name itself, then what each of its dots may part.
func (l *layout) paths(from int32, name string) []place {
	found := []place{{l.tree.lead(from, name), -1, false, true}}
	for i := range len(name) {
		if name[i] == '.' {
			head := l.tree.lead(from, name[:i])
			l.tree.nodes[head].lists = true
			found = append(found, l.paths(head, name[i+1:])...)
		}
	}
	return found
}

func (l *layout) nested(name string) []place {
	t := l.tree
	system, data := t.lead(l.known.event, "System"), t.lead(l.known.event, "EventData")
	user := t.lead(l.known.event, "UserData")
	direct := t.folded(system, name)
	found := []place{
		{t.folded(t.rest(user), name), user, false, false},
		{t.folded(data, name), data, false, false},
		{t.lead(direct, "#text"), direct, false, false},
		{direct, system, true, false},
	}
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '_' {
			attributes := t.lead(t.folded(system, name[:i]), "#attributes")
			found = append(found, place{t.folded(attributes, name[i+1:]), attributes, false, false})
		}
	}
	return found
}

// common are fields that the common schema names, and winlogNames those beside winlog.event_data.
var common = map[string]string{
	"commandline": "process.command_line", "image": "process.executable", "parentimage": "process.parent.executable",
	"parentcommandline": "process.parent.command_line", "targetfilename": "file.path", "queryname": "dns.question.name",
}

var winlogNames = map[string]string{"channel": "channel", "eventid": "event_id", "computer": "computer_name", "provider_name": "provider_name"}

func (l *layout) beats(name string) []place {
	t := l.tree
	user, data := t.lead(l.known.winlog, "user_data"), t.lead(l.known.winlog, "event_data")
	found := []place{{t.folded(user, name), user, false, false}, {t.folded(data, name), data, false, false}}
	if path := common[name]; path != "" {
		found = append(found, l.paths(0, path)...)
	}
	if beside := winlogNames[name]; beside != "" {
		found = append(found, place{t.lead(l.known.winlog, beside), -1, false, false})
	}
	return found
}

func (l *layout) wazuh(win int32, name string) []place {
	if name == "provider_name" {
		if found := l.wazuh(win, "providername"); found != nil {
			return append(found, l.sections(win, name)...)
		}
	}
	return l.sections(win, name)
}

func (l *layout) sections(win int32, name string) []place {
	t := l.tree
	system := t.folded(win, "system")
	return []place{{t.folded(t.rest(win), name), -1, false, false}, {t.folded(system, name), system, false, false}}
}

func newLayout() *layout {
	l := &layout{tree: newTree(), index: map[string]int32{}}
	t, k := l.tree, &l.known
	k.event, k.winlog, k.data, k.winFlat = t.lead(0, "Event"), t.lead(0, "winlog"), t.lead(0, "data"), t.lead(0, "data.win")
	k.win = t.lead(k.data, "win")
	k.rule, k.agent, k.ecs = t.lead(0, "rule"), t.lead(0, "agent"), t.lead(0, "ecs")
	k.channel, k.eventID = t.lead(0, "Channel"), t.lead(0, "EventID")
	k.source, k.name, k.syslog = t.lead(0, "eventSource"), t.lead(0, "eventName"), t.lead(0, "SyslogMessage")
	k.kind, k.decoder, k.word, k.id = l.field("event.kind"), l.field("decoder.name"), l.field("Channel"), l.field("EventID")
	return l
}

// renumber gives the nodes behind the event's own names the lowest numbers, so that what one event touches lies close
// together: the tables by node are large, and an event has thirty of their places.
func (l *layout) renumber() {
	t := l.tree
	to, next := make([]int32, len(t.nodes)), int32(1)
	for _, top := range []bool{true, false} {
		for _, e := range t.edges[1:] {
			if (e.parent == 0) == top && to[e.child] == 0 {
				to[e.child] = next
				next++
			}
		}
	}
	for i := range to {
		if i > 0 && to[i] == 0 {
			to[i] = next
			next++
		}
	}
	move := func(at *int32) {
		if *at >= 0 {
			*at = to[*at]
		}
	}
	moved := make([]node, len(t.nodes))
	for i, n := range t.nodes {
		move(&n.blind)
		move(&n.spaced)
		move(&n.any)
		moved[to[i]] = n
	}
	t.nodes = moved
	for i := range t.edges {
		move(&t.edges[i].parent)
		move(&t.edges[i].child)
	}
	for _, fields := range l.places {
		for _, places := range fields {
			for i := range places {
				move(&places[i].node)
				move(&places[i].within)
			}
		}
	}
	k := &l.known
	for _, at := range []*int32{&k.event, &k.winlog, &k.data, &k.win, &k.winFlat, &k.rule, &k.agent, &k.ecs, &k.channel, &k.eventID, &k.source, &k.name, &k.syslog} {
		move(at)
	}
	for i := range k.shippers {
		move(&k.shippers[i])
	}
}
