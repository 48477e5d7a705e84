package engine

import (
	"slices"
	"strings"

	"github.com/sallyport-soar/sallyport/rules/logsource"
)

// shape is where an event keeps Windows' fields, if it has any: one of these structures, and beyond them each structure
// once more for each table of a mapping.
type shape uint16

const (
	loose     shape = iota // fields at their own paths
	flat                   // Windows' fields at the top
	nested                 // Event.System, Event.EventData, Event.UserData, as EVTX tools write them
	beats                  // winlog
	wazuh                  // data.win
	wazuhFlat              // the same, under the one name "data.win"
	structures
)

// with is the structure with the table of a mapping; -1 is none.
func (s shape) with(table int) shape { return s + structures*shape(table+1) }

// place is where a field may be. Of a field's places the first that the event has counts.
type place struct {
	node   int32
	within int32 // must be an object, -1 if nothing must
	whole  bool  // an object here does not count
	path   bool  // a list of objects on the way stands for its elements

	doubled bool // values here are escaped once more than JSON asks
}

// layout knows where each field of a rule is, in each shape.
type layout struct {
	tree       *tree
	fields     []string
	index      map[string]int32
	places     [][][]place // by shape, by field; of structures alone until renumber
	taxonomies []*taxonomy
	known      knownPlaces
}

// knownPlaces are those that tell an event's shape and log source.
type knownPlaces struct {
	event, winlog, data, win, winFlat, channel, eventID int32
	source, name, syslog                                int32
	shippers                                            []int32
	word, id                                            int32 // fields
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
	for s, windows := range [structures][]place{
		nested: l.nested(lowered), beats: l.beats(lowered), wazuh: l.wazuh(l.known.win, lowered), wazuhFlat: l.wazuh(l.known.winFlat, lowered),
	} {
		own := paths
		if shape(s) == flat {
			own = append(slices.Clone(paths), squeezed)
		}
		l.places[s] = append(l.places[s], slices.Concat(windows, own))
		for _, t := range l.taxonomies {
			if elsewhere := t.of.Fields[lowered]; elsewhere != nil {
				t.places[s][at] = slices.Concat(windows, l.anyOf(elsewhere), own)
			}
		}
	}
	return at
}

func (l *layout) anyOf(names []string) (found []place) {
	for _, name := range names {
		found = append(found, l.paths(0, name)...)
	}
	return found
}

// names are those by which a field is looked for in the decoded event.
func (l *layout) names(in shape, field int32) []string {
	own := l.fields[field]
	if in < structures {
		return []string{own}
	}
	return append(slices.Clone(l.taxonomies[in/structures-1].of.Fields[strings.ToLower(own)]), own)
}

// paths are the places of a dotted name: the name itself, then what each of its dots may part.
func (l *layout) paths(from int32, name string) []place {
	found := []place{{node: l.tree.lead(from, name), within: -1, path: true}}
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
		{node: t.folded(t.rest(user), name), within: user},
		{node: t.folded(data, name), within: data},
		{node: t.lead(direct, "#text"), within: direct},
		{node: direct, within: system, whole: true},
	}
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '_' {
			attributes := t.lead(t.folded(system, name[:i]), "#attributes")
			found = append(found, place{node: t.folded(attributes, name[i+1:]), within: attributes})
		}
	}
	return found
}

func (l *layout) beats(name string) []place {
	t := l.tree
	user, data := t.lead(l.known.winlog, "user_data"), t.lead(l.known.winlog, "event_data")
	return []place{{node: t.folded(user, name), within: user}, {node: t.folded(data, name), within: data}}
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
	return []place{{node: t.folded(t.rest(win), name), within: -1, doubled: true}, {node: t.folded(system, name), within: system}}
}

func newLayout(mappings []*logsource.Shape) *layout {
	l := &layout{tree: newTree(), index: map[string]int32{}, places: make([][][]place, structures)}
	t, k := l.tree, &l.known
	k.event, k.winlog, k.data, k.winFlat = t.lead(0, "Event"), t.lead(0, "winlog"), t.lead(0, "data"), t.lead(0, "data.win")
	k.win = t.lead(k.data, "win")
	k.channel, k.eventID = t.lead(0, "Channel"), t.lead(0, "EventID")
	k.source, k.name, k.syslog = t.lead(0, "eventSource"), t.lead(0, "eventName"), t.lead(0, "SyslogMessage")
	for _, of := range mappings {
		made := &taxonomy{of: of}
		for s := range made.places {
			made.places[s] = map[int32][]place{}
		}
		l.taxonomies = append(l.taxonomies, made)
	}
	k.word, k.id = l.field("Channel"), l.field("EventID")
	for _, made := range l.taxonomies {
		made.ask(l)
	}
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
	moveAll := func(places []place) {
		for i := range places {
			move(&places[i].node)
			move(&places[i].within)
		}
	}
	for _, fields := range l.places {
		for _, places := range fields {
			moveAll(places)
		}
	}
	for _, t := range l.taxonomies {
		for i := range t.marks {
			t.marks[i].look(l)
		}
		for s, fields := range t.places {
			row := slices.Clone(l.places[s])
			for field, places := range fields {
				moveAll(places)
				row[field] = places
			}
			l.places = append(l.places, row)
		}
	}
	k := &l.known
	for _, at := range []*int32{&k.event, &k.winlog, &k.data, &k.win, &k.winFlat, &k.channel, &k.eventID, &k.source, &k.name, &k.syslog} {
		move(at)
	}
	for i := range k.shippers {
		move(&k.shippers[i])
	}
}
